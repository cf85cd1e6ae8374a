"""Entries of 256 bytes for whoever measures: as long as a session grant's, each with content of its own."""

from __future__ import annotations

from collections.abc import Iterator

from ledger_service import entries
from ledger_service.entries import Entry, SessionGrant

ENTRY_BYTES = 256
SIGNED = b"\x01" * 64
KEY_AT = 3 * 32 - 20  # of the session key's 20 bytes, in the third word


class Filler:
    """Makes entries that decode and differ from all others of this filler; nobody has signed them.

    The session key's bytes count, and everything else is the same: made quickly, and no two leaves alike.
    `name` is one byte: entries of fillers with different names differ too.
    """

    def __init__(self, name: bytes) -> None:
        worker = "0x" + name.hex() * 20
        self._struct = SessionGrant(worker, "0x" + "00" * 20, entries.ZERO32, 1, 2)
        raw = entries.encode(self._struct, SIGNED).raw
        self._begin, self._end = raw[:KEY_AT], raw[KEY_AT + 20 :]
        self._made = 0

    def take(self, count: int) -> list[Entry]:
        """The next entries."""
        first, self._made = self._made, self._made + count
        begin, end, struct = self._begin, self._end, self._struct
        return [
            Entry(struct, SIGNED, begin + number.to_bytes(20, "big") + end)
            for number in range(first, first + count)
        ]

    def batches(self, count: int, size: int) -> Iterator[list[Entry]]:
        """`count` entries, `size` at a time."""
        for start in range(0, count, size):
            yield self.take(min(size, count - start))
