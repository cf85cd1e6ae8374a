"""Connections to a server that is restarted, or gone."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, create_engine, text

from ledger_service.errors import Unavailable
from ledger_service.log.checkpoint import LogKey
from ledger_service.store import store
from ledger_service.store.store import Store


def end_all_connections(database: Engine) -> None:
    """What a restart of the server does to those who were connected."""
    query = (
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with database.connect() as connection:
        connection.execute(text(query))


@pytest.fixture
def looking(database: Engine) -> Store:
    """A store with five connections that are idle."""
    made = Store(store.connect(database.url.render_as_string(hide_password=False)), KEY, bytes(32))
    held = [made.engine.connect() for _ in range(5)]
    for one in held:
        one.close()
    return made


def test_who_waits_for_a_connection_in_vain_is_told_so(database: Engine) -> None:
    narrow = create_engine(database.url, pool_size=1, max_overflow=0, pool_timeout=0.1)
    made = Store(narrow, KEY, bytes(32))

    def ask() -> None:
        with made.begin():
            pass

    with made.begin(), pytest.raises(Unavailable, match="taken"):
        ask()
    ask()
    made.close()


KEY = LogKey("example.org/log", bytes(32))


def test_connections_that_died_while_idle_are_replaced_unseen(
    database: Engine, looking: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    end_all_connections(database)
    monkeypatch.setattr(store, "_TRUSTED_SECONDS", -1.0)
    for _ in range(6):
        with looking.begin() as uow:
            assert uow.connection.scalar(text("SELECT 1")) == 1
    looking.close()


def test_connections_that_died_just_now_cost_one_request(database: Engine, looking: Store) -> None:
    end_all_connections(database)

    def ask() -> None:
        with looking.look() as uow:
            assert uow.connection.scalar(text("SELECT 1")) == 1

    with pytest.raises(Unavailable):
        ask()
    for _ in range(5):
        ask()  # one error was enough to know about all of them
    looking.close()
