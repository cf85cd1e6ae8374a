"""A real chain for the tests of this folder, with contracts of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import solcx

from ledger_service.chain import abi
from ledger_service.chain.client import ChainClient
from ledger_service.chain.compile import compile_contracts, node_on_path
from ledger_service.chain.rpc import Rpc
from tests.audit.chain_world import ChainWorld
from tests.conftest import local_chain

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def node_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A local chain for the tests of this folder."""
    with local_chain(tmp_path_factory.mktemp("chain")) as url:
        yield url


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, abi.Artifact]:
    """The compiled contracts, with those of this folder."""
    ours = abi.load_artifacts(compile_contracts(PROJECT, tmp_path_factory.mktemp("artifacts")))
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
    return ours | extra


@pytest.fixture
def world(node_url: str, artifacts: dict[str, abi.Artifact]) -> Iterator[ChainWorld]:
    """New contracts for each test."""
    node, client = Rpc(node_url, 30), ChainClient.connect(node_url, finality_depth=0)
    yield ChainWorld(node, client, artifacts)
    client.close()
    node.close()
