"""Who answers like whom: agreement of two workers on the items they share, corrected for chance.

κ = (a − e) / (1 − e) (Cohen 1960): a is the share of shared items on which both gave the same answer, e
what two workers with the same habits but no common cause would reach, Σ_k f_u(k) f_v(k) over the shares of
their answers. Few shared items say little, so κ is shrunk by n / (n + PSEUDO_ITEMS). It is high for two
good workers as for two who copy; agreement beyond what skills explain is the matter of
`reputation.attacks`.

Only pairs that share items are made, by blocks of workers: two sparse products a block, never W × W in
memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from reputation.truth.run import Floats
from reputation.votes import Ints, Votes

PSEUDO_ITEMS = 5.0
BLOCK = 256


@dataclass(frozen=True, eq=False)
class Similarity:
    """Pairs of workers, [P] each, sorted by left and then right.

    Attributes:
        left, right: the workers, left < right.
        shared: how many items both answered.
        agreed: on how many of them they gave the same answer.
        kappa: their agreement corrected for chance and shrunk, below 1.
        workers: how many workers there are.
    """

    left: Ints
    right: Ints
    shared: Ints
    agreed: Ints
    kappa: Floats
    workers: int

    def neighbours(self, count: int) -> tuple[Ints, Floats]:
        """The `count` most similar workers of each one, [W, count], and their κ.

        The most similar first, equal ones by index; −1 and NaN where there are fewer.
        """
        owner = np.concatenate([self.left, self.right])
        other = np.concatenate([self.right, self.left])
        kappa = np.concatenate([self.kappa, self.kappa])
        order = np.lexsort((other, -kappa, owner))
        owner, other, kappa = owner[order], other[order], kappa[order]
        rank = np.arange(owner.size) - np.searchsorted(owner, owner)
        near = rank < count
        found = np.full((self.workers, count), -1, dtype=np.int64)
        value = np.full((self.workers, count), np.nan)
        found[owner[near], rank[near]] = other[near]
        value[owner[near], rank[near]] = kappa[near]
        return found, value


def similarity(votes: Votes, *, at_least: int = 3, block: int = BLOCK) -> Similarity:
    """Compare all workers who share at least so many items.

    Args:
        votes: without repeats.
        at_least: shared items from which a pair is kept.
        block: how many workers are compared with all others at a time; changes memory, not results.
    Raises:
        ValueError: votes with repeats, or a number below 1.
    """
    if votes.repeats:
        raise ValueError("similarity is about one answer per worker and item")
    if at_least < 1 or block < 1:
        raise ValueError("at_least and block must be at least 1")
    parts = list(_blocks(votes, at_least, block))
    left, right, shared, agreed = (
        np.concatenate([part[column] for part in parts] or [np.empty(0, np.int64)]) for column in range(4)
    )
    habit = np.bincount(votes.worker * votes.classes + votes.answer, minlength=votes.workers * votes.classes)
    share = habit.reshape(votes.workers, votes.classes) / np.maximum(votes.labels_per_worker(), 1)[:, None]
    chance = (share[left] * share[right]).sum(axis=1)
    # Two who always give one and the same answer agree by chance alone: nothing is said about them.
    excess = np.divide(
        agreed / shared - chance, 1 - chance, out=np.zeros(left.size), where=chance < 1 - 1e-12
    )
    return Similarity(left, right, shared, agreed, excess * shared / (shared + PSEUDO_ITEMS), votes.workers)


def _blocks(votes: Votes, at_least: int, block: int) -> Iterator[tuple[Ints, Ints, Ints, Ints]]:
    """left, right, shared, agreed of the pairs whose left worker is in the block."""
    answered = _incidence(votes, votes.item, votes.items)
    answers = _incidence(votes, votes.item * votes.classes + votes.answer, votes.items * votes.classes)
    items, cells = answered.T.tocsr(), answers.T.tocsr()
    for start in range(0, votes.workers, block):
        rows = slice(start, min(start + block, votes.workers))
        shared = (answered[rows] @ items).tocoo()
        agreed = (answers[rows] @ cells).tocsr()
        left, right = shared.row.astype(np.int64), shared.col.astype(np.int64)
        keep = (left + start < right) & (shared.data >= at_least)
        left, right, count = left[keep], right[keep], shared.data[keep].astype(np.int64)
        order = np.lexsort((right, left))
        left, right, count = left[order], right[order], count[order]
        same = np.asarray(agreed[left, right], dtype=np.int64).reshape(-1) if left.size else left
        yield left + start, right, count, same


def _incidence(votes: Votes, column: Ints, columns: int) -> Any:
    from scipy.sparse import csr_matrix

    ones = np.ones(len(votes), dtype=np.int64)
    return csr_matrix((ones, (votes.worker, column)), shape=(votes.workers, columns))
