"""Fixtures of the monitor's tests: a log over HTTP, a real chain, a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger_service.chain import abi
from ledger_service.chain.client import ChainClient
from ledger_service.chain.compile import compile_contracts
from ledger_service.chain.rpc import Rpc
from tests.audit.builder import Builder
from tests.audit.chain_world import ChainWorld
from tests.conftest import local_chain
from tests.monitor.world import MonitorServer, Watched

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def node_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A local chain for the tests of this folder."""
    with local_chain(tmp_path_factory.mktemp("chain")) as url:
        yield url


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, abi.Artifact]:
    """The compiled contracts."""
    return abi.load_artifacts(compile_contracts(PROJECT, tmp_path_factory.mktemp("artifacts")))


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


@pytest.fixture
def watched(world: ChainWorld, made: Builder, node_url: str, tmp_path: Path) -> Iterator[Watched]:
    """An honest log, and somebody who watches it; its openings are shown to its requester."""
    with MonitorServer(tmp_path / "log", made.requester.address) as server:
        found = Watched(world, node_url, tmp_path / "log", server, tmp_path / "state")
        found.escrow = world.escrow
        found.publish(made)
        yield found
