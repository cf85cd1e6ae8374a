"""A real PostgreSQL for the tests of the API: one server, with the whole schema, for all of them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ledger_service.local.postgres import EmbeddedPostgres
from ledger_service.local.state import prepare
from ledger_service.store.metadata import metadata
from ledger_service.store.store import connect


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    # Not pytest's own folder: the server may run as another user, who must be able to enter.
    folder = prepare(Path(tempfile.mkdtemp(prefix="cl-api-")))
    server = EmbeddedPostgres(folder)
    try:
        server.start()
        yield server.url
    finally:
        server.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def engine(postgres_url: str) -> Iterator[Engine]:
    """The database, with every table: `store` imports all modules that declare one."""
    made = connect(postgres_url)
    metadata.create_all(made)
    yield made
    made.dispose()
