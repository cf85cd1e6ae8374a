"""Votes from Parquet, read in batches: a whole crowd, or one shard of its items."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reputation.votes import Votes

BATCH = 1 << 16


@dataclass(frozen=True, eq=False)
class Shard:
    """The votes on one shard's items, and what their indices stand for.

    Attributes:
        votes: indices into the names below. Workers and classes are those of the whole crowd, so they have
            the same index in every shard.
        items, workers, classes: the values of the columns, in ascending order.
        shard, shards: which one of how many.
    """

    votes: Votes
    items: tuple[Any, ...]
    workers: tuple[Any, ...]
    classes: tuple[Any, ...]
    shard: int
    shards: int


def read_parquet(
    path: str | Path,
    *,
    columns: tuple[str, str, str] = ("task", "worker", "label"),
    shard: int = 0,
    shards: int = 1,
    batch: int = BATCH,
    repeats: bool = False,
) -> Shard:
    """Read one shard of the votes in a Parquet file, or in a folder of them.

    The columns may be of any type that has an order. Indices follow the ascending order of the values, so
    they do not depend on the order of rows or files. An item belongs to the shard that a hash of its value
    names: SplitMix64 of an integer, else BLAKE2b of its text, modulo the number of shards. Everything is read
    a batch at a time; what is kept is twelve bytes a label of this shard, and the names.

    Args:
        columns: the names of the columns for item, worker and answer.
        shard, shards: 0 <= shard < shards.
        batch: rows at a time.
        repeats: as in `Votes`.
    Raises:
        ValueError: a column is missing or has empty cells, fewer than two classes, a worker answered an item
            twice, or the shard is none of them.
        FileNotFoundError: there is no such file.
    """
    if not 0 <= shard < shards:
        raise ValueError(f"shard {shard} of {shards} does not exist")
    source = _Source(Path(path), columns, batch)
    workers, classes = source.distinct(columns[1]), source.distinct(columns[2])
    if len(classes) < 2:
        raise ValueError(f"the column {columns[2]} has {len(classes)} classes, an answer needs at least 2")
    items, joined = _gather(source, workers, classes, shard, shards)
    votes = Votes(*joined, len(items), len(workers), len(classes), repeats)
    return Shard(votes, tuple(items), tuple(workers), tuple(classes), shard, shards)


def _gather(
    source: _Source, workers: list[Any], classes: list[Any], shard: int, shards: int
) -> tuple[list[Any], tuple[Any, Any, Any]]:
    """The shard's items in ascending order, and its votes as frozen int32 indices."""
    numbers: dict[Any, int] = {}  # in the order in which they are met
    parts: list[tuple[NDArray[np.int32], ...]] = [(np.empty(0, np.int32),) * 3]
    for task, worker, label in source.rows(source.columns):
        values, code = _distinct(task)
        mine = _shard_of(values, shards) == shard
        found = [numbers.setdefault(v, len(numbers)) if m else -1 for v, m in zip(values, mine, strict=True)]
        item = np.array(found, dtype=np.int32)[code]
        keep = item >= 0
        parts.append((item[keep], _index(worker, workers)[keep], _index(label, classes)[keep]))
    items = sorted(numbers)
    rank = np.empty(len(items), dtype=np.int32)
    rank[np.array([numbers[name] for name in items], dtype=np.int64)] = np.arange(len(items), dtype=np.int32)
    item, worker, answer = (np.concatenate(column) for column in zip(*parts, strict=True))
    item = rank[item]
    for array in (item, worker, answer):
        array.setflags(write=False)
    return items, (item, worker, answer)


@dataclass(frozen=True)
class _Source:
    path: Path
    columns: tuple[str, str, str]
    batch: int

    def rows(self, columns: tuple[str, ...]) -> Iterator[list[Any]]:
        """Batch after batch, the columns as Arrow arrays."""
        from pyarrow import parquet

        files = sorted(self.path.glob("*.parquet")) if self.path.is_dir() else [self.path]
        if not files:
            raise FileNotFoundError(f"no Parquet file in {self.path}")
        for name in files:
            with parquet.ParquetFile(name) as file:
                missing = set(columns) - set(file.schema_arrow.names)
                if missing:
                    raise ValueError(f"{name} has no column {', '.join(sorted(missing))}")
                for part in file.iter_batches(batch_size=self.batch, columns=list(columns)):
                    yield [_whole(part.column(column), column, name) for column in columns]

    def distinct(self, column: str) -> list[Any]:
        """The column's values in ascending order."""
        found: set[Any] = set()
        for (values,) in self.rows((column,)):
            found.update(values.unique().to_pylist())
        return sorted(found)


def _whole(values: Any, column: str, name: Path) -> Any:
    if values.null_count:
        raise ValueError(f"{name}: the column {column} has empty cells")
    return values


def _distinct(values: Any) -> tuple[list[Any], NDArray[np.int32]]:
    """A batch's distinct values, and which of them each row has."""
    import pyarrow

    coded = values if isinstance(values, pyarrow.DictionaryArray) else values.dictionary_encode()
    return coded.dictionary.to_pylist(), coded.indices.to_numpy(zero_copy_only=False).astype(np.int32)


def _index(values: Any, names: list[Any]) -> NDArray[np.int32]:
    """Which of the names each row has."""
    found, code = _distinct(values)
    place = {name: at for at, name in enumerate(names)} if len(names) < 4 * len(found) else None
    ranks = [place[v] for v in found] if place else [_search(names, v) for v in found]
    return np.array(ranks, dtype=np.int32)[code]


def _search(names: list[Any], value: Any) -> int:
    from bisect import bisect_left

    return bisect_left(names, value)


def _shard_of(values: list[Any], shards: int) -> NDArray[np.int64]:
    if shards == 1:
        return np.zeros(len(values), dtype=np.int64)
    if all(isinstance(value, int) for value in values):
        word = np.array([value % 2**64 for value in values], dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
            word = (word ^ (word >> np.uint64(shift))) * np.uint64(factor)
        return (word % np.uint64(shards)).astype(np.int64)
    texts = (hashlib.blake2b(str(value).encode(), digest_size=8).digest() for value in values)
    return np.array([int.from_bytes(text, "big") % shards for text in texts], dtype=np.int64)
