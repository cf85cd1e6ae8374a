"""Fixtures of the audit's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger_service.audit.auditor import Pins, audit
from ledger_service.audit.report import AuditReport
from ledger_service.audit.source import DirSource
from ledger_service.chain import abi
from ledger_service.chain.client import ChainClient
from ledger_service.chain.compile import compile_contracts
from ledger_service.chain.rpc import Rpc
from tests.audit.builder import ESCROW, LOG_ADDRESS, Builder, Change
from tests.audit.chain_world import ChainWorld
from tests.conftest import local_chain

PROJECT = Path(__file__).parents[2]
Audited = Callable[..., AuditReport]


def pins(made: Builder) -> Pins:
    """What a reader who knows the log from elsewhere pins."""
    return Pins(str(made.log_key.verifier), LOG_ADDRESS, ESCROW)


@pytest.fixture
def audited(tmp_path: Path) -> Audited:
    """Builds a log with changes, saves it and audits what was saved."""

    def run(changes: dict[str, Change] | None = None, *, openings: bool = True) -> AuditReport:
        made = Builder(changes=changes or {})
        folder = made.save(tmp_path / "log", openings=openings)
        return audit(DirSource(folder), pins=pins(made))

    return run


@pytest.fixture(scope="session")
def honest() -> Builder:
    """A log in which nothing was tampered with."""
    return Builder()


@pytest.fixture(scope="module")
def node_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A local chain for the tests of this folder."""
    with local_chain(tmp_path_factory.mktemp("chain")) as url:
        yield url


@pytest.fixture(scope="module")
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
