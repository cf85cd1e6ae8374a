"""Matching runs and the assignments they made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, func, select, update
from sqlalchemy.dialects.postgresql import insert

from ledger_service.commitments import Json
from ledger_service.store.rows import add, among, columns, many, unnest
from ledger_service.store.tables import assignments, matchings

Place = tuple[str, bytes, bytes]  # worker, campaign, item


@dataclass(frozen=True, slots=True)
class AssignmentRow:
    """One item given to one worker: open, done or expired."""

    leaf: bytes
    index: int
    campaign: bytes
    item: bytes
    worker: str
    run: bytes
    assigned_at: int
    due_at: int
    state: str


class Assignments:
    """The assignment rows and the matching runs behind them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add_run(
        self, leaf: bytes, index: int, campaign: bytes, workers: list[str], prices: list[str]
    ) -> None:
        """Record a matching run with the dual price of each worker."""
        values: dict[str, Json] = {"workers": workers, "prices": prices}
        self._connection.execute(
            insert(matchings).values(leaf=leaf, index=index, campaign=campaign, **values)
        )

    def add(self, rows: Sequence[AssignmentRow]) -> None:
        """Record assignments that were appended to the log."""
        add(self._connection, assignments, rows)

    def open_of(self, worker: str, now: int, limit: int) -> list[AssignmentRow]:
        """The open, not yet overdue assignments of a worker, oldest first."""
        query = (
            select(*columns(assignments, AssignmentRow))
            .where(assignments.c.worker == worker, assignments.c.state == "open", assignments.c.due_at >= now)
            .order_by(assignments.c.index)
            .limit(limit)
        )
        return many(AssignmentRow, self._connection.execute(query))

    def lock(self, wanted: Iterable[Place]) -> dict[Place, AssignmentRow]:
        """The assignments of (worker, campaign, item) that exist; their rows stay locked.

        They are locked in log order, so that of two transactions one waits for the other and never both.
        """
        places = list(wanted)
        named = unnest(
            assignments, ("worker", "campaign", "item"), zip(*places, strict=True) if places else ()
        )
        query = (
            select(*columns(assignments, AssignmentRow))
            .join(named, and_(*(assignments.c[name] == column for name, column in named.c.items())))
            .order_by(assignments.c.index)
            .with_for_update(of=assignments)
        )
        found = many(AssignmentRow, self._connection.execute(query)) if places else []
        return {(row.worker, row.campaign, row.item): row for row in found}

    def of_campaign(self, campaign: bytes) -> list[AssignmentRow]:
        """All assignments of a campaign, in log order."""
        query = (
            select(*columns(assignments, AssignmentRow))
            .where(assignments.c.campaign == campaign)
            .order_by(assignments.c.index)
        )
        return many(AssignmentRow, self._connection.execute(query))

    def done(self, leaves: Sequence[bytes]) -> None:
        """Mark assignments as answered."""
        change = update(assignments).where(among(assignments.c.leaf, leaves))
        self._connection.execute(change.values(state="done"))

    def expire(self, campaign: bytes, before: int) -> int:
        """Mark open assignments that were due before a time as expired; returns how many."""
        change = update(assignments).where(
            assignments.c.campaign == campaign, assignments.c.state == "open", assignments.c.due_at < before
        )
        return self._connection.execute(change.values(state="expired")).rowcount

    def has_begun(self, campaign: bytes, worker: str) -> bool:
        """Whether the worker was ever assigned something in the campaign."""
        query = select(assignments.c.leaf).where(
            assignments.c.campaign == campaign, assignments.c.worker == worker
        )
        return self._connection.scalar(query.limit(1)) is not None

    def count(self, campaign: bytes, state: str) -> int:
        """How many assignments of a campaign are in a state."""
        query = select(func.count()).where(assignments.c.campaign == campaign, assignments.c.state == state)
        return self._connection.scalar(query) or 0
