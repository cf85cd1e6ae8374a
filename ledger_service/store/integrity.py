"""What a check of the whole database reads: one snapshot, streamed, which locks nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Result,
    Select,
    Table,
    distinct,
    func,
    inspect,
    literal,
    or_,
    select,
)
from sqlalchemy.exc import OperationalError, ProgrammingError

from ledger_service.errors import BadInput, Unavailable
from ledger_service.store import chain_tables, tables
from ledger_service.store.lanes import lane_of
from ledger_service.store.metadata import metadata
from ledger_service.store.vault import Vault

PAGE = 1000  # rows that are held at once of each table that is streamed

# Every entry of these kinds has a row, and every row its entry.
ROWS_OF = {
    "SessionGrant": tables.grants,
    "Campaign": tables.campaigns,
    "Matching": tables.matchings,
    "Assignment": tables.assignments,
    "Label": tables.labels,
    "Review": tables.reviews,
    "InferenceRun": tables.runs,
    "Truth": tables.truths,
    "Reputation": tables.reputations,
    "Payout": tables.payouts,
    "Settlement": tables.settlements,
}


Values = Mapping[str, Any]
"""A row by the names of its columns."""


class Snapshot:
    """The database as it was at one moment, whatever is written meanwhile; for the length of a block."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._open: list[Result[Any]] = []

    def __enter__(self) -> Snapshot:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for result in self._open:
            result.close()

    def stream(self, query: Select[Any]) -> Iterator[Values]:
        """The rows of a query, a page at a time."""
        options = {"stream_results": True, "yield_per": PAGE}
        result = self._connection.execute(query, execution_options=options)
        self._open.append(result)
        yield from _mapped(result)

    def heads(self, table: Table) -> list[Values]:
        """The rows of a table of heads, all columns, by size."""
        return list(_mapped(self._connection.execute(select(table).order_by(table.c.size))))

    def entries(self) -> Iterator[Values]:
        """The log's rows by index."""
        return self.stream(select(tables.log_entries).order_by(tables.log_entries.c.index))

    def repeated(self) -> tuple[int, int, bytes] | None:
        """(first index, last index, leaf hash) of the first entry that is in the log more than once.

        The server sorts or hashes all of them for it, on its disk where its `work_mem` is too small.
        """
        rows = tables.log_entries.c
        first, last = func.min(rows.index), func.max(rows.index)
        query = select(first, last, rows.leaf).group_by(rows.leaf).having(func.count() > 1)
        for one, other, leaf in self._connection.execute(query.order_by(first).limit(1)):
            return int(one), int(other), leaf
        return None

    def tile(self, level: int, index: int) -> bytes | None:
        """A tile as it is stored."""
        rows = tables.log_tiles
        return self._connection.scalar(
            select(rows.c.hashes).where(rows.c.level == level, rows.c.index == index)
        )

    def surplus_tile(self, counts: list[int]) -> tuple[int, int] | None:
        """(level, index) of the first tile that a tree has not that has so many tiles of each level."""
        rows = tables.log_tiles
        beyond = [(rows.c.level == level) & (rows.c.index >= count) for level, count in enumerate(counts)]
        outside = or_(rows.c.level >= len(counts), rows.c.level < 0, rows.c.index < 0, *beyond)
        query = select(rows.c.level, rows.c.index).where(outside).order_by(rows.c.level, rows.c.index)
        for level, index in self._connection.execute(query.limit(1)):
            return int(level), int(index)
        return None

    def rows_of(self, kind: str) -> Iterator[Values]:
        """The rows of an entry type's table by index, with what they are checked against beside them.

        A row without an index is none of an entry: a draft.
        """
        return self.stream(_beside(kind).where(ROWS_OF[kind].c.index.is_not(None)))

    def index_of(self, kind: str, leaf: bytes) -> int | None:
        """The index in the row of an entry type's table that names this leaf."""
        table = ROWS_OF[kind]
        return self._connection.scalar(select(table.c.index).where(table.c.leaf == leaf).limit(1))

    def items(self, table: Table) -> Iterator[Values]:
        """Items or gold answers by campaign, in their order, with the campaign's requester beside them."""
        order = table.c.position if "position" in table.c else table.c.item
        joined = select(table, tables.campaigns.c.requester).join(
            tables.campaigns, tables.campaigns.c.campaign == table.c.campaign
        )
        return self.stream(joined.order_by(table.c.campaign, order))

    def all(self, table: Table, *order: str) -> Iterator[Values]:
        """All rows of a table in the order of the named columns."""
        return self.stream(select(table).order_by(*(table.c[name] for name in order)))

    def owed(self, campaign: bytes) -> list[tuple[str, int]]:
        """(worker, amount) of a campaign's payouts by position."""
        rows = tables.payouts
        query = select(rows.c.worker, rows.c.amount).where(rows.c.campaign == campaign)
        return [(row.worker, row.amount) for row in self._connection.execute(query.order_by(rows.c.position))]

    def unanswered(self) -> Values | None:
        """An assignment that is said to be done and has no label."""
        rows, labels = tables.assignments, tables.labels
        answered = select(literal(1)).where(labels.c.assignment == rows.c.leaf).exists()
        query = select(rows).where(rows.c.state == "done", ~answered).order_by(rows.c.index).limit(1)
        return next(_mapped(self._connection.execute(query)), None)

    def campaigns(self) -> Iterator[Values]:
        """All campaigns by id, with how far each is by the rows of others, what it owes in all, and how many
        workers were ever given work."""
        rows = tables.campaigns
        return self.stream(select(rows, *_standing(rows)).order_by(rows.c.campaign))

    def misplaced_draft(self) -> Values | None:
        """A campaign that is a draft and has an entry, or is none and has no entry."""
        rows = tables.campaigns
        wrong = (rows.c.state == "draft") != (rows.c.leaf.is_(None) & rows.c.index.is_(None))
        return next(_mapped(self._connection.execute(select(rows).where(wrong).limit(1))), None)

    def vault(self, storage_key: bytes) -> Vault:
        """Opens what is encrypted."""
        return Vault(self._connection, storage_key)

    def anchored(self) -> list[tuple[int, bytes, int]]:
        """(size, root, block) of every head that the watcher has read as final, in the chain's order."""
        rows = chain_tables.events
        query = select(rows.c.args, rows.c.block_number).where(rows.c.name == "Anchored", rows.c.final)
        return [
            (int(row.args["size"]), bytes.fromhex(row.args["root"][2:]), row.block_number)
            for row in self._connection.execute(query.order_by(rows.c.id))
        ]

    def deployed(self, chain_id: int, contract: str) -> str | None:
        """The address of a contract that this service has created (`provenance-log`, `escrow`)."""
        lane = lane_of(self._connection, chain_id, f"deploy/{contract}")
        if lane is None:
            return None
        rows = chain_tables.intents
        query = select(rows.c.contract).where(
            rows.c.chain_id == chain_id, rows.c.account == lane.account, rows.c.key == f"deploy/{contract}"
        )
        return self._connection.scalar(query)

    def first_block(self) -> int:
        """A block before which none of our contracts was there."""
        rows = chain_tables.intents
        query = select(func.min(rows.c.block_number)).where(rows.c.key.startswith("deploy/"))
        return self._connection.scalar(query) or 0

    def origin(self) -> str | None:
        """The name that the newest head bears; None where there is no head."""
        note = self._connection.scalar(select(tables.log_head.c.checkpoint))
        return None if note is None else note.split("\n", 1)[0]

    def chain_id(self) -> int | None:
        """The chain that this database is about."""
        return self._connection.scalar(select(chain_tables.lanes.c.chain_id).limit(1)) or (
            self._connection.scalar(select(chain_tables.streams.c.chain_id).limit(1))
        )


