"""Queries that are asked with every small request: written once, and given to psycopg as they are.

To build a statement, find it in SQLAlchemy's cache and wrap its rows takes longer than the server takes for
such an answer. They run within SQLAlchemy's transaction, or within none, as any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import psycopg
from sqlalchemy import Connection, Select
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from ledger_service.errors import Unavailable

Cursor = psycopg.Cursor[Any]
Rows = list[tuple[Any, ...]]


@contextmanager
def cursor(connection: Connection) -> Iterator[Cursor]:
    """psycopg's cursor. What it raises becomes ours, as `Store.begin` does it for SQLAlchemy's."""
    with cast(Cursor, connection.connection.cursor()) as made:
        try:
            yield made
        except psycopg.OperationalError as error:
            connection.invalidate(error)
            raise Unavailable("the database does not answer") from error


class Prepared:
    """One query, whose columns are of types that psycopg knows by itself; `bindparam` names its values."""

    def __init__(self, query: Select[Any]) -> None:
        compiled = query.compile(dialect=PGDialect_psycopg())  # type: ignore[no-untyped-call]
        self._text, self._fixed = str(compiled).encode(), compiled.params

    def rows(self, connection: Connection, **values: Any) -> Rows:
        """The rows that it finds with these values."""
        with cursor(connection) as made:
            return made.execute(self._text, self._fixed | values, binary=True).fetchall()

    @staticmethod
    def together(connection: Connection, *asked: tuple[Prepared, dict[str, Any]]) -> list[Rows]:
        """The rows of several queries, each with its values, which go to the server at once."""
        with cursor(connection) as first:
            cursors = [first.connection.cursor() for _ in asked]
            with first.connection.pipeline():
                for one, (query, values) in zip(cursors, asked, strict=True):
                    one.execute(query._text, query._fixed | values, binary=True)
            return [one.fetchall() for one in cursors]
