"""One-coin Dawid-Skene, sparse in the classes: a worker is right with one probability, else wrong evenly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reputation.truth.memory import refuse_beyond
from reputation.truth.run import MAX_ITERATIONS, TOLERANCE_PPM, Floats, Known, TruthRun, check
from reputation.votes import PPM, Ints, Votes

_CORRECT, _WRONG = 4.0, 1.0  # pseudo-labels per worker in the community's skill
_STRENGTH = 2.0  # labels' worth that the community weighs in a worker's skill


@dataclass(frozen=True, eq=False)
class OneCoinRun:
    """What the sparse form found. An item's candidates are the classes that somebody answered, and the one
    that is known; all other classes together have what is left of its probability, in equal parts.

    Attributes:
        item, answer: [P] int64, the candidates, in order of (item, answer).
        probability: [P] float64, of each candidate.
        rest: [I] float64, of all other classes together.
        skill: [W] float64, P(right).
        prevalence: [K] float64, the same for all classes.
        log_likelihood: of the votes, in nats, after each iteration.
        iterations, movement_ppm, converged: as in `TruthRun`.
    """

    item: Ints
    answer: Ints
    probability: Floats
    rest: Floats
    skill: Floats
    prevalence: Floats
    log_likelihood: tuple[float, ...]
    iterations: int
    movement_ppm: float
    converged: bool

    def best(self) -> tuple[Ints, Floats]:
        """Each item's most probable candidate and its probability, [I]: the lowest class where they are
        equal, and class 0 where an item has no candidate."""
        answer = np.full(self.rest.size, int(self.prevalence.argmax()), dtype=np.int64)
        probability = np.full(self.rest.size, float(self.prevalence.max()))
        order = np.lexsort((-self.answer, self.probability, self.item))  # the last one of an item wins
        answer[self.item[order]] = self.answer[order]
        probability[self.item[order]] = self.probability[order]
        return answer, probability


@dataclass(frozen=True, eq=False)
class _Candidates:
    """The votes in order of (item, answer, worker), and the distinct (item, answer) pairs among them."""

    worker: Ints  # [V]
    pair: Ints  # [V], which pair each vote is for
    item: Ints  # [P]
    answer: Ints  # [P]
    clamp: NDArray[np.bool_]  # [P], pairs that cannot be: the item's class is known, and is another
    known: NDArray[np.bool_]  # [I]
    items: int
    workers: int
    classes: int

    @classmethod
    def of(cls, votes: Votes, known: Known | None) -> _Candidates:
        item, answer = votes.item.astype(np.int64), votes.answer.astype(np.int64)
        order = np.lexsort((votes.worker, answer, item))
        gold = known or Known(np.empty(0, np.int64), np.empty(0, np.int64))
        # A known class nobody answered is a candidate too.
        key = np.concatenate([item[order], gold.item]) * votes.classes
        key += np.concatenate([answer[order], gold.answer])
        pairs, pair = np.unique(key, return_inverse=True)
        item, answer = pairs // votes.classes, pairs % votes.classes
        truth = np.full(votes.items, -1, dtype=np.int64)
        truth[gold.item] = gold.answer
        clamp = (truth[item] >= 0) & (truth[item] != answer)
        sizes = votes.items, votes.workers, votes.classes
        return cls(
            votes.worker[order].astype(np.int64), pair[: len(votes)], item, answer, clamp, truth >= 0, *sizes
        )

    def per_item(self, values: Floats) -> Floats:
        return np.bincount(self.item, values, self.items).astype(np.float64, copy=False)


def one_coin_sparse(
    votes: Votes,
    *,
    known: Known | None = None,
    tolerance_ppm: int = TOLERANCE_PPM,
    max_iterations: int = MAX_ITERATIONS,
) -> OneCoinRun:
    """Maximum a posteriori one-coin Dawid-Skene in memory and time of the number of votes, for any number of
    classes.

    P(answer | class) is a worker's skill where they are equal, and (1 - skill) / (K - 1) elsewhere (Zhang,
    Chen, Zhou & Jordan, "Spectral methods meet EM", NIPS 2014, section 2); skills are drawn around the
    community's. All classes are taken for equally likely: were their prevalence learned, a class that workers
    prefer would draw ever more items to itself, and nothing in this model could say that it is the workers.
    So all classes that nobody answered to an item are alike, and kept as one.

    Raises:
        ValueError: no votes, a limit below 1, or known items that do not fit.
    """
    check(votes, tolerance_ppm, max_iterations, known)
    candidates = _Candidates.of(votes, known)
    shares = np.bincount(candidates.pair, minlength=candidates.item.size).astype(np.float64)
    shares[candidates.clamp] = 0
    total = candidates.per_item(shares)[candidates.item]
    first = np.where(total > 0, shares / np.maximum(total, 1), ~candidates.clamp)
    prevalence = np.full(votes.classes, 1 / votes.classes)
    skill = _maximise(candidates, first)
    trace: list[float] = []
    movement = np.inf
    while len(trace) < max_iterations and movement * PPM > tolerance_ppm:
        probability, rest, likelihood = _expect(candidates, skill, prevalence)
        trace.append(likelihood)
        before, skill = skill, _maximise(candidates, probability)
        movement = float(np.abs(skill - before).max())
    probability, rest, _ = _expect(candidates, skill, prevalence)
    course = (tuple(trace), len(trace), movement * PPM, movement * PPM <= tolerance_ppm)
    return OneCoinRun(candidates.item, candidates.answer, probability, rest, skill, prevalence, *course)


def _expect(candidates: _Candidates, skill: Floats, prevalence: Floats) -> tuple[Floats, Floats, float]:
    """Candidates' probabilities [P], that of all other classes [I], and the log likelihood of the votes."""
    wrong = (1 - skill) / (candidates.classes - 1)
    # Relative to a class that nobody answered, an answer speaks for its own class alone.
    support = np.bincount(candidates.pair, np.log(skill / wrong)[candidates.worker], candidates.item.size)
    joint = np.log(prevalence)[candidates.answer] + support
    joint[candidates.clamp] = -np.inf
    left = 1 - candidates.per_item(prevalence[candidates.answer])
    left = np.where(candidates.known, 0.0, np.maximum(left, 0.0))
    top = np.zeros(candidates.items)
    np.maximum.at(top, candidates.item, joint)
    weight = np.exp(joint - top[candidates.item])
    others = left * np.exp(-top)
    total = candidates.per_item(weight) + others
    likelihood = float((np.log(total) + top).sum() + np.log(wrong)[candidates.worker].sum())
    return weight / total[candidates.item], others / total, likelihood