@contextmanager
def snapshot(engine: Engine) -> Iterator[Snapshot]:
    """Read the database as it is now, for the length of the block.

    Raises:
        Unavailable: it does not answer. BadInput: it is no database of this service, or of another version.
    """
    options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    try:
        with engine.connect().execution_options(**options) as connection, connection.begin():
            missing = set(metadata.tables) - set(inspect(connection).get_table_names())
            if missing:
                raise BadInput(f"not a database of this service, or of another version: no {min(missing)}")
            with Snapshot(connection) as made:
                yield made
    except OperationalError as error:
        raise Unavailable("the database does not answer") from error
    except ProgrammingError as error:
        raise BadInput("not a database of this version of the service") from error


def _mapped(found: Result[Any]) -> Iterator[Values]:
    for row in found:
        yield cast(Values, row._mapping)


def _beside(kind: str) -> Select[Any]:
    """The rows of an entry type's table with the columns of others that explain them, by index."""
    table = ROWS_OF[kind]
    campaigns, labels, grants, assignments = (
        tables.campaigns, tables.labels, tables.grants, tables.assignments,
    )  # fmt: skip
    query: Select[Any] = select(table)
    if kind == "Label":
        query = (
            select(
                table,
                grants.c.session_key, grants.c.worker.label("granting"), grants.c.scope,
                grants.c.valid_from, grants.c.valid_until,
                assignments.c.campaign.label("assigned_campaign"), assignments.c.item.label("assigned_item"),
                assignments.c.worker.label("assigned_worker"), assignments.c.state.label("assigned_state"),
                campaigns.c.terms,
            )
            .outerjoin(grants, grants.c.leaf == labels.c.grant_leaf)
            .outerjoin(assignments, assignments.c.leaf == labels.c.assignment)
            .outerjoin(campaigns, campaigns.c.campaign == labels.c.campaign)
        )  # fmt: skip
    elif kind == "Review":
        query = select(table, labels.c.worker, labels.c.campaign.label("labelled")).outerjoin(
            labels, labels.c.leaf == table.c.label
        )
    elif kind == "Truth":
        query = select(table, campaigns.c.requester).outerjoin(
            campaigns, campaigns.c.campaign == table.c.campaign
        )
    elif kind == "Payout":
        query = select(table, campaigns.c.terms).outerjoin(
            campaigns, campaigns.c.campaign == table.c.campaign
        )
    return query.order_by(table.c.index)


def _standing(campaigns: Table) -> list[ColumnElement[Any]]:
    """How far a campaign is by the rows of others, and how many workers were ever given work."""

    def some(rows: Table) -> ColumnElement[Any]:
        query = select(literal(1)).where(rows.c.campaign == campaigns.c.campaign).exists()
        return query.label("has_" + rows.name)

    assigned = tables.assignments.c
    given = select(func.count(distinct(assigned.worker))).where(assigned.campaign == campaigns.c.campaign)
    rows = (tables.labels, tables.reviews, tables.runs, tables.settlements, tables.payrolls)
    settled = tables.settlements.c
    owed = select(settled.total).where(settled.campaign == campaigns.c.campaign)
    return [
        *map(some, rows),
        given.scalar_subquery().label("given_work"),
        owed.scalar_subquery().label("owed"),
    ]
