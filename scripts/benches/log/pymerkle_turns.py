"""Runs under the peers' own Python, with nothing of ours: appends to pymerkle's trees, prints JSON.

    python -I pymerkle_turns.py FOLDER ROUNDS BULK_ENTRIES BATCH SINGLE_ENTRIES

Entries have 256 bytes and are made before the clock starts. A bulk turn asks for the root after each batch,
as our commits have one. The SQLite tree is durable as Python's sqlite3 opens it (synchronous=FULL, a rollback
journal).
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ENTRY_BYTES = 256


def main(folder: Path, rounds: int, bulk: int, batch: int, single: int) -> dict[str, Any]:
    """Entries per second of each way, turn by turn; and pymerkle's version."""
    pymerkle = importlib.import_module("pymerkle")
    ways: dict[str, tuple[Callable[[], Any], int, int]] = {  # what makes the tree, entries a turn, a batch
        "InmemoryTree one by one": (pymerkle.InmemoryTree, bulk, 1),
        "InmemoryTree in bulk": (pymerkle.InmemoryTree, bulk, batch),
        "SqliteTree one by one": (lambda: sqlite(pymerkle, folder), single, 1),
        "SqliteTree in bulk": (lambda: sqlite(pymerkle, folder), bulk, batch),
    }
    found = {}
    for name, (make, count, size) in ways.items():
        tree = make()
        found[name] = [turn(tree, entries(number * count, count), size) for number in range(rounds)]
    return {"version": pymerkle.__version__, "entries a second": found}


def sqlite(pymerkle: Any, folder: Path) -> Any:
    """A tree in a file of its own."""
    return pymerkle.SqliteTree(str(folder / f"{time.monotonic_ns()}.db"))


def entries(start: int, count: int) -> list[bytes]:
    """Entries that differ from all others."""
    return [number.to_bytes(ENTRY_BYTES, "big") for number in range(start, start + count)]


def turn(tree: Any, given: list[bytes], size: int) -> float:
    """Entries per second: each by itself, or so many at once and then the root."""
    batches = [given[start : start + size] for start in range(0, len(given), size)]
    begun = time.perf_counter()
    if size == 1:
        for entry in given:
            tree.append_entry(entry)
    else:
        for part in batches:
            tree.append_entries(part)
            tree.get_state()
    return len(given) / (time.perf_counter() - begun)


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), *map(int, sys.argv[2:]))))