def _maximise(candidates: _Candidates, probability: Floats) -> Floats:
    """Skills around the community's, [W]."""
    right = np.bincount(candidates.worker, probability[candidates.pair], candidates.workers)
    labels = np.bincount(candidates.worker, minlength=candidates.workers)
    pseudo = _CORRECT * candidates.workers
    community = (right.sum() + pseudo) / (labels.sum() + pseudo + _WRONG * candidates.workers)
    skill: Floats = (right + _STRENGTH * community) / (labels + _STRENGTH)
    return skill


def one_coin(
    votes: Votes,
    *,
    known: Known | None = None,
    tolerance_ppm: int = TOLERANCE_PPM,
    max_iterations: int = MAX_ITERATIONS,
    device: str = "cpu",
) -> TruthRun:
    """`one_coin_sparse`, its result written out as dense arrays. Computed on the processor on any device.

    Raises:
        ValueError: as there, or the dense arrays would take more memory than there is.
    """
    k = votes.classes
    needed = 8 * (2 * votes.items * k + votes.workers * k * k)
    what = f"one-coin as arrays has {votes.items} x {k} probabilities and a {k} x {k} matrix for each of "
    refuse_beyond(needed, f"{what}{votes.workers} workers", "one_coin_sparse gives the same run without them")
    run = one_coin_sparse(votes, known=known, tolerance_ppm=tolerance_ppm, max_iterations=max_iterations)
    return _dense(run, known)


def _dense(run: OneCoinRun, known: Known | None) -> TruthRun:
    classes, workers = run.prevalence.size, run.skill.size
    posterior = np.tile(run.prevalence, (run.rest.size, 1))
    posterior[run.item, run.answer] = 0
    left = posterior.sum(axis=1, keepdims=True)
    posterior *= run.rest[:, None] / np.where(left > 0, left, 1)
    posterior[run.item, run.answer] = run.probability
    confusion = np.empty((workers, classes, classes))
    confusion[:] = ((1 - run.skill) / (classes - 1))[:, None, None]
    confusion[:, np.arange(classes), np.arange(classes)] = run.skill[:, None]
    course: tuple[Any, ...] = (run.log_likelihood, run.iterations, run.movement_ppm, run.converged)
    return TruthRun("one-coin", posterior, confusion, run.prevalence, *course)
