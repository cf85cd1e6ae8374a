"""Sums over the votes that every detector needs, and a worker's view of the crowd without itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reputation.votes import Votes

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
_BLOCK = 1 << 18  # votes that are looked at one by one at the same time
_LEAST = 1e-300
_SHORT = 16


@dataclass(frozen=True, eq=False)
class Tables:
    """Votes as a sparse matrix of items against cells (worker, answer).

    Attributes:
        votes: the answers.
        matrix: [I, W * K] scipy CSR of ones (of counts where answers repeat).
        transposed: [W * K, I] the same, by cell.
    """

    votes: Votes
    matrix: Any
    transposed: Any

    @classmethod
    def of(cls, votes: Votes) -> Tables:
        """Sort the votes."""
        from scipy.sparse import csr_matrix

        cells = votes.worker * votes.classes + votes.answer
        shape = (votes.items, votes.workers * votes.classes)
        matrix = csr_matrix((np.ones(len(votes)), (votes.item, cells)), shape=shape)
        matrix.sum_duplicates()
        return cls(votes, matrix, matrix.T.tocsr())

    def evidence(self, table: Floats) -> Floats:
        """[W, C, K] (what an answer says of each of C states) to [I, C], summed over each item's votes."""
        workers, states, classes = table.shape
        rows = np.ascontiguousarray(table.transpose(0, 2, 1)).reshape(workers * classes, states)
        return np.asarray(self.matrix @ rows)

    def counts(self, weight: Floats) -> Floats:
        """[I, C] to [W, C, K]: over the items to which a worker gave an answer, the sum of the weights."""
        votes = self.votes
        summed = np.asarray(self.transposed @ weight)
        return summed.reshape(votes.workers, votes.classes, -1).transpose(0, 2, 1)

    def blocks(self) -> Iterator[slice]:
        """The votes, some at a time, so that nothing of size votes x classes has to be held."""
        for start in range(0, len(self.votes), _BLOCK):
            yield slice(start, start + _BLOCK)

    def without_self(self, posterior: Floats, log_rows: Floats, share: Floats | None = None) -> Floats:
        """How often each worker gave each answer to each class, the class as the others see it: [W, K, K].

        A vote's own evidence is divided out of its item's posterior; otherwise a worker who is alone with an
        item would always agree with it.

        Args:
            posterior: [I, K].
            log_rows: [W, K, K] log P(answer | class) with which the posterior was made.
            share: [W] how much of each worker's evidence is in the posterior; all of it when None.
        """
        votes = self.votes
        flat = np.zeros(votes.workers * votes.classes * votes.classes)
        for block in self.blocks():
            others = self.others(posterior, log_rows, block, share)
            worker, answer = votes.worker[block], votes.answer[block]
            for true in range(votes.classes):
                cell = (worker * votes.classes + true) * votes.classes + answer
                flat += np.bincount(cell, others[:, true], minlength=flat.size)
        return flat.reshape(votes.workers, votes.classes, votes.classes)

    def others(
        self, posterior: Floats, log_rows: Floats, block: slice, share: Floats | None = None
    ) -> Floats:
        """The posterior of each vote's item without that vote, [votes of the block, K]."""
        votes = self.votes
        worker, answer = votes.worker[block], votes.answer[block]
        own = log_rows[worker, :, answer]
        if share is not None:
            own = own * share[worker][:, None]
        return softmax(np.log(np.maximum(posterior, _LEAST))[votes.item[block]] - own)


def softmax(logits: Floats) -> Floats:
    """Rows that sum to 1."""
    shifted = np.exp(logits - row_max(logits)[:, None])
    return np.asarray(shifted / row_sum(shifted)[:, None])


def log_sum(logits: Floats) -> Floats:
    """log Σ exp over each row, [N]."""
    top = row_max(logits)
    return np.asarray(top + np.log(row_sum(np.exp(logits - top[:, None]))))


def row_max(table: Floats) -> Floats:
    """The maximum of each row; numpy is slow along a short last axis."""
    if table.shape[1] > _SHORT:
        return np.asarray(table.max(axis=1))
    top = table[:, 0]
    for column in range(1, table.shape[1]):
        top = np.maximum(top, table[:, column])
    return top


def row_sum(table: Floats) -> Floats:
    """The sum of each row."""
    if table.shape[1] > _SHORT:
        return np.asarray(table.sum(axis=1))
    added = table[:, 0]
    for column in range(1, table.shape[1]):
        added = added + table[:, column]
    return added


def log_marginal(counts: Floats, prior: Floats) -> Floats:
    """log P(counts | a Dirichlet prior) over the last axis: Dirichlet-multinomial without its constant."""
    from scipy.special import gammaln

    total = gammaln(prior.sum(-1)) - gammaln((prior + counts).sum(-1))
    return np.asarray(total + (gammaln(prior + counts) - gammaln(prior)).sum(-1))
