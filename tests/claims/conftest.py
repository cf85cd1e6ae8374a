"""A real chain for the tests of this folder, with contracts of its own for each test."""

from __future__ import annotations

from pathlib import Path

import pytest
import solcx

from ledger_service.chain import abi
from ledger_service.chain.compile import node_on_path
from tests.chains import node_url, world

__all__ = ["node_url", "world"]

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def artifacts(artifacts: dict[str, abi.Artifact]) -> dict[str, abi.Artifact]:
    """The compiled contracts, with those of this folder."""
    source = Path(__file__).with_name("contracts.sol").read_text("utf-8")
    outputs = {"*": {"*": ["abi", "evm.bytecode.object"]}}
    request = {
        "language": "Solidity",
        "sources": {"contracts.sol": {"content": source}},
        "settings": {"evmVersion": "prague", "outputSelection": outputs},
    }
    with node_on_path():
        found = solcx.compile_standard(request, solc_binary=PROJECT / "hardhat_local" / "solc.cjs")
    extra = {
        name: abi.Artifact(name, tuple(one["abi"]), bytes.fromhex(one["evm"]["bytecode"]["object"]))
        for name, one in found["contracts"]["contracts.sol"].items()
    }
    return artifacts | extra
