"""From database rows to frozen dataclasses whose fields are named as the columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any, TypeVar

from sqlalchemy import ARRAY, ColumnElement, Connection, Row, Table, any_, column, func, insert, literal
from sqlalchemy.sql.elements import KeyedColumnElement
from sqlalchemy.sql.selectable import TableValuedAlias

Record = TypeVar("Record")


def columns(table: Table, kind: type[Any]) -> list[KeyedColumnElement[Any]]:
    """The columns of `table` that the dataclass `kind` has."""
    return [table.c[field.name] for field in fields(kind)]


def add(connection: Connection, table: Table, records: Iterable[Any]) -> None:
    """Insert dataclasses whose fields are named as columns of `table`; nothing where there is none."""
    values = [{field.name: getattr(record, field.name) for field in fields(record)} for record in records]
    if values:
        connection.execute(insert(table), values)


def among(column: ColumnElement[Any], values: Iterable[Any]) -> ColumnElement[bool]:
    """Whether a column is one of any number of values: one array parameter (IN takes 65,535 at most)."""
    return column == any_(literal(list(values), ARRAY(column.type)))


def unnest(table: Table, names: Iterable[str], values: Iterable[Any]) -> TableValuedAlias:
    """A table of the query's own: columns named, and of the type, as in `table`, each with its `values`."""
    typed = [(name, table.c[name].type) for name in names]
    arrays = [literal(list(given), ARRAY(kind)) for (_, kind), given in zip(typed, values, strict=True)]
    return func.unnest(*arrays).table_valued(*(column(name, kind) for name, kind in typed)).render_derived()


def one(kind: type[Record], row: Row[Any] | None) -> Record | None:
    """The record of a row, or None."""
    return None if row is None else kind(**row._mapping)


def many(kind: Callable[..., Record], found: Iterable[Row[Any]]) -> list[Record]:
    """The records of rows whose columns are in the order of the fields, in their order."""
    return [kind(*row) for row in found]
