"""Writing and reading the log in bulk, in few words to the server.

Rows travel as one binary COPY, which the server takes in while the tree is built here, and tiles and head in
one round trip. It speaks to psycopg itself, within SQLAlchemy's transaction.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import cast

from sqlalchemy import Connection

from ledger_service.errors import Conflict
from ledger_service.log.tiles import Edge, Tiles
from ledger_service.store.prepared import Cursor
from ledger_service.store.prepared import cursor as borrowed

_HEAD = "SELECT size, root FROM log_head WHERE id = 1 FOR UPDATE"
_ENTRIES = "COPY log_entries (index, leaf, kind, raw) FROM STDIN (FORMAT binary)"
_TILE = "SELECT hashes FROM log_tiles WHERE level = %b AND index = %b"
_TILES = """
    INSERT INTO log_tiles (level, index, hashes)
    SELECT * FROM unnest(%b::smallint[], %b::bigint[], %b::bytea[])
    ON CONFLICT (level, index) DO UPDATE SET hashes = excluded.hashes"""
_AT = "SELECT index, raw FROM log_entries WHERE index = ANY(%b::bigint[])"
_NEW_HEAD = "UPDATE log_head SET size = %b, root = %b, checkpoint = %b WHERE id = 1"

# PostgreSQL 18, "Binary Format" of COPY: signature, flags, length of the header's extension; a row is its
# number of fields, and each field after its length; -1 ends it.
_COPY_BEGIN = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_END = b"\xff\xff"
_ROW = "!hiqi32si{kind}si"
_FIRST_PIECE, _PIECE = 64, 256  # rows; the first is small, so that the server begins soon

RawEntry = tuple[str, bytes]  # its kind, and its bytes as they stand in the log


@dataclass(frozen=True, slots=True)
class Change:
    """What an append changes beside the rows: the edge after it, the tiles that are new or have grown, and
    the new head's checkpoint."""

    edge: Edge
    tiles: Tiles
    checkpoint: str


def copy_rows(rows: Sequence[RawEntry], leaves: Sequence[bytes], first: int) -> bytes:
    """Entries with their leaf hashes as rows of the binary COPY, the first of them with index `first`."""
    kinds = {kind: _head_of_row(kind.encode()) for kind in {kind for kind, _ in rows}}
    parts: list[bytes] = []
    for index, (leaf, (kind, raw)) in enumerate(zip(leaves, rows, strict=True), first):
        pack, name = kinds[kind]
        parts += (pack(4, 8, index, 32, leaf, len(name), name, len(raw)), raw)
    return b"".join(parts)


def _head_of_row(kind: bytes) -> tuple[Callable[..., bytes], bytes]:
    """What packs all of a row but the entry's bytes, and the kind that it packs."""
    return struct.Struct(_ROW.format(kind=len(kind))).pack, kind


def _pieces(count: int) -> Iterator[tuple[int, int]]:
    """(start, end) of the pieces in which rows are sent."""
    start = 0
    while start < count:
        end = min(count, start + (_PIECE if start else _FIRST_PIECE))
        yield start, end
        start = end


class Bulk:
    """Entries and tiles, within a transaction of SQLAlchemy's."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lock(self) -> tuple[int, bytes] | None:
        """Size and root of the head, whose row nobody else locks before this transaction ends."""
        with borrowed(self._connection) as cursor:
            return cast("tuple[int, bytes] | None", cursor.execute(_HEAD).fetchone())

    def at(self, indices: Iterable[int]) -> list[tuple[int, bytes]]:
        """(index, bytes) of the entries that are there, in no order."""
        with borrowed(self._connection) as cursor:
            found = cursor.execute(_AT, (list(indices),), binary=True).fetchall()
        return cast("list[tuple[int, bytes]]", found)

    def tile(self, level: int, index: int) -> bytes:
        """The hashes of a tile as they are now; nothing where there is none."""
        with borrowed(self._connection) as cursor:
            found = cursor.execute(_TILE, (level, index), binary=True).fetchone()
        return found[0] if found else b""

    def write(self, rows: Sequence[RawEntry], before: Edge, sign: Callable[[Edge], str]) -> tuple[Edge, str]:
        """Write entries behind an edge, the tiles that they change, and the new head.

        Returns: the edge after it, and the new head's checkpoint.

        Raises:
            Conflict: one of the entries is here twice.
        """
        with borrowed(self._connection) as cursor:
            change = self._copy(cursor, rows, before, sign)
            levels, indices = zip(*change.tiles, strict=True)
            tiles = (list(levels), list(indices), list(change.tiles.values()))
            edge = change.edge
            with cursor.connection.pipeline():
                cursor.execute(_TILES, tiles)
                cursor.execute(_NEW_HEAD, (edge.size, edge.root, change.checkpoint))
        return edge, change.checkpoint

    def _copy(
        self, cursor: Cursor, rows: Sequence[RawEntry], before: Edge, sign: Callable[[Edge], str]
    ) -> Change:
        """Send the rows piece by piece: while the server takes one in, the next is made here, and at last the
        tree and its signature."""
        leaves: list[bytes] = []
        with cursor.copy(_ENTRIES) as copy:
            for start, end in _pieces(len(rows)):
                piece = rows[start:end]
                fresh = [sha256(b"\x00" + raw).digest() for _, raw in piece]  # RFC 6962, 2.1
                data = copy_rows(piece, fresh, before.size + start)
                copy.write((b"" if start else _COPY_BEGIN) + data + (_COPY_END if end == len(rows) else b""))
                leaves += fresh
            if len(set(leaves)) < len(leaves):
                raise Conflict("an entry cannot be appended twice")
            edge, tiles = before.extend(leaves)
            return Change(edge, tiles, sign(edge))
