"""The domain's rows beside the entries that they name: both ways, in the order of the log."""

from __future__ import annotations

from collections.abc import Iterator

from ledger_service import commitments, eip712, entries
from ledger_service.errors import BadInput
from ledger_service.fsck.known import Known
from ledger_service.fsck.meaning import Meaning, Row
from ledger_service.fsck.report import Difference, Report
from ledger_service.store.integrity import ROWS_OF, Snapshot, Values

# Columns that hold the document of which the entry has the digest.
DOCUMENTS = frozenset({"specification", "method", "parameters", "statement"})
# Columns that have a field's name and something else in them.
OTHERS = frozenset({("matchings", "prices")})


class Rows:
    """Walks all tables beside the log: hand it every entry in order, then call `finish`."""

    def __init__(self, snapshot: Snapshot, known: Known, report: Report, without: frozenset[bytes]) -> None:
        self._snapshot, self._report, self._without = snapshot, report, without
        self._unlabelled: set[bytes] = set()  # labels of campaigns that are left out: reviews name only these
        self._streams = {kind: _Stream(kind, snapshot.rows_of(kind)) for kind in ROWS_OF}
        self._meaning = Meaning(snapshot, known, report)

    def meet(self, index: int, entry: entries.Entry) -> None:
        """Compare the row of this entry, if its type has rows. Raises Difference."""
        kind = type(entry.struct).__name__
        if kind not in self._streams or self._is_left_out(entry):
            return
        values = self._streams[kind].take(index)
        if values is None:
            raise self._missing(kind, index, entry)
        row = Row(ROWS_OF[kind].name, f"leaf 0x{entry.leaf.hex()}", values, entry)
        row.same("leaf", entry.leaf)
        _check_fields(row)
        self._meaning.check(row)
        self._report.add(row.table)

    def _is_left_out(self, entry: entries.Entry) -> bool:
        struct = entry.struct
        if isinstance(struct, entries.Review):
            return struct.label in self._unlabelled
        left_out = getattr(struct, "campaign", None) in self._without
        if left_out and isinstance(struct, entries.Label):
            self._unlabelled.add(entry.leaf)
        return left_out

    def finish(self) -> None:
        """No table has more rows than the log has entries. Raises Difference."""
        for stream in self._streams.values():
            stream.end()

    def _missing(self, kind: str, index: int, entry: entries.Entry) -> Difference:
        key = f"leaf 0x{entry.leaf.hex()}"
        elsewhere = self._snapshot.index_of(kind, entry.leaf)
        if elsewhere is not None:
            return Difference(ROWS_OF[kind].name, key, "index", index, elsewhere)
        return Difference(ROWS_OF[kind].name, key, "row", f"a row of entry {index}", None)


class _Stream:
    """The rows of one table by index."""

    def __init__(self, kind: str, rows: Iterator[Values]) -> None:
        self._kind, self._rows = kind, rows
        self._next = next(rows, None)

    def take(self, index: int) -> Values | None:
        """The row of entry `index`. Raises Difference for one of an entry that was not of this type."""
        if self._next is not None and self._next["index"] < index:
            self.end()
        if self._next is None or self._next["index"] != index:
            return None
        found, self._next = self._next, next(self._rows, None)
        return found

    def end(self) -> None:
        """Raises Difference where there is a row left."""
        left = self._next
        if left is not None:
            key, expected = f"leaf 0x{left['leaf'].hex()}", f"a {self._kind} entry at {left['index']}"
            raise Difference(ROWS_OF[self._kind].name, key, "entry", expected, None)


def _check_fields(row: Row) -> None:
    """Every column that has the name of a field of the entry has its value, or the document of its digest."""
    for name, _ in eip712.layout(type(row.entry.struct)):
        if name not in ROWS_OF[type(row.entry.struct).__name__].c or (row.table, name) in OTHERS:
            continue
        expected = getattr(row.entry.struct, name)
        if name in DOCUMENTS:
            try:
                row.same(name, expected, commitments.digest(row.values[name]))
            except BadInput as error:
                raise row.fail(name, "a document", error) from error
        else:
            row.same(name, expected)
