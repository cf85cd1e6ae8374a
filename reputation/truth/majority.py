"""Majority vote in the form of every other method."""

from __future__ import annotations

import numpy as np

from reputation.truth.core import Layout
from reputation.truth.memory import refuse_beyond
from reputation.truth.run import MAX_ITERATIONS, TOLERANCE_PPM, Known, TruthRun, check
from reputation.votes import Votes, majority_vote

_LOT = 1e-9  # share that the winner of a tie gets from the lottery


def majority(
    votes: Votes,
    *,
    known: Known | None = None,
    tolerance_ppm: int = TOLERANCE_PPM,
    max_iterations: int = MAX_ITERATIONS,
    device: str = "cpu",
) -> TruthRun:
    """The shares of each item's votes as its posterior, and what they make of the workers.

    The largest share is the answer of `majority_vote`, its ties decided by that function's lottery. Nothing
    is iterated: tolerance, limit and device change nothing.

    Raises:
        ValueError: no votes, known items that do not fit, or more memory than there is.
    """
    import torch

    check(votes, tolerance_ppm, max_iterations, known)
    k = votes.classes
    needed = 8 * (3 * votes.items * k + 2 * votes.workers * k * k)
    what = f"majority as arrays has {votes.items} x {k} shares and a {k} x {k} matrix for each of "
    refuse_beyond(needed, f"{what}{votes.workers} workers", "majority_vote gives the answers without them")
    tally = votes.tally().astype(np.float64)
    given = tally.sum(axis=1, keepdims=True)
    shares = np.where(given > 0, tally / np.maximum(given, 1), 1 / k)
    shares[np.arange(votes.items), majority_vote(votes).answer] += _LOT
    if known is not None:
        shares[known.item] = np.eye(k)[known.answer]
    shares /= shares.sum(axis=1, keepdims=True)
    counts = Layout.of(votes).tally(torch.from_numpy(shares)).numpy()
    # A row on which nothing bears is uniform.
    raw = counts.reshape(votes.workers, k, k).transpose(0, 2, 1) + 1 / k
    confusion = raw / raw.sum(axis=2, keepdims=True)
    prevalence = shares.mean(axis=0)
    return TruthRun("majority", shares, confusion, prevalence, (), 0, 0.0, True)
