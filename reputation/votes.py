"""What the models read: who answered what, as three aligned integer arrays."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
PPM = 1_000_000
_CHUNK = 1 << 20
_TIE_DOMAIN = b"crowdledger-tie@v1"


@dataclass(frozen=True, eq=False)
class Votes:
    """The answers of a crowd to categorical questions.

    Attributes:
        item, worker, answer: [V] int64, aligned; any order. The arrays are copied and made read-only, unless
            nobody can write to them any more: such arrays are taken as they are, int32 ones too, which halves
            what a large crowd takes (products of indices must then be made in int64).
        items, workers, classes: how many of each there are; indices run from 0 to one less.
        repeats: whether a worker may answer an item more than once (replicated readings, as in Dawid and
            Skene's example). Off by default: a crowd's second answer to the same item is an error.

    Raises:
        ValueError: shapes differ, an index is out of range, there are fewer than two classes, or a worker
            answered an item twice without `repeats`.
    """

    item: Ints
    worker: Ints
    answer: Ints
    items: int
    workers: int
    classes: int
    repeats: bool = False

    def __post_init__(self) -> None:
        if self.classes < 2:
            raise ValueError(f"an answer needs at least 2 classes, there are {self.classes}")
        for name, limit in (("item", self.items), ("worker", self.workers), ("answer", self.classes)):
            object.__setattr__(self, name, indices(name, getattr(self, name), limit, compact=True))
        if not self.item.shape == self.worker.shape == self.answer.shape:
            raise ValueError("item, worker and answer must have the same length")
        if not self.repeats:
            refuse_repeats(self.item, self.worker, self.workers)

    def __len__(self) -> int:
        return int(self.item.size)

    def tally(self) -> Ints:
        """How often each answer was given to each item, [I, K]."""
        cell = self.item.astype(np.int64) * self.classes + self.answer
        cells = np.bincount(cell, minlength=self.items * self.classes)
        return cells.reshape(self.items, self.classes).astype(np.int64)

    def labels_per_worker(self) -> Ints:
        """How many labels each worker gave, [W]."""
        return np.bincount(self.worker, minlength=self.workers).astype(np.int64)


def indices(name: str, values: Ints, limit: int, *, compact: bool = False) -> Ints:
    """One-dimensional indices as a read-only int64 array: a copy, unless nobody can write to what is given.

    With `compact`, an int32 array that nobody can write to is taken as it is, too.

    Raises:
        ValueError: another shape or type, or an index outside 0..limit-1.
    """
    given = np.asarray(values)
    if given.ndim != 1 or (given.size and not np.issubdtype(given.dtype, np.integer)):
        raise ValueError(f"{name} must be a one-dimensional array of integers")
    array: Ints = given if _frozen(given, compact) else given.astype(np.int64, copy=True)
    if array.size and (array.min() < 0 or array.max() >= limit):
        raise ValueError(f"{name} indices must be in 0..{limit - 1}, found {array.min()}..{array.max()}")
    array.setflags(write=False)
    return array


def refuse_repeats(item: Ints, worker: Ints, workers: int) -> None:
    """No worker may answer an item twice.

    Raises:
        ValueError: one does; the text names the first such pair.
    """
    pairs = item.astype(np.int64)  # eight bytes a label for as long as this check takes
    pairs *= workers
    pairs += worker
    pairs.sort()
    for at in range(0, pairs.size, _CHUNK):
        part = pairs[at : at + _CHUNK + 1]
        twice = part[1:][part[1:] == part[:-1]]
        if twice.size:
            first, by = divmod(int(twice[0]), workers)
            raise ValueError(f"worker {by} answered item {first} more than once")


def _frozen(array: NDArray[Any], compact: bool) -> bool:
    """Whether an array can be taken as it is: nobody can change it, for it is read-only and no view."""
    kinds = (np.int32, np.int64) if compact else (np.int64,)
    return array.dtype in kinds and not array.flags.writeable and array.base is None


@dataclass(frozen=True, eq=False)
class MajorityRun:
    """The most frequent answer per item.

    Attributes:
        answer: [I] int64, the winning class.
        share_ppm: [I] int64, the winner's share of the item's labels, 0 where an item has none.
        tied: [I] bool, where the lottery had to decide.
    """

    answer: Ints
    share_ppm: Ints
    tied: NDArray[np.bool_]


def majority_vote(votes: Votes) -> MajorityRun:
    """The most frequent answer per item, with a fair and repeatable rule for ties.

    Giving ties to the lowest class would favour whichever class a schema happens to list first. Instead the
    tied classes, in ascending order, draw lots: number SHA-256("crowdledger-tie@v1" ‖ item index as 8 bytes,
    big-endian) mod (how many are tied) wins. An item without labels is a tie between all classes.
    """
    classes = votes.classes
    cell, count = np.unique(votes.item.astype(np.int64) * classes + votes.answer, return_counts=True)
    item, total = cell // classes, np.zeros(votes.items, dtype=np.int64)
    np.add.at(total, item, count)
    top = np.zeros(votes.items, dtype=np.int64)
    np.maximum.at(top, item, count)
    leaders, first = cell[count == top[item]], np.zeros(votes.items + 1, dtype=np.int64)
    np.cumsum(np.bincount(leaders // classes, minlength=votes.items), out=first[1:])
    many = np.where(np.diff(first) > 0, np.diff(first), classes)
    tied = many > 1
    answer = np.zeros(votes.items, dtype=np.int64)
    answer[leaders // classes] = leaders % classes
    for at in np.flatnonzero(tied):
        draw = hashlib.sha256(_TIE_DOMAIN + int(at).to_bytes(8, "big")).digest()
        lot = int.from_bytes(draw, "big") % int(many[at])
        answer[at] = leaders[first[at] + lot] % classes if total[at] else lot
    return MajorityRun(answer, top * PPM // np.maximum(total, 1), tied)
