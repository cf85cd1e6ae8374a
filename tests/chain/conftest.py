"""A real chain and a real database for the tests of this folder, each started once."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ledger_service.chain import abi
from ledger_service.chain.client import ChainClient
from ledger_service.chain.rpc import Rpc
from ledger_service.chain.signer import LocalSigner
from ledger_service.signing import Wallet
from tests.chain.world import ETHER, Clock, Control, World
from tests.chains import node_url
from tests.conftest import new_database

__all__ = ["node_url"]

PROJECT = Path(__file__).parents[2]
DEPTH = 3
"""Blocks above a block that make it final, in these tests."""


@pytest.fixture(scope="session")
def database(server_url: str) -> Iterator[Engine]:
    """One database with the whole schema, for all tests of this folder."""
    with new_database(server_url) as made:
        yield made


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
