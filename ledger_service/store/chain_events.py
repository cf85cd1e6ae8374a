"""Repository of what a stream of contracts has said: events, newest block hashes, and how far it was read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from ledger_service.store.chain_tables import blocks, events, streams

DEFAULT_STREAM = "contracts"


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a stream was read, how far that is final, and why it stands still, if it does."""

    chain_id: int
    genesis: bytes
    read_to: int
    final_to: int
    alarm: str | None


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event as it is stored. `args`: integers as decimal strings, bytes as hex, structs as lists."""

    address: str
    name: str
    block_number: int
    block_hash: bytes
    log_index: int
    transaction: bytes
    args: dict[str, Any]


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event of a stream. `id` grows in the chain's order; `final` once its block cannot be abandoned."""

    id: int
    event: NewEvent
    final: bool


class ChainEvents:
    """One stream's events and cursor, inside the caller's transaction."""

    def __init__(self, connection: Connection, stream: str = DEFAULT_STREAM) -> None:
        self._db, self._stream = connection, stream

    def cursor(self) -> Cursor | None:
        """Where the stream stands; None before it has begun."""
        row = self._db.execute(select(streams).where(streams.c.stream == self._stream)).one_or_none()
        return None if row is None else _cursor(row)

    def begin(self, chain_id: int, genesis: bytes, first_block: int) -> Cursor:
        """Begin the stream before `first_block`; nothing where it has begun."""
        chain = {"chain_id": chain_id, "genesis": genesis}
        row = chain | {"stream": self._stream, "read_to": first_block - 1, "final_to": -1}
        self._db.execute(upsert(streams).values(row).on_conflict_do_nothing())
        cursor = self.cursor()
        assert cursor is not None  # noqa: S101  (written by this transaction)
        return cursor

    def lock(self) -> Cursor | None:
        """The cursor, held until the transaction ends: of two readers one writes."""
        query = select(streams).where(streams.c.stream == self._stream).with_for_update()
        row = self._db.execute(query).one_or_none()
        return None if row is None else _cursor(row)

    def hashes(self) -> dict[int, bytes]:
        """The block hashes that are kept, by height."""
        query = select(blocks.c.number, blocks.c.hash).where(blocks.c.stream == self._stream)
        return {row.number: bytes(row.hash) for row in self._db.execute(query)}

    def append(self, read_to: int, new: Sequence[NewEvent], hashes: dict[int, bytes], keep: int) -> None:
        """Add what was read up to `read_to`, and move the cursor. Only the last `keep` hashes stay."""
        if new:
            self._db.execute(insert(events), [self._row(event) for event in new])
        if hashes:
            rows = [{"stream": self._stream, "number": at, "hash": found} for at, found in hashes.items()]
            self._db.execute(insert(blocks), rows)
        old = (blocks.c.stream == self._stream, blocks.c.number <= read_to - keep)
        self._db.execute(delete(blocks).where(*old))
        self._set(read_to=read_to)

    def roll_back(self, ancestor: int) -> int:
        """Forget everything above `ancestor`; how many events that were."""
        gone = (events.c.stream == self._stream, events.c.block_number > ancestor)
        count = self._db.execute(delete(events).where(*gone)).rowcount
        above = (blocks.c.stream == self._stream, blocks.c.number > ancestor)
        self._db.execute(delete(blocks).where(*above))
        self._set(read_to=ancestor)
        return count

    def finalise(self, final_to: int) -> int:
        """Mark events up to `final_to` as final; how many became so."""
        due = (events.c.stream == self._stream, events.c.block_number <= final_to, ~events.c.final)
        count = self._db.execute(update(events).where(*due).values(final=True)).rowcount
        self._set(final_to=final_to)
        return count

    def stop(self, alarm: str) -> None:
        """Stand still until a person has looked."""
        self._set(alarm=alarm)

    def resume(self) -> None:
        """A person has looked: go on."""
        self._set(alarm=None)

    def after(
        self, position: int, limit: int, *, names: Sequence[str] = (), final_only: bool = True
    ) -> list[StoredEvent]:
        """Events after `position` (an id; 0 for all) in the chain's order, only of `names` where given.

        With `final_only`, no id below the last one returned turns up later, so it is a position to keep.
        """
        query = select(events).where(events.c.stream == self._stream, events.c.id > position)
        if names:
            query = query.where(events.c.name.in_(names))
        if final_only:
            query = query.where(events.c.final)
        return [_stored(row) for row in self._db.execute(query.order_by(events.c.id).limit(limit))]

    def _set(self, **values: object) -> None:
        self._db.execute(update(streams).where(streams.c.stream == self._stream).values(**values))

    def _row(self, event: NewEvent) -> dict[str, Any]:
        return {
            "stream": self._stream,
            "address": event.address,
            "name": event.name,
            "block_number": event.block_number,
            "block_hash": event.block_hash,
            "log_index": event.log_index,
            "transaction_hash": event.transaction,
            "args": event.args,
        }


def _cursor(row: Row[Any]) -> Cursor:
    return Cursor(row.chain_id, bytes(row.genesis), row.read_to, row.final_to, row.alarm)


def _stored(row: Row[Any]) -> StoredEvent:
    event = NewEvent(
        address=row.address,
        name=row.name,
        block_number=row.block_number,
        block_hash=bytes(row.block_hash),
        log_index=row.log_index,
        transaction=bytes(row.transaction_hash),
        args=row.args,
    )
    return StoredEvent(row.id, event, row.final)
