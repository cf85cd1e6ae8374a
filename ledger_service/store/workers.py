"""Workers: what they can do, which session keys sign for them, which campaigns they joined."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, or_, select, text
from sqlalchemy.dialects.postgresql import insert

from ledger_service.entries import ZERO32
from ledger_service.store.rows import add, columns, many, one
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

    def add_grant(self, grant: GrantRow) -> None:
        """Record a grant that was appended to the log."""
        add(self._connection, grants, [grant])

    def grant(self, leaf: bytes) -> GrantRow | None:
        """A grant by its leaf hash."""
        query = select(*columns(grants, GrantRow)).where(grants.c.leaf == leaf)
        return one(GrantRow, self._connection.execute(query).first())

    def covering(self, worker: str, key: str, campaign: bytes, at: int) -> GrantRow | None:
        """A grant under which `key` may label for `worker` in `campaign` at `at`, if there is one."""
        query = (
            select(*columns(grants, GrantRow))
            .where(grants.c.worker == worker, grants.c.session_key == key)
            .where(or_(grants.c.scope == campaign, grants.c.scope == ZERO32))
            .where(grants.c.valid_from <= at, grants.c.valid_until >= at)
            .order_by(grants.c.index)
            .limit(1)
        )
        return one(GrantRow, self._connection.execute(query).first())

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
