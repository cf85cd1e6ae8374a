"""Writing entries and tiles in bulk, in few words to the server.

Rows travel as one binary COPY, which the server takes in while the tree is built here, and tiles and head in
one round trip. It speaks to psycopg itself, within SQLAlchemy's transaction.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from sqlalchemy import Connection

from ledger_service.errors import BadInput, Conflict, Unavailable
from ledger_service.log.hashing import leaf_hash
from ledger_service.log.tiles import MAX_ENTRY_BYTES, Edge, Tiles

_HEAD = "SELECT size, root FROM log_head WHERE id = 1 FOR UPDATE"
_ENTRIES = "COPY log_entries (index, leaf, kind, raw) FROM STDIN (FORMAT binary)"
_TILES = """
    INSERT INTO log_tiles (level, index, hashes)
    SELECT * FROM unnest(%b::smallint[], %b::bigint[], %b::bytea[])
    ON CONFLICT (level, index) DO UPDATE SET hashes = excluded.hashes"""
_NEW_HEAD = "UPDATE log_head SET size = %b, root = %b, checkpoint = %b WHERE id = 1"

# PostgreSQL 18, "Binary Format" of COPY: signature, flags, length of the header's extension; a row is its
# number of fields, and each field after its length; -1 ends it.
_COPY_BEGIN = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_END = b"\xff\xff"
_ROW = struct.Struct("!hiqi32s")
_LENGTH = struct.Struct("!i")


@dataclass(frozen=True, slots=True)
class Batch:
    """Entries as they are to be appended: by position, the leaf hash and what follows it in the row."""

    leaves: list[bytes]
    rest: list[bytes]

    @staticmethod
    def of(rows: Sequence[tuple[str, bytes]]) -> Batch:
        """From (kind, raw bytes) of each entry.

        Raises:
            BadInput: an entry is longer than 65,535 bytes.
            Conflict: one of them is there twice.
        """
        if any(len(raw) > MAX_ENTRY_BYTES for _, raw in rows):
            raise BadInput(f"an entry has at most {MAX_ENTRY_BYTES} bytes")
        leaves = [leaf_hash(raw) for _, raw in rows]
        if len(set(leaves)) < len(leaves):
            raise Conflict("the same entry twice: an entry is in the log once")
        kinds = {kind: _field(kind.encode()) for kind, _ in rows}
        return Batch(leaves, [kinds[kind] + _LENGTH.pack(len(raw)) + raw for kind, raw in rows])

    def copy_rows(self, first: int) -> bytes:
        """All rows for COPY, the first of them with index `first`."""
        rows = (
            _ROW.pack(4, 8, index, 32, leaf) + rest
            for index, (leaf, rest) in enumerate(zip(self.leaves, self.rest, strict=True), first)
        )
        return b"".join([_COPY_BEGIN, *rows, _COPY_END])


class Appending:
    """One append within a transaction of SQLAlchemy's."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lock(self) -> tuple[int, bytes] | None:
        """Size and root of the head, whose row nobody else locks before this transaction ends."""
        with self._cursor() as cursor:
            return cursor.execute(_HEAD).fetchone()

    def write_entries(self, batch: Batch, edge: Edge) -> tuple[Edge, Tiles]:
        """Write the rows behind an edge; the new edge, and the tiles that it changes.

        Raises:
            Conflict: one of the entries is in the log already.
        """
        with self._cursor() as cursor, cursor.copy(_ENTRIES) as copy:
            copy.write(batch.copy_rows(edge.size))
            return edge.extend(batch.leaves)  # while the server writes its rows

    def write_head(self, edge: Edge, changed: Tiles, checkpoint: str) -> None:
        """Write the tiles that have changed and the new head."""
        levels, indices = zip(*changed, strict=True)
        tiles = (list(levels), list(indices), list(changed.values()))
        with self._cursor() as cursor, cursor.connection.pipeline():
            cursor.execute(_TILES, tiles)
            cursor.execute(_NEW_HEAD, (edge.size, edge.root, checkpoint))

    @contextmanager
    def _cursor(self) -> Iterator[psycopg.Cursor[tuple[int, bytes]]]:
        """psycopg's cursor. What it raises becomes ours, as `Store.begin` does it for SQLAlchemy's."""
        with self._connection.connection.cursor() as cursor:
            try:
                yield cursor
            except psycopg.errors.ExclusionViolation as error:
                raise Conflict("an entry that is already in the log cannot be appended again") from error
            except psycopg.OperationalError as error:
                self._connection.invalidate(error)
                raise Unavailable("the database does not answer") from error


def _field(value: bytes) -> bytes:
    return _LENGTH.pack(len(value)) + value
