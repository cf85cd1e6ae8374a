"""A latent-class model as what it counts: expected labels and items, in integers.

A model's Dirichlet parameters are expected counts plus a prior that follows from the counts themselves, so
the counts are all that has to be committed. They are kept in millionths, and rounded so that over the states
they sum exactly to the labels and items that there are: whoever drops or swaps a vote is found by a sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reputation.priors import LevelPrior, StatesPrior
from reputation.votes import Ints, Votes

MICRO = 1_000_000
MOST = 9 * 10**12  # nine million labels, or items: a million times as many is still an int64


@dataclass(frozen=True, eq=False)
class Counts:
    """Expected counts of a model with S = H * K states; state s is of class s % K.

    Attributes:
        items: [S] int64, millionths of an item in each state.
        labels: [W, S, K] int64, millionths of a worker's labels with this answer to items in this state.

    Raises:
        ValueError: no integers, a shape that does not fit, a count below 0, or too large a sum.
    """

    items: Ints
    labels: Ints

    def __post_init__(self) -> None:
        for name in ("items", "labels"):
            array = np.asarray(getattr(self, name))
            if not np.issubdtype(array.dtype, np.integer):
                raise ValueError(f"counts of {name} must be integers")
            object.__setattr__(self, name, array.astype(np.int64))
        states = self.items.size
        if self.items.ndim != 1 or self.labels.ndim != 3 or self.labels.shape[1] != states:
            raise ValueError(f"counts of items {self.items.shape} and labels {self.labels.shape} differ")
        if self.classes < 2 or states % self.classes or not states:
            raise ValueError(f"{states} states of {self.classes} classes")
        for array in (self.items, self.labels):
            if array.size and (array.min() < 0 or array.max() > MOST):
                raise ValueError(f"a count lies between 0 and {MOST} millionths")
        # As floats: rows of counts that are each in range may still overflow together.
        if max(self.items.sum(dtype=float), self.labels.sum(axis=2, dtype=float).max(initial=0.0)) > MOST:
            raise ValueError(f"counts sum to at most {MOST} millionths")

    @property
    def classes(self) -> int:
        """K."""
        return int(self.labels.shape[2])

    @property
    def workers(self) -> int:
        """W."""
        return int(self.labels.shape[0])


def whole(votes: Votes, items: NDArray[np.float64], labels: NDArray[np.float64]) -> Counts:
    """Round expected counts, [S] items and [W, S, K] labels, to millionths with exact sums.

    Over the states, a worker's labels with one answer sum to as many as it gave, and the items to as many as
    have a vote: each number is rounded down, and what is missing is given, one millionth each, to the largest
    remainders, the lowest state first among equal ones.
    """
    given = cells(votes) * MICRO
    rounded = _apportion(labels.transpose(0, 2, 1), given).transpose(0, 2, 1)
    return Counts(_apportion(items[None], np.array([voted(votes) * MICRO]))[0], rounded)


def cells(votes: Votes) -> Ints:
    """How many labels each worker gave of each answer, [W, K]."""
    cell = votes.worker * votes.classes + votes.answer
    counted = np.bincount(cell, minlength=votes.workers * votes.classes)
    return counted.astype(np.int64).reshape(votes.workers, votes.classes)


def voted(votes: Votes) -> int:
    """How many items have a vote."""
    return int(np.unique(votes.item).size)


def _apportion(shares: NDArray[np.float64], total: Ints) -> Ints:
    """Millionths of the last axis that sum to `total`, by largest remainders."""
    exact = shares * MICRO
    floor = np.floor(exact).astype(np.int64)
    missing = (total - floor.sum(axis=-1))[..., None]
    order = np.argsort(floor - exact, axis=-1, kind="stable")
    rank = np.argsort(order, axis=-1, kind="stable")
    rows: Ints = floor + (rank < missing)
    return rows


def emission(counts: Counts, prior: StatesPrior) -> Ints:
    """The workers' Dirichlet parameters [W, S, K] in millionths of a label, each at least 1."""
    classes = counts.classes
    levels = counts.labels.reshape(counts.workers, len(prior.levels), classes, classes)
    added = np.stack(
        [_community(levels[:, h].sum(axis=0), counts.workers, level) for h, level in enumerate(prior.levels)]
    )
    parameters: Ints = np.maximum(counts.labels + added.reshape(-1, classes), 1)
    return parameters


def weight(counts: Counts, prior: StatesPrior) -> Ints:
    """The Dirichlet parameters of the states [S] in millionths of an item."""
    return counts.items + prior.prevalence * MICRO


def _community(pooled: Ints, workers: int, level: LevelPrior) -> Ints:
    """What the community adds to each worker's rows, [K, K] millionths, rounded down; in exact integers."""
    right = (workers * level.correct_per_worker + level.correct) * MICRO
    wrong = (workers * level.wrong_per_worker + level.wrong) * MICRO
    rows = []
    for true, row in enumerate(pooled.tolist()):
        cells = [count + (right if answer == true else wrong) for answer, count in enumerate(row)]
        total = sum(cells)
        rows.append([level.worker_labels * MICRO * cell // total for cell in cells])
    return np.array(rows, dtype=np.int64)
