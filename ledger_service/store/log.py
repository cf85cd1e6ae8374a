"""The log's rows: entries, tiles and the signed head, which change together or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from ledger_service.entries import Entry
from ledger_service.errors import Conflict, Corrupt, NotYours
from ledger_service.log import tiles
from ledger_service.log.checkpoint import LogKey, sign_checkpoint
from ledger_service.log.hashing import HASH_BYTES
from ledger_service.log.tree import Tree
from ledger_service.store.rows import among
from ledger_service.store.tables import log_entries, log_head, log_tiles


@dataclass(frozen=True, slots=True)
class Head:
    """The newest state of the log: size, root (32 bytes) and its signed checkpoint."""

    size: int
    root: bytes
    checkpoint: str


class TileRows:
    """Reads tiles from their rows (`ledger_service.log.tiles.TileReader`)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def read(self, level: int, index: int, width: int) -> bytes:
        """The first `width` hashes of a tile; fewer when the row has fewer."""
        query = select(log_tiles.c.hashes).where(log_tiles.c.level == level, log_tiles.c.index == index)
        return (self._connection.scalar(query) or b"")[: width * HASH_BYTES]


class Log:
    """Appends and reads entries. `key` signs heads; its name is the origin."""

    def __init__(self, connection: Connection, key: LogKey, cache: tiles.TileCache) -> None:
        self._connection, self.key, self._cache = connection, key, cache

    def initialise(self) -> None:
        """Make the empty head where there is none yet."""
        root = Tree().root()
        checkpoint = sign_checkpoint(self.key.name, 0, root, self.key)
        row = upsert(log_head).values(id=1, size=0, root=root, checkpoint=checkpoint)
        self._connection.execute(row.on_conflict_do_nothing())

    def head(self) -> Head:
        """The newest committed head."""
        return self._head(lock=False)

    def lock(self) -> None:
        """Wait until nobody else appends; nobody does before this transaction ends."""
        self._head(lock=True)

    def append(self, entries: Sequence[Entry]) -> list[int]:
        """Append entries in order; returns their indices.

        The head's row stays locked until the transaction ends, so appends follow one another. Nothing is
        visible before the commit: a crash before it leaves the old head, one after it the new head with all
        its rows.

        Raises:
            Conflict: one of the entries is already in the log.
        """
        head = self._head(lock=True)
        if not entries:
            return []
        leaves = [entry.leaf for entry in entries]
        known = select(log_entries.c.index).where(among(log_entries.c.leaf, leaves)).limit(1)
        if len(set(leaves)) < len(leaves) or self._connection.scalar(known) is not None:
            raise Conflict("an entry that is already in the log cannot be appended again")
        indices = list(range(head.size, head.size + len(entries)))
        rows = [
            {"index": index, "leaf": leaf, "kind": type(entry.struct).__name__, "raw": entry.raw}
            for index, leaf, entry in zip(indices, leaves, entries, strict=True)
        ]
        self._connection.execute(insert(log_entries), rows)
        self._write_head(
            head.size + len(entries), *tiles.append(TileRows(self._connection), head.size, leaves)
        )
        return indices

    def tree(self, size: int) -> tiles.TiledTree:
        """Proofs and roots up to `size`, which must not be beyond a committed head."""
        return tiles.TiledTree(TileRows(self._connection), size, self._cache)

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

    def by_leaf(self, leaves: Iterable[bytes]) -> dict[bytes, tuple[int, bytes]]:
        """{leaf hash: (index, entry bytes)} of those that are in the log."""
        query = select(log_entries.c.leaf, log_entries.c.index, log_entries.c.raw).where(
            among(log_entries.c.leaf, leaves)
        )
        return {leaf: (index, raw) for leaf, index, raw in self._connection.execute(query)}

    def _head(self, *, lock: bool) -> Head:
        query = select(log_head.c.size, log_head.c.root, log_head.c.checkpoint).where(log_head.c.id == 1)
        row = self._connection.execute(query.with_for_update() if lock else query).one_or_none()
        if row is None:
            raise Corrupt("the log has no head")
        return Head(row.size, row.root, row.checkpoint)

    def _write_head(self, size: int, changed: tiles.Tiles, root: bytes) -> None:
        row = upsert(log_tiles)
        row = row.on_conflict_do_update(
            index_elements=[log_tiles.c.level, log_tiles.c.index], set_={"hashes": row.excluded.hashes}
        )
        values = [{"level": level, "index": n, "hashes": hashes} for (level, n), hashes in changed.items()]
        self._connection.execute(row, values)
        checkpoint = sign_checkpoint(self.key.name, size, root, self.key)
        self._connection.execute(update(log_head).values(size=size, root=root, checkpoint=checkpoint))
