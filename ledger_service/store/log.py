"""The log's rows: entries, tiles and the signed head, which change together or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, select, true
from sqlalchemy.dialects.postgresql import insert as upsert

from ledger_service.entries import Entry
from ledger_service.errors import BadInput, Corrupt, NotYours
from ledger_service.log import tiles
from ledger_service.log.checkpoint import LogKey, sign_checkpoint
from ledger_service.log.hashing import EMPTY_ROOT, HASH_BYTES, leaf_hash
from ledger_service.log.paths import PathCache
from ledger_service.store import published
from ledger_service.store.bulk import Bulk, RawEntry
from ledger_service.store.prepared import Prepared
from ledger_service.store.tables import anchors, log_entries, log_head, log_published

Place = tuple[int, bytes]  # of an entry in the log: its index, and the leaf hash that it has there


@dataclass(frozen=True, slots=True)
class Head:
    """A state of the log: size, root (32 bytes), its signed checkpoint, and the vkeys of the witnesses whose
    lines follow the log's in it, in their order."""

    size: int
    root: bytes
    checkpoint: str
    witnesses: tuple[str, ...] = ()


_HEADS = (log_head.c.size, log_head.c.root, log_head.c.checkpoint)
_SHOWN = (log_published.c.size, log_published.c.root, log_published.c.checkpoint, log_published.c.witnesses)
_FINAL = select(anchors).where(anchors.c.final).order_by(anchors.c.size.desc()).limit(1).lateral()
# One statement, so that all rows are of one moment: what is shown never gets smaller.
_BOTH: Select[Any] = (
    select(*_HEADS, *_SHOWN)
    .select_from(log_head)
    .outerjoin(log_published, log_published.c.id == log_head.c.id)
    .where(log_head.c.id == 1)
)
_PUBLISHED = Prepared(_BOTH)
PROVING = Prepared(
    _BOTH.outerjoin(_FINAL, true()).add_columns(
        _FINAL.c.size, _FINAL.c.root, _FINAL.c.checkpoint, _FINAL.c.witnesses
    )
)


def _shown(found: Sequence[tuple[Any, ...]]) -> Head:
    """The head that readers are shown, of the one row of both."""
    if not found:
        raise Corrupt("the log has no head")
    size, root, checkpoint, shown, shown_root, shown_checkpoint, witnesses = found[0][:7]
    if shown is None:
        return Head(size, root, checkpoint)
    return Head(shown, shown_root, shown_checkpoint, tuple(witnesses))


def proving(found: Sequence[tuple[Any, ...]]) -> list[Head]:
    """The heads of `Log.proving`, of what `PROVING` finds."""
    shown, (size, root, checkpoint, witnesses) = _shown(found), found[0][7:]
    return [shown] if size is None else [Head(size, root, checkpoint, tuple(witnesses)), shown]


