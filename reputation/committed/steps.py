"""One EM step from Dirichlet parameters in integers: numpy and scipy, no torch, one pass over the votes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from reputation.committed.counts import MICRO, Counts, emission, weight
from reputation.committed.digamma import digamma
from reputation.committed.judgement import LOG_SCALE
from reputation.priors import LOG_FLOOR, StatesPrior
from reputation.votes import Ints, Votes

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

MOST_VOTES = 1_000_000  # of one item: so many logarithms at the floor are still an int64
_BLOCK = 1 << 22  # numbers of one block of items


@dataclass(frozen=True, eq=False)
class Tables:
    """What the E-step adds up, in units of 2^-36 nats.

    Attributes:
        state: [S] int64, expected log weight of each state.
        answer: [W * K, S] int64, expected log probability of a worker's answer in each state.
        classes: K.
    """

    state: Ints
    answer: Ints
    classes: int


def tables(counts: Counts, prior: StatesPrior) -> Tables:
    """The logarithms that follow from committed counts."""
    return from_parameters(weight(counts, prior), emission(counts, prior))


def from_parameters(states: Ints, rows: Ints) -> Tables:
    """The logarithms of Dirichlet parameters in millionths, [S] and [W, S, K]."""
    workers, count, classes = rows.shape
    answers = _expected_logs(rows).transpose(0, 2, 1).reshape(workers * classes, count)
    return Tables(_expected_logs(states), np.ascontiguousarray(answers), classes)


def _expected_logs(parameters: Ints) -> Ints:
    """ψ(a) − ψ(sum of the row) along the last axis, not below the floor, rounded to 2^-36 (ties to even)."""
    total = parameters.sum(axis=-1, keepdims=True)
    logs = np.maximum(digamma(parameters / MICRO) - digamma(total / MICRO), LOG_FLOOR)
    return np.rint(logs * LOG_SCALE).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Grid:
    """The votes by item: a matrix of ones, items by (worker, answer)."""

    matrix: csr_matrix
    states: int

    @classmethod
    def of(cls, votes: Votes, states: int) -> Grid:
        """Sort the votes.

        Raises:
            ValueError: an item has more votes than can be added up.
        """
        from scipy.sparse import csr_matrix

        cell = votes.worker * votes.classes + votes.answer
        order = np.lexsort((cell, votes.item))
        per_item = np.bincount(votes.item, minlength=votes.items)
        if per_item.max(initial=0) > MOST_VOTES:
            raise ValueError(f"an item has at most {MOST_VOTES} votes")
        offsets = np.concatenate(([0], np.cumsum(per_item)))
        ones = np.ones(len(votes), dtype=np.int64)
        shape = (votes.items, votes.workers * votes.classes)
        return cls(csr_matrix((ones, cell[order], offsets), shape=shape), states)

    def blocks(self) -> Iterator[tuple[slice, csr_matrix]]:
        """Items in blocks small enough to hold a number for each state of each."""
        items = self.matrix.shape[0]
        step = max(1, _BLOCK // self.states)
        for first in range(0, items, step):
            rows = slice(first, min(items, first + step))
            yield rows, self.matrix[rows]


def posterior(block: csr_matrix, logs: Tables) -> NDArray[np.float64]:
    """The E-step: P(state) for each item of a block, [n, S]."""
    joint = block @ logs.answer + logs.state
    shares = np.exp((joint - joint.max(axis=1, keepdims=True)) / LOG_SCALE)
    result: NDArray[np.float64] = shares / shares.sum(axis=1, keepdims=True)
    return result


def expected(grid: Grid, logs: Tables) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """One E-step and what it counts: items with a vote [S], and labels [W, S, K]."""
    states, cells = logs.state.size, logs.answer.shape[0]
    items, labels = np.zeros(states), np.zeros((cells, states))
    for _, block in grid.blocks():
        shares = posterior(block, logs)
        items += shares[np.diff(block.indptr) > 0].sum(axis=0)
        labels += block.T @ shares
    return items, labels.reshape(-1, logs.classes, states).transpose(0, 2, 1)
