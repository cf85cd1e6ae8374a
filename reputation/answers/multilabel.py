"""Sets of labels: every label is present or absent, and a worker finds or misses it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reputation.answers.limits import check
from reputation.answers.sums import row_sums
from reputation.votes import Ints, indices, refuse_repeats

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class LabelSets:
    """The sets of labels that a crowd gave to items.

    Attributes:
        item, worker: [V] int64, aligned; any order.
        chosen: [V, L] bool, which of the L labels the worker gave the item; the others it left out on
        purpose. items, workers: how many of each there are.

    Raises:
        ValueError: shapes differ, an index is out of range, chosen is not boolean or has no label, or a
            worker answered an item twice.
    """

    item: Ints
    worker: Ints
    chosen: Bools
    items: int
    workers: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "item", indices("item", self.item, self.items))
        object.__setattr__(self, "worker", indices("worker", self.worker, self.workers))
        chosen = np.array(self.chosen)
        if chosen.ndim != 2 or chosen.shape[1] < 1 or chosen.dtype != np.bool_:
            raise ValueError("chosen must be a boolean array of answers by labels, with at least one label")
        if not self.item.shape == self.worker.shape == chosen.shape[:1]:
            raise ValueError("item, worker and chosen must have the same length")
        chosen.setflags(write=False)
        object.__setattr__(self, "chosen", chosen)
        refuse_repeats(self.item, self.worker, self.workers)

    def __len__(self) -> int:
        return int(self.item.size)

    @property
    def labels(self) -> int:
        """How many labels there are."""
        return int(self.chosen.shape[1])


@dataclass(frozen=True)
class LabelSetPrior:
    """Pseudo-counts, all positive.

    Attributes:
        label_weight: how many labels' worth a worker's skill over all labels weighs in its skill with one.
        worker_weight: how many the crowd's skill weighs in a worker's.
        right, wrong: pseudo-labels per worker in the crowd's skill.
        present, absent: pseudo-items in each label's prevalence.

    Raises:
        ValueError: a count is not positive.
    """

    label_weight: float = 10.0
    worker_weight: float = 10.0
    right: float = 4.0
    wrong: float = 1.0
    present: float = 1.0
    absent: float = 1.0

    def __post_init__(self) -> None:
        for name, count in vars(self).items():
            if not count > 0:
                raise ValueError(f"{name} must be positive, it is {count!r}")


@dataclass(frozen=True, eq=False)
class LabelSetRun:
    """What the model found.

    Attributes:
        posterior: [I, L] float64, P(the item has the label).
        sensitivity: [W, L] float64, P(the worker gives the label where it belongs).
        specificity: [W, L] float64, P(the worker leaves it out where it does not).
        prevalence: [L] float64, the share of items that have the label.
        log_likelihood: log P(answers | parameters), nats, before each step.
        converged: whether the last step moved no parameter by more than the tolerance.
    """

    posterior: Floats
    sensitivity: Floats
    specificity: Floats
    prevalence: Floats
    log_likelihood: tuple[float, ...]
    converged: bool


def label_shares(sets: LabelSets) -> Floats:
    """The share of an item's answers that give it each label, [I, L]; NaN where an item has none."""
    count = np.bincount(sets.item, minlength=sets.items)[:, None]
    given = row_sums(sets.item, sets.chosen.astype(np.float64), sets.items)
    shares: Floats = np.divide(given, count, out=np.full(given.shape, np.nan), where=count > 0)
    return shares


def label_set_truth(
    sets: LabelSets,
    *,
    prior: LabelSetPrior | None = None,
    tolerance: float = 1e-5,
    max_iterations: int = 1000,
) -> LabelSetRun:
    """Infer which labels each item has, and how good every worker is with every label.

    Each label is a binary question (binary relevance) with a sensitivity and a specificity per worker (Raykar
    et al., "Learning from crowds", JMLR 2010; Dawid & Skene 1979), but a worker is one worker: its skill with
    a label is drawn around its skill over all labels, and that around the crowd's. So a rare label is judged
    by workers whom the frequent ones showed to be good. Expectation maximisation from the shares; the two
    upper levels are empirical-Bayes estimates, made anew in every step.

    Args:
        sets: at least one answer; items without any get the prevalence.
        prior: the default one when None.
        tolerance: stop when no parameter moves by more than this.
        max_iterations: stop there in any case; `converged` then says False.
    Raises:
        ValueError: no answers, or a limit that is not positive.
    """
    check(len(sets), "answers", tolerance=tolerance, max_iterations=max_iterations)
    prior = prior or LabelSetPrior()
    order = np.lexsort((sets.worker, sets.item))
    votes = LabelSets(sets.item[order], sets.worker[order], sets.chosen[order], sets.items, sets.workers)
    posterior = np.nan_to_num(label_shares(votes), nan=0.5)
    heard = np.bincount(votes.item, minlength=votes.items) > 0
    skill, prevalence = _skills(votes, posterior, prior), _prevalence(posterior[heard], prior)
    trace: list[float] = []
    movement = np.inf
    while len(trace) < max_iterations and movement > tolerance:
        posterior, evidence = _posterior(votes, skill, prevalence)
        before = skill, prevalence
        skill, prevalence = _skills(votes, posterior, prior), _prevalence(posterior[heard], prior)
        movement = max(float(np.abs(skill - before[0]).max()), float(np.abs(prevalence - before[1]).max()))
        trace.append(evidence)
    posterior, _ = _posterior(votes, skill, prevalence)
    return LabelSetRun(posterior, skill[1], skill[0], prevalence, tuple(trace), movement <= tolerance)


def _prevalence(posterior: Floats, prior: LabelSetPrior) -> Floats:
    shares: Floats = (posterior.sum(axis=0) + prior.present) / (
        posterior.shape[0] + prior.present + prior.absent
    )
    return shares


def _skills(votes: LabelSets, posterior: Floats, prior: LabelSetPrior) -> Floats:
    """P(right | absent, present) of each worker with each label, [2, W, L]: specificity, sensitivity."""
    present = posterior[votes.item]
    found = np.empty((2, votes.workers, votes.labels))
    for state, belongs in enumerate((1 - present, present)):
        right = row_sums(votes.worker, belongs * (votes.chosen == bool(state)), votes.workers)
        met = row_sums(votes.worker, belongs, votes.workers)
        pseudo = votes.workers * prior.right, votes.workers * (prior.right + prior.wrong)
        crowd = (right.sum() + pseudo[0]) / (met.sum() + pseudo[1])
        own = (right.sum(axis=1) + prior.worker_weight * crowd) / (met.sum(axis=1) + prior.worker_weight)
        found[state] = (right + prior.label_weight * own[:, None]) / (met + prior.label_weight)
    return found


def _posterior(votes: LabelSets, skill: Floats, prevalence: Floats) -> tuple[Floats, float]:
    """P(present) per item and label, [I, L], and the log likelihood of all answers."""
    from scipy.special import expit

    specificity, sensitivity = skill[0][votes.worker], skill[1][votes.worker]
    if_present = np.log(np.where(votes.chosen, sensitivity, 1 - sensitivity))
    if_absent = np.log(np.where(votes.chosen, 1 - specificity, specificity))
    present = row_sums(votes.item, if_present, votes.items) + np.log(prevalence)
    absent = row_sums(votes.item, if_absent, votes.items) + np.log1p(-prevalence)
    posterior: Floats = expit(present - absent)
    return posterior, float(np.logaddexp(present, absent).sum())
