"""The migrations make the schema that the code declares."""

from __future__ import annotations

from alembic import command
from sqlalchemy import Engine

from ledger_service.store.migrate import config, upgrade


def test_migrations_and_declared_tables_agree(database: Engine) -> None:
    with database.begin() as connection:
        command.check(config(connection))  # raises when a table or column differs


def test_migrating_again_changes_nothing(database: Engine) -> None:
    upgrade(database)
    with database.begin() as connection:
        command.check(config(connection))
