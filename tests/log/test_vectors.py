"""Published RFC 6962 vectors, most of them wrong in one way."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from ledger_service.errors import VerificationError
from ledger_service.log.proof import verify_consistency, verify_inclusion

SHARED = Path(os.environ.get("CROWDLEDGER_SHARED", Path(__file__).parents[3] / "shared"))


def vectors(name: str) -> list[dict[str, Any]]:
    path = SHARED / "vectors" / name
    if not path.exists():
        pytest.skip(f"no public vectors at {path}; set CROWDLEDGER_SHARED")
    found: list[dict[str, Any]] = json.loads(path.read_text())
    return found


def unbase64(text: str | None) -> bytes:
    return base64.b64decode(text) if text else b""


def hashes(proof: list[str] | None) -> list[bytes]:
    return [unbase64(text) for text in proof or []]


def refuses(verify: Any, *arguments: Any) -> bool:
    try:
        verify(*arguments)
    except VerificationError:
        return True
    return False


def test_inclusion_vectors() -> None:
    cases = vectors("rfc6962-inclusion.json")
    assert any(case["wantErr"] for case in cases)
    assert not all(case["wantErr"] for case in cases)
    for case in cases:
        found = refuses(
            verify_inclusion,
            unbase64(case["leafHash"]),
            case["leafIdx"],
            case["treeSize"],
            hashes(case["proof"]),
            unbase64(case["root"]),
        )
        assert found == case["wantErr"], case["source"]


def test_consistency_vectors() -> None:
    cases = vectors("rfc6962-consistency.json")
    assert any(case["wantErr"] for case in cases)
    assert not all(case["wantErr"] for case in cases)
    for case in cases:
        found = refuses(
            verify_consistency,
            case["size1"],
            case["size2"],
            unbase64(case["root1"]),
            unbase64(case["root2"]),
            hashes(case["proof"]),
        )
        assert found == case["wantErr"], case["source"]
