"""The checkpoints of sigstore's conformance suite for Rekor v2, as they are there: real logs, real witnesses.

rekor_cases.json has, of each case, the checkpoint, the entry, its path and the logs' Ed25519 keys; its first
members say where they are from. A name that ends in `_fail` has to be refused.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from ledger_service.errors import VerificationError
from ledger_service.log.checkpoint import VerifierKey, open_checkpoint
from ledger_service.log.hashing import leaf_hash
from ledger_service.log.proof import verify_inclusion

CASES = {
    case["name"]: case
    for case in json.loads((Path(__file__).parent / "rekor_cases.json").read_text())["cases"]
}
ED25519_BYTES = 32  # the end of a SubjectPublicKeyInfo


def verifies(case: dict[str, Any], log: dict[str, str], body: bytes) -> None:
    """As a client does that trusts this log: its signature on the head, and the entry under it."""
    key = VerifierKey(log["origin"], base64.b64decode(log["public_key"])[-ED25519_BYTES:])
    head = open_checkpoint(case["checkpoint"], key)
    path = [base64.b64decode(value) for value in case["hashes"]]
    verify_inclusion(leaf_hash(body), case["index"], head.size, path, head.root)


def test_all_of_the_suite_are_here() -> None:
    refused = sum(name.endswith("_fail") for name in CASES)
    assert (len(CASES) - refused, refused) == (6, 5)
    assert all(case["logs"] for case in CASES.values())


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_case_of_the_suite_is_decided_as_it_demands(name: str) -> None:
    case = CASES[name]
    body = base64.b64decode(case["body"])
    for log in case["logs"]:
        if name.endswith("_fail"):
            with pytest.raises(VerificationError):
                verifies(case, log, body)
        else:
            verifies(case, log, body)
            with pytest.raises(VerificationError):
                verifies(case, log, body + b" ")
