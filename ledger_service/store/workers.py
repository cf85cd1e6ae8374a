"""Workers: what they can do, which session keys sign for them, which campaigns they joined."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, func, select, text
from sqlalchemy.dialects.postgresql import insert

from ledger_service.entries import ZERO32
from ledger_service.store.rows import add, among, columns, many, one, unnest
from ledger_service.store.tables import grants, offers, workers


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """What a worker says of itself; `capacity` is the most labels it takes in one campaign."""

    worker: str
    skills: list[str]
    languages: list[str]
    capacity: int


@dataclass(frozen=True, slots=True)
class GrantRow:
    """A session grant that stands in the log."""

    leaf: bytes
    index: int
    worker: str
    session_key: str
    scope: bytes
    valid_from: int
    valid_until: int

    def covers(self, campaign: bytes, at: int) -> bool:
        """Whether the key may label in a campaign at a time."""
        return self.scope in (campaign, ZERO32) and self.valid_from <= at <= self.valid_until


@dataclass(frozen=True, slots=True)
class Candidate:
    """A worker that joined a campaign; `wanted` None stands for any item."""

    worker: str
    skills: list[str]
    languages: list[str]
    capacity: int
    wanted: list[str] | None


class Workers:
    """Profiles, grants and offers."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, profile: WorkerRow) -> None:
        """Insert or replace a profile."""
        values = {"skills": profile.skills, "languages": profile.languages, "capacity": profile.capacity}
        row = insert(workers).values(worker=profile.worker, **values)
        self._connection.execute(row.on_conflict_do_update(index_elements=["worker"], set_=values))

    def get(self, worker: str) -> WorkerRow | None:
        """The profile, if the worker has one."""
        query = select(*columns(workers, WorkerRow)).where(workers.c.worker == worker)
        return one(WorkerRow, self._connection.execute(query).first())

    def add_grants(self, rows: Sequence[GrantRow]) -> None:
        """Record grants that were appended to the log."""
        add(self._connection, grants, rows)

    def grants(self, leaves: Iterable[bytes]) -> dict[bytes, GrantRow]:
        """The named grants that exist, by leaf hash."""
        query = select(*columns(grants, GrantRow)).where(among(grants.c.leaf, leaves))
        return {row.leaf: row for row in many(GrantRow, self._connection.execute(query))}

    def grants_of(self, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], list[GrantRow]]:
        """The grants of each (worker, session key) that has one, in log order."""
        wanted = list(pairs)
        if not wanted:
            return {}
        named = unnest(grants, ("worker", "session_key"), zip(*wanted, strict=True))
        query = (
            select(*columns(grants, GrantRow))
            .join(named, and_(*(grants.c[name] == column for name, column in named.c.items())))
            .order_by(grants.c.index)
        )
        found: dict[tuple[str, str], list[GrantRow]] = {}
        for row in many(GrantRow, self._connection.execute(query)):
            found.setdefault((row.worker, row.session_key), []).append(row)
        return found

    def offer(self, campaign: bytes, worker: str, wanted: list[str] | None) -> None:
        """Join a campaign, or change which items one takes."""
        row = insert(offers).values(campaign=campaign, worker=worker, wanted=wanted)
        changed = row.on_conflict_do_update(index_elements=["campaign", "worker"], set_={"wanted": wanted})
        self._connection.execute(changed)

    def offered(self, campaign: bytes) -> tuple[int, int]:
        """How many workers joined a campaign, and how many items they named together."""
        named = func.coalesce(func.jsonb_array_length(func.nullif(offers.c.wanted, text("'null'::jsonb"))), 0)
        query = select(func.count(), func.coalesce(func.sum(named), 0)).where(offers.c.campaign == campaign)
        workers_count, items_count = self._connection.execute(query).one()
        return workers_count, int(items_count)

    def candidates(self, campaign: bytes) -> list[Candidate]:
        """All who joined a campaign, by address."""
        query = (
            select(
                workers.c.worker, workers.c.skills, workers.c.languages, workers.c.capacity, offers.c.wanted
            )
            .join(offers, offers.c.worker == workers.c.worker)
            .where(offers.c.campaign == campaign)
            .order_by(workers.c.worker)
        )
        return many(Candidate, self._connection.execute(query))
