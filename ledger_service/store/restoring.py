"""Filling an empty database with the rows of a copy, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    LargeBinary,
    MetaData,
    Table,
    distinct,
    func,
    insert,
    inspect,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import DataError, IntegrityError, OperationalError, StatementError

from ledger_service.eip712 import Struct, layout
from ledger_service.errors import BadInput, Conflict
from ledger_service.store import chain_tables, tables
from ledger_service.store.chain import Lane
from ledger_service.store.integrity import Snapshot
from ledger_service.store.metadata import metadata
from ledger_service.store.rows import among

ALEMBIC = "alembic_version"

# What was promised for each label; it is met again with the label's opening, campaign by campaign.
_promises = Table(
    "restored_promises",
    MetaData(),
    Column("leaf", LargeBinary, primary_key=True),
    Column("assignment", LargeBinary, nullable=False),
    Column("grant_leaf", LargeBinary, nullable=False),
    Column("deadline", BigInteger, nullable=False),
    Column("receipt", LargeBinary, nullable=False),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)


def refuse_used(connection: Connection) -> None:
    """Refuse a database in which there is anything.

    Raises:
        Conflict: it has rows of a service, or tables of something else.
    """
    there = set(inspect(connection).get_table_names())
    foreign = there - set(metadata.tables) - {ALEMBIC}
    if foreign:
        raise Conflict(f"the database has a table {min(foreign)} that is not ours: restore into an empty one")
    for name in sorted(there - {ALEMBIC}):
        table = metadata.tables[name]
        rows = select(func.count()).select_from(table)
        if name == "log_head":
            rows = rows.where(tables.log_head.c.size > 0)
        if connection.scalar(rows):
            raise Conflict(f"the database has rows in {name}: restore into an empty one")


class Restoring:
    """Writes rows as they are given, within the caller's transaction."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def begin(self) -> None:
        """Make room for what has to be met again."""
        _promises.create(self.connection)

    def add(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows; one that is there already is left as it is.

        Raises:
            BadInput: a row that the table does not take.
        """
        if rows:
            table = metadata.tables[name]
            known = [column.name for column in table.primary_key]
            fresh = upsert(table).on_conflict_do_nothing(index_elements=known)
            try:
                self.connection.execute(fresh, list(rows))
            except (OperationalError, DataError, IntegrityError):
                raise
            except StatementError as error:
                raise BadInput(f"a row of {name} that is none: {error.orig}") from error

    def promise(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep what was promised for labels."""
        if rows:
            self.connection.execute(upsert(_promises).on_conflict_do_nothing(), list(rows))

    def promised(self, leaves: Iterable[bytes]) -> dict[bytes, dict[str, Any]]:
        """What was promised for the named labels: assignment, grant_leaf, deadline, receipt."""
        query = select(_promises).where(among(_promises.c.leaf, leaves))
        return {row.leaf: dict(row._mapping) for row in self.connection.execute(query)}

    def labelled(self, leaves: Iterable[bytes]) -> dict[bytes, tuple[str, bytes]]:
        """(worker, campaign) of the named labels, by leaf."""
        rows = tables.labels
        query = select(rows.c.leaf, rows.c.worker, rows.c.campaign).where(among(rows.c.leaf, leaves))
        return {row.leaf: (row.worker, row.campaign) for row in self.connection.execute(query)}

    def requesters(self) -> dict[bytes, str]:
        """The requester of every campaign that is there, by its id."""
        rows = tables.campaigns
        found = self.connection.execute(select(rows.c.campaign, rows.c.requester))
        return {row.campaign: row.requester for row in found}

    def columns_of(self, name: str, struct: Struct) -> dict[str, Any]:
        """The fields of an entry that have columns of their name, but for the documents behind digests."""
        columns = metadata.tables[name].c
        return {
            field: getattr(struct, field)
            for field, _ in layout(type(struct))
            if field in columns and not isinstance(columns[field].type, JSONB)
        }

    def known(self, name: str, column: str) -> set[Any]:
        """All values of a column."""
        return set(self.connection.scalars(select(metadata.tables[name].c[column])))

    def derive(self, now: int) -> None:
        """Set what follows from other rows: which assignments are done or overdue, how many workers began."""
        rows, labels, campaigns = tables.assignments, tables.labels, tables.campaigns
        answered = select(literal(1)).where(labels.c.assignment == rows.c.leaf).exists()
        self.connection.execute(update(rows).where(answered).values(state="done"))
        overdue = (rows.c.state == "open") & (rows.c.due_at < now)
        self.connection.execute(update(rows).where(overdue).values(state="expired"))
        begun = select(func.count(distinct(rows.c.worker))).where(rows.c.campaign == campaigns.c.campaign)
        self.connection.execute(update(campaigns).values(workers=begun.scalar_subquery()))

    def some(self, name: str, campaign: bytes) -> bool:
        """Whether a table has a row of this campaign."""
        rows = metadata.tables[name]
        return bool(self.connection.scalar(select(literal(1)).where(rows.c.campaign == campaign).limit(1)))

    def published(self) -> list[Any]:
        """All published campaigns: campaign, budget, terms."""
        rows = tables.campaigns
        query = select(rows.c.campaign, rows.c.budget, rows.c.terms).where(rows.c.leaf.is_not(None))
        return list(self.connection.execute(query.order_by(rows.c.number)))

    def set_state(self, campaign: bytes, state: str) -> None:
        """Where a campaign stands."""
        rows = tables.campaigns
        self.connection.execute(update(rows).where(rows.c.campaign == campaign).values(state=state))

    def add_intent(self, values: Mapping[str, Any]) -> None:
        """An intent that is over, as it ended."""
        self.connection.execute(insert(chain_tables.intents).values(**values))

    def lanes(self, chain_id: int) -> list[Lane]:
        """Every account that has begun on a chain."""
        rows = chain_tables.lanes
        query = select(rows.c.account).where(rows.c.chain_id == chain_id).order_by(rows.c.account)
        return [Lane(chain_id, account) for account in self.connection.scalars(query)]

    def finish(self) -> None:
        """Let the next campaign have the next number."""
        highest = select(func.max(tables.campaigns.c.number)).scalar_subquery()
        sequence = func.pg_get_serial_sequence("campaigns", "number")
        self.connection.execute(
            select(func.setval(sequence, func.coalesce(highest, 1), highest.is_not(None)))
        )

    def snapshot(self) -> Snapshot:
        """What has been written, to be checked before it is committed."""
        return Snapshot(self.connection)
