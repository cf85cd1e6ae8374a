"""The log's own rows: entries, tiles and heads, each derived again from the entries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ledger_service import entries
from ledger_service.audit.progress import Progress
from ledger_service.errors import BadInput
from ledger_service.fsck.heads import Claims
from ledger_service.fsck.report import Difference, Report, same
from ledger_service.fsck.retree import Retree
from ledger_service.store.integrity import Snapshot

Meet = Callable[[int, entries.Entry], None]


def check_log(
    snapshot: Snapshot, size: int, claims: Claims, meet: Meet, report: Report, progress: Progress
) -> None:
    """Derive the log again from its entries, which are read once and in order.

     1. No two rows have the same leaf.
     2. There is an entry for every index below the head's size, and none beyond.
     3. Each decodes; its leaf is its hash, its kind is its type.
     4. Every tile has the hashes of its entries; there is none besides.
     5. Every root that somebody claims is the entries' root at that size.

    Each entry is handed to `meet` on the way.

    Raises:
        Difference: the first of these that does not hold, or from `meet`.
    """
    _check_repeated(snapshot)
    tree = Retree()
    claims.check(0, tree.root)
    for row in snapshot.entries():
        index = tree.size
        if not 0 <= row["index"] < size:
            none = f"none: the head has {size}"
            raise Difference("log_entries", f"index {row['index']}", "row", none, "an entry")
        if row["index"] != index:
            raise Difference("log_entries", f"index {index}", "row", "an entry", None)
        entry = _entry(index, row)
        _check_tiles(snapshot, tree.add(entry.leaf), report)
        claims.check(tree.size, tree.root)
        meet(index, entry)
        if index % 1000 == 0:
            progress("entries", index, size)
    if tree.size != size:
        raise Difference("log_entries", f"index {tree.size}", "row", "an entry", None)
    progress("entries", size, size)
    _check_tiles(snapshot, tree.partial(), report)
    _check_surplus(snapshot, tree)
    claims.check_rest(size)
    report.size, report.root = size, tree.root()
    report.add("log_entries", size)


def _check_repeated(snapshot: Snapshot) -> None:
    repeated = snapshot.repeated()
    if repeated is not None:
        first, last, leaf = repeated
        raise Difference("log_entries", f"index {last}", "leaf", f"another than that of index {first}", leaf)


def _entry(index: int, row: Mapping[str, Any]) -> entries.Entry:
    key = f"index {index}"
    try:
        entry = entries.decode(row["raw"])
    except BadInput as error:
        raise Difference("log_entries", key, "raw", "an entry", error) from error
    same("log_entries", key, "leaf", entry.leaf, row["leaf"])
    same("log_entries", key, "kind", type(entry.struct).__name__, row["kind"])
    return entry


def _check_tiles(snapshot: Snapshot, derived: Iterable[tuple[int, int, bytes]], report: Report) -> None:
    for level, index, hashes in derived:
        found = snapshot.tile(level, index)
        if found != hashes:
            raise _tile_difference(level, index, hashes, found)
        report.add("log_tiles")


def _tile_difference(level: int, index: int, expected: bytes, found: bytes | None) -> Difference:
    key = f"tile {level}/{index}"
    if found is None:
        return Difference("log_tiles", key, "row", f"{len(expected) // 32} hashes", None)
    if len(found) != len(expected):
        return Difference("log_tiles", key, "hashes", f"{len(expected)} bytes", f"{len(found)} bytes")
    at = next(i for i in range(0, len(expected), 32) if expected[i : i + 32] != found[i : i + 32])
    return Difference("log_tiles", key, f"hash {at // 32}", expected[at : at + 32], found[at : at + 32])


def _check_surplus(snapshot: Snapshot, tree: Retree) -> None:
    surplus = snapshot.surplus_tile(tree.counts())
    if surplus is not None:
        level, index = surplus
        expected = f"none: the log has {tree.size} entries"
        raise Difference("log_tiles", f"tile {level}/{index}", "row", expected, "a tile")
