"""Heads that were sent to the chain."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Select, select, update

from ledger_service.store.rows import add, columns, one
from ledger_service.store.tables import anchors


@dataclass(frozen=True, slots=True)
class AnchorRow:
    """A signed head on its way to the chain, or final there; `witnesses` as in `store.log.Head`."""

    size: int
    root: bytes
    checkpoint: str
    final: bool
    witnesses: tuple[str, ...] = ()


class Anchors:
    """The anchor rows."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, row: AnchorRow) -> None:
        """Record a head that is about to be anchored."""
        add(self._connection, anchors, [row])

    def newest(self) -> AnchorRow | None:
        """The newest head that was sent, final or not."""
        query = select(*columns(anchors, AnchorRow)).order_by(anchors.c.size.desc()).limit(1)
        return self._one(query)

    def newest_final(self) -> AnchorRow | None:
        """The newest head that is final on the chain."""
        query = (
            select(*columns(anchors, AnchorRow))
            .where(anchors.c.final)
            .order_by(anchors.c.size.desc())
            .limit(1)
        )
        return self._one(query)

    def get(self, size: int) -> AnchorRow | None:
        """The head of a size, if it was sent."""
        query = select(*columns(anchors, AnchorRow)).where(anchors.c.size == size)
        return self._one(query)

    def _one(self, query: Select[Any]) -> AnchorRow | None:
        found = one(AnchorRow, self._connection.execute(query).first())
        return found and replace(found, witnesses=tuple(found.witnesses))  # the column gives a list

    def set_final(self, size: int) -> None:
        """The chain has this head for good."""
        self._connection.execute(update(anchors).where(anchors.c.size == size).values(final=True))
