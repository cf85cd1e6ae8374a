"""One score per worker from all detectors: the probability that the worker attacks, and why.

A logistic model over four figures, fitted on simulated crowds only (`scripts/benches/truth/simulated.py`
makes them: one worker in five or so attacks in each); the real crowds of the benches had no part in it. So
the score is a probability at that rate of attackers, and in any crowd an order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reputation.attacks.rings import RingSearch, find_rings
from reputation.attacks.spam import SpamFigures, spam_figures
from reputation.attacks.tables import Floats
from reputation.truth.run import Known
from reputation.votes import Votes

FIGURES = ("accuracy", "information", "constant", "ring")
# Made by `python -m scripts.benches.truth.simulated --crowds 150`.
WEIGHTS = (-0.97, -0.53, 7.61, 1.97)
INTERCEPT = -1.61
_CONCENTRATED = 0.8  # what an honest worker's share of one answer may come to


@dataclass(frozen=True, slots=True)
class Reason:
    """What moved a worker's score: a figure's name, the log-odds it added, and a sentence."""

    figure: str
    log_odds: float
    words: str


@dataclass(frozen=True, eq=False)
class Suspicions:
    """Every worker's score.

    Attributes:
        score: [W] probability that the worker attacks, were one in five an attacker.
        added: [W, F] log-odds that each figure adds, against an average worker of the crowd; figures as in
            `FIGURES`, then those that were given besides.
        names: of the F figures.
        spam, search: what the figures were made from.
    """

    score: Floats
    added: Floats
    names: tuple[str, ...]
    spam: SpamFigures
    search: RingSearch

    def reasons(self, worker: int, least: float = 0.5) -> tuple[Reason, ...]:
        """The figures that speak against a worker by at least so many nats, the strongest first."""
        found = [
            Reason(name, float(value), self._words(name, worker))
            for name, value in zip(self.names, self.added[worker], strict=True)
            if value >= least
        ]
        return tuple(sorted(found, key=lambda reason: -reason.log_odds))

    def _words(self, name: str, worker: int) -> str:
        spam = self.spam
        if name == "accuracy":
            return f"{spam.accuracy[worker]:.0%} right, the crowd {spam.crowd_accuracy:.0%}"
        if name == "information":
            share = spam.information[worker] / max(spam.crowd_information, 1e-9)
            return f"its answers say {share:.0%} of what an average worker's say"
        if name == "constant":
            return f"prefers one answer; an honest worker does so with chance {spam.constant_p[worker]:.1g}"
        if name == "ring":
            others = next(r for r in self.search.rings if worker in r.workers or r.log_odds[worker] > -4)
            return (
                f"answers as one with {max(others.workers.size - 1, 1)} others, right {others.truth_rate:.0%}"
            )
        return f"{name} is unusual"


def suspicions(
    votes: Votes, known: Known | None = None, p_values: dict[str, Floats] | None = None
) -> Suspicions:
    """Score every worker.

    Args:
        votes: at least one.
        known: gold; it is used for the truth, and to tell a ring from the honest side.
        p_values: further evidence by name, [W] each, as of `timing`: small where an honest worker would
            rarely look like that. Each adds the bound of Sellke, Bayarri & Berger (2001) on the odds,
            -1 / (e p ln p), at most 4 nats and never less than 0.

    Raises:
        ValueError: no votes, known items out of range, or p-values that are not one per worker in 0..1.
    """
    search = find_rings(votes, known)
    spam = spam_figures(votes, search.posterior)
    added = figures(spam, search) * np.array(WEIGHTS)
    base = INTERCEPT + np.array(WEIGHTS[1])
    added[:, 1] -= WEIGHTS[1]  # against the information of an average worker
    further = p_values or {}
    columns = [_bounded(name, further[name], votes.workers) for name in further]
    added = np.concatenate([added, *columns], axis=1)
    score = 1 / (1 + np.exp(-(base + added.sum(axis=1))))
    return Suspicions(score, added, FIGURES + tuple(further), spam, search)


def figures(spam: SpamFigures, search: RingSearch) -> Floats:
    """[W, 4] what the logistic model reads: all 0 but the information, 1, for an average worker."""
    right, crowd = np.clip(spam.accuracy, 0.01, 0.99), float(np.clip(spam.crowd_accuracy, 0.01, 0.99))
    skill = np.log(right / (1 - right)) - np.log(crowd / (1 - crowd))
    information = np.clip(spam.information / max(spam.crowd_information, 1e-3), 0.0, 2.0)
    constant = np.maximum(np.arcsinh(spam.concentration / 2) - _CONCENTRATED, 0.0)
    ring = (np.clip(search.log_odds(spam.labels.size), -4.0, 8.0) + 4.0) / 4.0
    return np.stack([skill, information, constant, ring], axis=1)


def _bounded(name: str, p_value: Floats, workers: int) -> Floats:
    """[W, 1] log-odds of a p-value."""
    given = np.asarray(p_value, dtype=np.float64)
    if given.shape != (workers,) or not ((given >= 0) & (given <= 1)).all():
        raise ValueError(f"{name}: there has to be one p-value in 0..1 for each of {workers} workers")
    p = np.clip(given, 1e-12, None)
    odds = np.where(p < np.exp(-1), -1 - np.log(p) - np.log(np.maximum(-np.log(p), 1e-12)), 0.0)
    return np.asarray(np.clip(odds, 0.0, 4.0))[:, None]