class TileRows:
    """Reads tiles from their rows (`ledger_service.log.tiles.TileReader`)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def read(self, level: int, index: int, width: int) -> bytes:
        """The first `width` hashes of a tile; fewer when the row has fewer."""
        return Bulk(self._connection).tile(level, index)[: width * HASH_BYTES]


class Memory:
    """What a process remembers of one log, for all transactions and threads; it is nowhere else needed.

    `edge` is the right edge that an append of this process left: it saves the next one reading it from rows.
    It may be of a transaction that was rolled back, or behind another process: it is asked whose it is.
    """

    def __init__(self) -> None:
        self.tiles, self.paths = tiles.TileCache(), PathCache()
        self.edge = tiles.Edge(0, EMPTY_ROOT, (), ())


class Log:
    """Appends and reads entries. `key` signs heads; its name is the origin."""

    def __init__(self, connection: Connection, key: LogKey, memory: Memory) -> None:
        self._connection, self.key, self.memory = connection, key, memory
        self._made: Head | None = None

    def initialise(self) -> None:
        """Make the empty head where there is none yet."""
        checkpoint = sign_checkpoint(self.key.name, 0, EMPTY_ROOT, self.key)
        row = upsert(log_head).values(id=1, size=0, root=EMPTY_ROOT, checkpoint=checkpoint)
        self._connection.execute(row.on_conflict_do_nothing())

    def head(self) -> Head:
        """The newest committed head; within the transaction of an append, the one that it has made."""
        return self._made or self._head(lock=False)

    def published(self) -> Head:
        """The head that readers are shown: the one published last, with its witnesses' lines; where none was,
        the newest."""
        return _shown(_PUBLISHED.rows(self._connection))

    def proving(self) -> list[Head]:
        """The heads that proofs may lead to, the best first: the newest that is final on the chain, if one
        is, and the one that readers are shown."""
        return proving(PROVING.rows(self._connection))

    def publish(self, head: Head) -> bool:
        """Show readers this head from the commit on, unless that took anything back; whether it is shown.

        Raises:
            VerificationError: its checkpoint is not the log's with one line of each witness, in their order.
            Corrupt: another root of this size was shown.
        """
        row = published.cosigned(self.key.verifier, head.size, head.root, head.checkpoint, head.witnesses)
        return published.write(self._connection, row)

    def published_times(self) -> dict[str, int]:
        """{vkey: the latest time it ever had in a published checkpoint, seconds since 1970}."""
        return dict(self._connection.scalar(select(log_published.c.times)) or {})

    def unpublish(self) -> None:
        """Show readers the newest head from the commit on."""
        published.remove(self._connection)

    def lock(self) -> None:
        """Wait until nobody else appends; nobody does before this transaction ends."""
        self._head(lock=True)

    def append(self, entries: Sequence[Entry]) -> list[int]:
        """Append entries in order; returns their indices. Raises as `append_raw` does."""
        return self.append_raw([(type(entry.struct).__name__, entry.raw) for entry in entries])

    def append_raw(self, rows: Sequence[RawEntry]) -> list[int]:
        """Append entries, each as its kind and its bytes, in order; returns their indices.

        The head's row stays locked until the transaction ends, so appends follow one another, also those of
        several processes. Nothing is visible before the commit. Whether one of the entries is in the log
        already is not asked: who appends writes a row for it in the same transaction, whose key says so.

        Raises:
            Conflict: one of the entries is there twice.
            BadInput: an entry is longer than 65,535 bytes.
        """
        if rows and max(map(len, [raw for _, raw in rows])) > tiles.MAX_ENTRY_BYTES:
            raise BadInput(f"an entry has at most {tiles.MAX_ENTRY_BYTES} bytes")
        bulk = Bulk(self._connection)
        before = self._edge(bulk)
        if not rows:
            return []
        # Crash from here to the commit: PostgreSQL forgets rows, tiles and head together, and the next append
        # finds the head of before. Its edge is read anew, since nobody's memory has this size and root.
        after, checkpoint = bulk.write(rows, before, self._sign)
        # Crash after the commit, before anybody was told: whoever asks again finds the entries in the rows.
        self.memory.edge, self._made = after, Head(after.size, after.root, checkpoint)
        return list(range(before.size, after.size))

    def tree(self, size: int) -> tiles.TiledTree:
        """Proofs and roots up to `size`, which must not be beyond a committed head."""
        return tiles.TiledTree(TileRows(self._connection), size, self.memory.tiles)

    def tile(self, level: int, index: int, width: int) -> bytes:
        """A tile as C2SP tlog-tiles serves it.

        Raises:
            NotYours: the log is not that long.
        """
        found = TileRows(self._connection).read(level, index, width)
        if len(found) != width * HASH_BYTES:
            raise NotYours("the log has no such tile")
        return found

    def entries(self, start: int, count: int) -> list[bytes]:
        """The bytes of `count` entries from `start` on.

        Raises:
            NotYours: the log is not that long.
        """
        query = (
            select(log_entries.c.raw)
            .where(log_entries.c.index >= start, log_entries.c.index < start + count)
            .order_by(log_entries.c.index)
        )
        found = list(self._connection.scalars(query))
        if len(found) != count:
            raise NotYours("the log has no such entries")
        return found

    def at(self, places: Iterable[Place]) -> dict[int, bytes]:
        """{index: entry bytes} of the entries that rows name by their index and their leaf hash.

        Raises:
            Corrupt: at one of the places stands another entry, or none.
        """
        wanted = set(places)
        found = dict(Bulk(self._connection).at({index for index, _ in wanted}))
        there = {(index, leaf_hash(raw)) for index, raw in found.items()}
        for index, leaf in wanted - there:
            raise Corrupt(f"entry {index} of the log is not the one that a row names, 0x{leaf.hex()}")
        return found

    def _head(self, *, lock: bool) -> Head:
        query = select(log_head.c.size, log_head.c.root, log_head.c.checkpoint).where(log_head.c.id == 1)
        row = self._connection.execute(query.with_for_update() if lock else query).one_or_none()
        if row is None:
            raise Corrupt("the log has no head")
        return Head(row.size, row.root, row.checkpoint)

    def _sign(self, edge: tiles.Edge) -> str:
        return sign_checkpoint(self.key.name, edge.size, edge.root, self.key)

    def _edge(self, bulk: Bulk) -> tiles.Edge:
        """The edge of the head, which is locked. The one in memory is taken where it is of the same head."""
        head, known = bulk.lock(), self.memory.edge
        if head is None:
            raise Corrupt("the log has no head")
        if (known.size, known.root) == head:
            return known
        found = tiles.Edge.read(TileRows(self._connection), head[0])
        if found.root != head[1]:
            raise Corrupt(f"the tiles do not make the root of the head of {head[0]} entries")
        return found
