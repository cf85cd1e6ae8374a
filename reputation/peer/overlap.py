"""What every statistic of this package reads: how one worker's answers meet the others'."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reputation.truth.memory import refuse_beyond
from reputation.votes import Ints, Votes, refuse_repeats

Floats = NDArray[np.float64]


class TooFewLabels(ValueError):
    """There are fewer labels than a statistic needs; it says which and how many."""


@dataclass(frozen=True, eq=False)
class Peers:
    """The other answers to the item of each vote.

    Attributes:
        given: [V, K] how often the others gave each answer to the vote's item, float64.
        count: [V] how many others there are.
    """

    given: Floats
    count: Ints

    @classmethod
    def of(cls, votes: Votes) -> Peers:
        """Take each vote out of its item's tally.

        Raises:
            ValueError: a worker answered an item twice, and would be its own peer; or more memory is needed
                than there is.
        """
        if votes.repeats:
            refuse_repeats(votes.item, votes.worker, votes.workers)
        needed = 8 * votes.classes * (2 * len(votes) + votes.items)
        refuse_beyond(needed, f"{len(votes)} votes of {votes.classes} classes", "merge rare classes")
        given = votes.tally()[votes.item].astype(np.float64)
        given[np.arange(len(votes)), votes.answer] -= 1
        return cls(given, given.sum(axis=1).astype(np.int64))


@dataclass(frozen=True, eq=False)
class Payments:
    """What a mechanism pays.

    Attributes:
        label: [V] score of each vote, in the order of the votes; 0 for one that could not be scored.
        scored: [V] whether it could.
        worker: [W] mean score of each worker's scored votes, 0 without any.
    """

    label: Floats
    scored: NDArray[np.bool_]
    worker: Floats

    @classmethod
    def of(cls, votes: Votes, label: Floats, scored: NDArray[np.bool_]) -> Payments:
        """Add up by worker."""
        kept = np.where(scored, label, 0.0)
        total = np.bincount(votes.worker, kept, minlength=votes.workers)
        count = np.bincount(votes.worker, scored, minlength=votes.workers)
        return cls(kept, scored, total / np.maximum(count, 1))


def need(what: str, found: int, least: int) -> None:
    """Refuse to score with too little.

    Raises:
        TooFewLabels: fewer than the least.
    """
    if found < least:
        raise TooFewLabels(f"{what}: there have to be at least {least}, there are {found}")
