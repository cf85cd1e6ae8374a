"""One PostgreSQL server for all tests; each test that asks for it gets a database of its own."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, make_url, text

from ledger_service.chain.compile import node_on_path
from ledger_service.local.postgres import EmbeddedPostgres
from ledger_service.local.state import prepare
from ledger_service.store.migrate import upgrade
from ledger_service.store.store import connect

TEMPLATE = "crowdledger_template"
EVERY_FAULT = "--every-fault"
_number = itertools.count()


def pytest_addoption(parser: pytest.Parser) -> None:
    """What takes too long for every change."""
    parser.addoption(EVERY_FAULT, action="store_true", help="inject every fault, not one in five")


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A server with a template database that has the whole schema."""
    # Not pytest's own folder: the server may run as another user, who must be able to enter.
    folder = prepare(Path(tempfile.mkdtemp(prefix="cl-")))
    server = EmbeddedPostgres(folder)
    try:
        server.start()
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            _execute(server.url, f"ALTER SYSTEM SET {setting} = off")  # these rows need not outlive the run
        _execute(server.url, "SELECT pg_reload_conf()")
        _execute(server.url, f"CREATE DATABASE {TEMPLATE}")
        template = connect(_named(server.url, TEMPLATE))
        upgrade(template)
        template.dispose()
        yield server.url
    finally:
        server.stop()
        shutil.rmtree(folder)


@pytest.fixture
def database(server_url: str) -> Iterator[Engine]:
    """An empty database with the whole schema."""
    with new_database(server_url) as made:
        yield made


@contextmanager
def new_database(server_url: str) -> Iterator[Engine]:
    """A copy of the template, for the length of the block."""
    name = f"test_{next(_number)}"
    _execute(server_url, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    engine = connect(_named(server_url, name))
    try:
        yield engine
    finally:
        engine.dispose()
        _execute(server_url, f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def local_chain(state: Path) -> Iterator[str]:
    """The URL of a local chain of its own, which mines a block for each transaction; for one block."""
    script = Path(__file__).parents[1] / "hardhat_local" / "chain.js"
    if not (script.parent / "node_modules" / "hardhat").is_dir():
        pytest.skip("the local chain is not installed: run scripts/setup")
    with node_on_path():
        command = ["node", str(script), "--port", "0", "--state", str(state)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            assert process.stdout is not None
            ready = process.stdout.readline()
            assert ready, f"the local chain ended with status {process.wait(20)}"
            yield json.loads(ready)["rpc"]
        finally:
            process.terminate()


def _named(url: str, database: str) -> str:
    return make_url(url).set(database=database).render_as_string(hide_password=False)


def _execute(url: str, statement: str) -> None:
    engine = connect(url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(statement))
    engine.dispose()
