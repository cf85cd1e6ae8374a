"""Labels with their receipts, and the reviews of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, Connection, LargeBinary, Select, any_, bindparam, func, select

from ledger_service.store.prepared import Prepared
from ledger_service.store.rows import add, among, columns, many
from ledger_service.store.tables import assignments, grants, items, labels, matchings, reviews, runs, truths


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One answer; the opening is sealed for the worker, `receipt` is the operator's signature."""

    leaf: bytes
    index: int
    campaign: bytes
    item: bytes
    worker: str
    assignment: bytes
    grant_leaf: bytes
    made_at: int
    opening: bytes
    deadline: int
    receipt: bytes


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """The verdict on a label; the reason's opening is sealed for the worker."""

    label: bytes
    leaf: bytes
    index: int
    campaign: bytes
    verdict: int
    opening: bytes


@dataclass(frozen=True, slots=True)
class Around:
    """What a label's bundle is made of beside its own row: indices and leaf hashes of other entries, and
    sealed openings. What its judgement consists of is None until it is there; the rest always is."""

    label: bytes
    item_opening: bytes | None
    grant_index: int | None
    assignment_index: int | None
    matching: bytes | None
    matching_index: int | None
    review: bytes | None
    review_index: int | None
    review_opening: bytes | None
    truth: bytes | None
    truth_index: int | None
    truth_opening: bytes | None
    run: bytes | None
    run_index: int | None


# Outer joins, also where there always is a row: their order is the only one, so the server plans at once.
_AROUND: Select[Any] = (
    select(
        labels.c.leaf,
        items.c.opening,
        grants.c.index,
        assignments.c.index,
        *(matchings.c.leaf, matchings.c.index),
        *(reviews.c.leaf, reviews.c.index, reviews.c.opening),
        *(truths.c.leaf, truths.c.index, truths.c.opening),
        *(runs.c.leaf, runs.c.index),
    )
    .select_from(labels)
    .outerjoin(items, (items.c.campaign == labels.c.campaign) & (items.c.item == labels.c.item))
    .outerjoin(grants, grants.c.leaf == labels.c.grant_leaf)
    .outerjoin(assignments, assignments.c.leaf == labels.c.assignment)
    .outerjoin(matchings, matchings.c.leaf == assignments.c.run)
    .outerjoin(reviews, reviews.c.label == labels.c.leaf)
    .outerjoin(truths, (truths.c.campaign == labels.c.campaign) & (truths.c.item == labels.c.item))
    .outerjoin(runs, runs.c.leaf == truths.c.run)
)
_ONE = labels.c.leaf == bindparam("leaf")
LABEL = Prepared(select(*columns(labels, LabelRow)).where(_ONE))
# How to find many the server thinks over each time, which takes it much longer than to find one.
AROUND = Prepared(_AROUND.where(_ONE))
_AROUND_ALL = Prepared(_AROUND.where(labels.c.leaf == any_(bindparam("leaves", type_=ARRAY(LargeBinary)))))


class Labels:
    """The label rows and their reviews."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, rows: Sequence[LabelRow]) -> None:
        """Record labels that were appended to the log."""
        add(self._connection, labels, rows)

    def find(self, leaves: Sequence[bytes]) -> dict[bytes, LabelRow]:
        """The named labels that exist, by leaf hash."""
        query = select(*columns(labels, LabelRow)).where(among(labels.c.leaf, leaves))
        return {row.leaf: row for row in many(LabelRow, self._connection.execute(query))}

    def get(self, leaf: bytes) -> LabelRow | None:
        """One label, if it exists."""
        found = LABEL.rows(self._connection, leaf=leaf)
        return LabelRow(*found[0]) if found else None

    def page(self, campaign: bytes, after: int = -1, limit: int | None = None) -> list[LabelRow]:
        """Labels of a campaign in log order, after an index."""
        query = (
            select(*columns(labels, LabelRow))
            .where(labels.c.campaign == campaign, labels.c.index > after)
            .order_by(labels.c.index)
            .limit(limit)
        )
        return many(LabelRow, self._connection.execute(query))

    def count(self, campaign: bytes) -> int:
        """How many labels a campaign has."""
        return self._connection.scalar(select(func.count()).where(labels.c.campaign == campaign)) or 0

    def add_reviews(self, rows: Sequence[ReviewRow]) -> None:
        """Record reviews that were appended to the log."""
        add(self._connection, reviews, rows)

    def reviews(self, campaign: bytes) -> list[ReviewRow]:
        """All reviews of a campaign, in log order."""
        query = (
            select(*columns(reviews, ReviewRow))
            .where(reviews.c.campaign == campaign)
            .order_by(reviews.c.index)
        )
        return many(ReviewRow, self._connection.execute(query))

    def review_page(self, campaign: bytes, after: int, limit: int) -> list[tuple[ReviewRow, str]]:
        """Reviews of a campaign in log order, after an index, each with its label's worker."""
        query = (
            select(labels.c.worker, *columns(reviews, ReviewRow))
            .join(labels, labels.c.leaf == reviews.c.label)
            .where(reviews.c.campaign == campaign, reviews.c.index > after)
            .order_by(reviews.c.index)
            .limit(limit)
        )
        return [(ReviewRow(*row[1:]), row[0]) for row in self._connection.execute(query)]

    def around(self, leaves: Sequence[bytes]) -> dict[bytes, Around]:
        """What stands around the named labels that exist, by leaf hash; all of it in one query."""
        found = _AROUND_ALL.rows(self._connection, leaves=leaves)
        return {row[0]: Around(*row) for row in found}
