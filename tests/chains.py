"""Fixtures of folders whose tests have contracts of their own on a real chain, one for each such folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ledger_service.chain import abi
from ledger_service.chain.client import ChainClient
from ledger_service.chain.rpc import Rpc
from tests.audit.builder import Builder
from tests.audit.chain_world import ChainWorld
from tests.conftest import local_chain


@pytest.fixture(scope="session")
def node_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A local chain for the tests of a folder."""
    with local_chain(tmp_path_factory.mktemp("chain")) as url:
        yield url


@pytest.fixture
def world(node_url: str, artifacts: dict[str, abi.Artifact]) -> Iterator[ChainWorld]:
    """New contracts for each test."""
    node, client = Rpc(node_url, 30), ChainClient.connect(node_url, finality_depth=0)
    yield ChainWorld(node, client, artifacts)
    client.close()
    node.close()


@pytest.fixture
def made(world: ChainWorld) -> Builder:
    """A funded campaign whose whole log is anchored, in three steps."""
    made = Builder(place=world.place)
    world.fund(made)
    world.anchor(made, 20, 100, len(made.entries))
    return made
