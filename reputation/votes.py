"""What the models read: who answered what, as three aligned integer arrays."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
PPM = 1_000_000
_TIE_DOMAIN = b"crowdledger-tie@v1"


@dataclass(frozen=True, eq=False)
class Votes:
    """The answers of a crowd to categorical questions.

    Attributes:
        item, worker, answer: [V] int64, aligned; any order. The arrays are copied and made read-only.
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
            object.__setattr__(self, name, indices(name, getattr(self, name), limit))
        if not self.item.shape == self.worker.shape == self.answer.shape:
            raise ValueError("item, worker and answer must have the same length")
        if not self.repeats:
            refuse_repeats(self.item, self.worker, self.workers)

    def __len__(self) -> int:
        return int(self.item.size)

    def tally(self) -> Ints:
        """How often each answer was given to each item, [I, K]."""
        cells = np.bincount(self.item * self.classes + self.answer, minlength=self.items * self.classes)
        return cells.reshape(self.items, self.classes).astype(np.int64)

    def labels_per_worker(self) -> Ints:
        """How many labels each worker gave, [W]."""
        return np.bincount(self.worker, minlength=self.workers).astype(np.int64)


def indices(name: str, values: Ints, limit: int) -> Ints:
    """A read-only int64 copy of one-dimensional indices.

    Raises:
        ValueError: another shape or type, or an index outside 0..limit-1.
    """
    given = np.asarray(values)
    if given.ndim != 1 or (given.size and not np.issubdtype(given.dtype, np.integer)):
        raise ValueError(f"{name} must be a one-dimensional array of integers")
    array = given.astype(np.int64, copy=True)
    if array.size and (array.min() < 0 or array.max() >= limit):
        raise ValueError(f"{name} indices must be in 0..{limit - 1}, found {array.min()}..{array.max()}")
    array.setflags(write=False)
    return array


def refuse_repeats(item: Ints, worker: Ints, workers: int) -> None:
    """No worker may answer an item twice.

    Raises:
        ValueError: one does; the text names the first such pair.
    """
    pairs = np.sort(item * workers + worker)
    twice = pairs[1:][pairs[1:] == pairs[:-1]]
    if twice.size:
        first, by = divmod(int(twice[0]), workers)
        raise ValueError(f"worker {by} answered item {first} more than once")


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
    tally = votes.tally()
    top = tally.max(axis=1)
    leaders = tally == top[:, None]
    tied = leaders.sum(axis=1) > 1
    answer = leaders.argmax(axis=1).astype(np.int64)
    for item in np.flatnonzero(tied):
        classes = np.flatnonzero(leaders[item])
        draw = hashlib.sha256(_TIE_DOMAIN + int(item).to_bytes(8, "big")).digest()
        answer[item] = classes[int.from_bytes(draw, "big") % classes.size]
    share = top * PPM // np.maximum(tally.sum(axis=1), 1)
    return MajorityRun(answer, share, tied)
