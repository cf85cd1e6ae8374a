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

from ledger_service.chain import abi
from ledger_service.chain.compile import compile_contracts, node_on_path
from ledger_service.local.postgres import EmbeddedPostgres
from ledger_service.local.state import prepare
from ledger_service.store.migrate import upgrade
from ledger_service.store.store import connect

PROJECT = Path(__file__).parents[1]
TEMPLATE = "crowdledger_template"
MEMORY, ENOUGH_MEMORY = Path("/dev/shm"), 4 << 30
EVERY_FAULT = "--every-fault"
# These rows need not outlive the run; and a log of writes that is kept short leaves the memory free.
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_wal_size": "128MB"}
LONGEST = (
    "tests/contracts/test_mutants",
    "tests/demo_job/",
    "tests/benches/test_log.py",
    "tests/restore/test_demo",
    "tests/faults/",
    "tests/claims/test_gone",
    "tests/scripts/",
)
_number = itertools.count()


def pytest_addoption(parser: pytest.Parser) -> None:
    """What takes too long for every change."""
    parser.addoption(
        EVERY_FAULT, action="store_true", help="inject every fault, and change every bit, not one in a few"
    )


def quick_folder() -> Path:
    """A new folder for what need not be durable: in memory, where there is plenty.

    It is not pytest's own: a database server may run as another user, who must be able to enter.
    """
    in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH_MEMORY
    return Path(tempfile.mkdtemp(prefix="cl-", dir=MEMORY if in_memory else None)).resolve()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest come first, so that at the end no process waits for the other."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


@pytest.fixture(scope="session")
def artifacts() -> dict[str, abi.Artifact]:
    """The compiled contracts, as the set-up made them."""
    return abi.load_artifacts(compile_contracts(PROJECT, PROJECT / ".crowdledger" / "artifacts"))


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A server with a template database that has the whole schema."""
    folder = prepare(quick_folder())
    server = EmbeddedPostgres(folder)
    try:
        server.start()
        for setting, value in FORGETFUL.items():
            _execute(server.url, f"ALTER SYSTEM SET {setting} = '{value}'")
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
    script = PROJECT / "hardhat_local" / "chain.js"
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
