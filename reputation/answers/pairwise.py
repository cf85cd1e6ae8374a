"""Comparisons: a score per item from who preferred what to what, and how reliable each worker is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reputation.answers.limits import check
from reputation.votes import Ints, indices

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Comparisons:
    """Who preferred which of two items.

    Attributes:
        worker, winner, loser: [V] int64, aligned; any order. A worker may compare the same pair again.
        items, workers: how many of each there are.

    Raises:
        ValueError: shapes differ, an index is out of range, or an item is compared with itself.
    """

    worker: Ints
    winner: Ints
    loser: Ints
    items: int
    workers: int

    def __post_init__(self) -> None:
        limits = {"worker": self.workers, "winner": self.items, "loser": self.items}
        for name, limit in limits.items():
            object.__setattr__(self, name, indices(name, getattr(self, name), limit))
        if not self.worker.shape == self.winner.shape == self.loser.shape:
            raise ValueError("worker, winner and loser must have the same length")
        same = np.flatnonzero(self.winner == self.loser)
        if same.size:
            raise ValueError(f"comparison {same[0]} is of item {self.winner[same[0]]} with itself")

    def __len__(self) -> int:
        return int(self.worker.size)


@dataclass(frozen=True, eq=False)
class PairwiseRun:
    """What the model found.

    Attributes:
        score: [I] float64, log-odds scale: a beats b with odds exp(score_a - score_b); mean near zero.
        reliability: [W] float64, P(a worker says what it should), 1/2 for a guess, below 1/2 for a
            contrarian.
        log_posterior: log P(comparisons, scores, reliabilities) up to a constant, nats, after each iteration.
        converged: whether no score moved by more than the tolerance in the last one.
    """

    score: Floats
    reliability: Floats
    log_posterior: tuple[float, ...]
    converged: bool


@dataclass(frozen=True)
class PairwisePrior:
    """What is believed beforehand.

    Attributes:
        score_variance: of an item's score around zero. It keeps the scores of items that always won finite,
            and places items that no chain of comparisons connects on one scale.
        right, wrong: pseudo-comparisons in which every worker was right, and wrong (a beta density's
            parameters less 1).

    Raises:
        ValueError: one is not positive, or no more are right than wrong (the scores' sign would be open).
    """

    score_variance: float = 4.0
    right: float = 4.0
    wrong: float = 1.0

    def __post_init__(self) -> None:
        if not (self.score_variance > 0 and self.right > self.wrong > 0):
            raise ValueError("score_variance and wrong must be positive, right greater than wrong")


def bradley_terry(
    comparisons: Comparisons,
    *,
    prior: PairwisePrior | None = None,
    tolerance: float = 1e-6,
    max_iterations: int = 500,
) -> PairwiseRun:
    """Bradley-Terry (Bradley & Terry, Biometrika 1952) with Gaussian scores; all workers taken at their word.

    Arguments and errors as those of `crowd_bradley_terry`; every reliability of the result is 1.
    """
    return _fit(comparisons, prior or PairwisePrior(), tolerance, max_iterations, noisy=False)


def crowd_bradley_terry(
    comparisons: Comparisons,
    *,
    prior: PairwisePrior | None = None,
    tolerance: float = 1e-6,
    max_iterations: int = 500,
) -> PairwiseRun:
    """Bradley-Terry with worker noise: CrowdBT (Chen et al., "Pairwise ranking aggregation", WSDM 2013).

    P(worker w prefers a to b) = r_w s(x_a - x_b) + (1 - r_w) s(x_b - x_a), s the logistic function. Maximum a
    posteriori by expectation maximisation: which comparisons are the right way round, then a Newton step on
    the scores (halved until it helps) and the reliabilities in closed form. Gaussian scores take the place
    of the paper's virtual item: ties in connectivity have one answer.

    Args:
        comparisons: at least one.
        prior: the default one when None.
        tolerance: stop when no score and no reliability moves by more than this.
        max_iterations: stop there in any case; `converged` then says False.
    Raises:
        ValueError: no comparisons, or a limit that is not positive.
    """
    return _fit(comparisons, prior or PairwisePrior(), tolerance, max_iterations, noisy=True)


def _fit(
    given: Comparisons, prior: PairwisePrior, tolerance: float, limit: int, *, noisy: bool
) -> PairwiseRun:
    check(len(given), "comparisons", tolerance=tolerance, max_iterations=limit)
    # A complete order: sums then do not depend on the order in which comparisons came.
    order = np.lexsort((given.loser, given.winner, given.worker))
    worker, winner, loser = (array[order] for array in (given.worker, given.winner, given.loser))
    made = np.bincount(worker, minlength=given.workers)
    score = np.zeros(given.items)
    reliability = np.full(given.workers, prior.right / (prior.right + prior.wrong) if noisy else 1.0)
    trace: list[float] = []
    movement = np.inf
    while len(trace) < limit and movement > tolerance:
        before = score, reliability
        ahead = _sigmoid(score[winner] - score[loser])
        right = reliability[worker] * ahead
        follows = right / (right + (1 - reliability[worker]) * (1 - ahead))
        score = _newton(score, winner, loser, follows, prior.score_variance)
        if noisy:
            told = np.bincount(worker, follows, given.workers)
            reliability = (told + prior.right) / (made + prior.right + prior.wrong)
        movement = max(float(np.abs(score - before[0]).max()), float(np.abs(reliability - before[1]).max()))
        trace.append(_log_posterior(score, reliability, worker, winner, loser, prior, noisy))
    return PairwiseRun(score, reliability, tuple(trace), movement <= tolerance)


def _sigmoid(x: Floats) -> Floats:
    from scipy.special import expit

    value: Floats = expit(x)
    return value


def _log_posterior(
    score: Floats,
    reliability: Floats,
    worker: Ints,
    winner: Ints,
    loser: Ints,
    prior: PairwisePrior,
    noisy: bool,
) -> float:
    ahead, r = _sigmoid(score[winner] - score[loser]), reliability[worker]
    total = float(
        np.log(r * ahead + (1 - r) * (1 - ahead)).sum() - (score**2).sum() / 2 / prior.score_variance
    )
    if noisy:
        total += float((prior.right * np.log(reliability) + prior.wrong * np.log1p(-reliability)).sum())
    return total


def _newton(score: Floats, winner: Ints, loser: Ints, follows: Floats, variance: float) -> Floats:
    """One Newton step on the scores, given how likely each comparison is the right way round."""
    from scipy.sparse import coo_array, diags_array
    from scipy.sparse.linalg import cg

    items = score.size
    ahead = _sigmoid(score[winner] - score[loser])
    pull = follows - ahead
    slope = np.bincount(winner, pull, items) - np.bincount(loser, pull, items) - score / variance
    curve = ahead * (1 - ahead)
    across = coo_array((curve, (winner, loser)), shape=(items, items)).tocsr()
    degree = np.bincount(winner, curve, items) + np.bincount(loser, curve, items) + 1 / variance
    laplacian = diags_array(degree) - across - across.T
    step, _ = cg(laplacian, slope, rtol=1e-10, maxiter=10 * items, M=diags_array(1 / degree))

    def value(at: Floats) -> float:
        gap = at[winner] - at[loser]
        fit = follows * gap - np.logaddexp(0, gap)
        return float(fit.sum() - (at**2).sum() / 2 / variance)

    start, share = value(score), 1.0
    while value(score + share * step) < start and share > 1e-6:
        share /= 2
    return score if share <= 1e-6 else score + share * step
