"""What is written down of the contracts is what the compiler says of them."""

from __future__ import annotations

from typing import Any

import pytest

from ledger_service.chain.abi import Artifact
from ledger_service.claims.interface import interfaces


def shape(fields: list[dict[str, Any]]) -> list[Any]:
    return [
        (field["name"], field["type"], field.get("indexed", False), shape(field.get("components", [])))
        for field in fields
    ]


def items(artifact: Artifact) -> set[str]:
    return {
        repr((item["type"], item["name"], shape(item["inputs"]), shape(item.get("outputs", []))))
        for item in artifact.abi
        if item["type"] in ("function", "event", "error")
    }


@pytest.mark.parametrize("name", ["CampaignEscrow", "ProvenanceLog"])
def test_every_line_is_the_compilers(name: str, artifacts: dict[str, Artifact]) -> None:
    written = items(interfaces()[name])
    assert len(written) == len(interfaces()[name].abi)
    assert written <= items(artifacts[name]), written - items(artifacts[name])
