"""Inference runs, the truths they gave and the reputations that follow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import distinct_on

from ledger_service.commitments import Json
from ledger_service.store.rows import add, among, columns, many, one
from ledger_service.store.tables import items, reputations, runs, truths


@dataclass(frozen=True, slots=True)
class RunRow:
    """One inference run with its method and parameters documents."""

    leaf: bytes
    index: int
    campaign: bytes
    method: Json
    parameters: Json


@dataclass(frozen=True, slots=True)
class TruthRow:
    """The inferred answer of one item; the opening is sealed for the requester."""

    campaign: bytes
    item: bytes
    leaf: bytes
    index: int
    run: bytes
    confidence: int
    opening: bytes


@dataclass(frozen=True, slots=True)
class ReputationRow:
    """A worker's skill in a domain after one run, in parts per million."""

    leaf: bytes
    index: int
    worker: str
    domain: bytes
    score: int
    standard_error: int


class Judgements:
    """What inference concluded."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add_run(self, row: RunRow) -> None:
        """Record a run that was appended to the log."""
        add(self._connection, runs, [row])

    def run_of(self, campaign: bytes) -> RunRow | None:
        """The campaign's run, if inference has been done."""
        query = (
            select(*columns(runs, RunRow)).where(runs.c.campaign == campaign).order_by(runs.c.index.desc())
        )
        return one(RunRow, self._connection.execute(query.limit(1)).first())

    def run_places(self, leaves: Iterable[bytes]) -> dict[bytes, int]:
        """The log index of each named run that there is, by leaf hash."""
        found = self._connection.execute(select(runs.c.leaf, runs.c.index).where(among(runs.c.leaf, leaves)))
        return {leaf: index for leaf, index in found}

    def add_truths(self, rows: Sequence[TruthRow]) -> None:
        """Record inferred answers that were appended to the log."""
        add(self._connection, truths, rows)

    def truths(self, campaign: bytes) -> dict[bytes, TruthRow]:
        """All inferred answers of a campaign, by item, in log order."""
        query = (
            select(*columns(truths, TruthRow)).where(truths.c.campaign == campaign).order_by(truths.c.index)
        )
        return {row.item: row for row in many(TruthRow, self._connection.execute(query))}

    def truth_page(self, campaign: bytes, after: int, limit: int) -> list[TruthRow]:
        """Inferred answers of a campaign in log order, after an index."""
        query = (
            select(*columns(truths, TruthRow))
            .where(truths.c.campaign == campaign, truths.c.index > after)
            .order_by(truths.c.index)
            .limit(limit)
        )
        return many(TruthRow, self._connection.execute(query))

    def results(self, campaign: bytes, after: int, limit: int) -> list[tuple[int, TruthRow]]:
        """(position, inferred answer) in order of position, after a position."""
        query = (
            select(items.c.position, *columns(truths, TruthRow))
            .join(items, (items.c.item == truths.c.item) & (items.c.campaign == truths.c.campaign))
            .where(truths.c.campaign == campaign, items.c.position > after)
            .order_by(items.c.position)
            .limit(limit)
        )
        return [(row[0], TruthRow(*row[1:])) for row in self._connection.execute(query)]

    def add_reputations(self, rows: Sequence[ReputationRow]) -> None:
        """Record reputations that were appended to the log."""
        add(self._connection, reputations, rows)

    def reputation(self, domain: bytes, workers: Sequence[str]) -> dict[str, ReputationRow]:
        """The newest reputation of each named worker in a domain."""
        query = (
            select(*columns(reputations, ReputationRow))
            .where(reputations.c.domain == domain, among(reputations.c.worker, workers))
            .ext(distinct_on(reputations.c.worker))
            .order_by(reputations.c.worker, reputations.c.index.desc())
        )
        return {row.worker: row for row in many(ReputationRow, self._connection.execute(query))}
