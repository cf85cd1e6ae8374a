"""The models between which gold chooses, each fitted with gold clamped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from reputation.priors import ConfusionPrior
from reputation.truth.dawid_skene import dawid_skene
from reputation.truth.difficulty import difficulty
from reputation.truth.hierarchical import hierarchical
from reputation.truth.majority import majority
from reputation.truth.run import Floats, Known, TruthRun
from reputation.votes import Votes

TOLERANCE_PPM = 500  # a mixture that is calibrated afterwards needs no more
MAX_ITERATIONS = 100
HEAVY = 5  # how often a gold item's votes count in a fit that leans on gold
COMMUNITY = ConfusionPrior(worker_labels=10, community_correct=4, community_wrong=1)

Fit = Callable[[Votes, Known, str], TruthRun]


def _hierarchical(votes: Votes, known: Known, device: str) -> TruthRun:
    return hierarchical(
        votes, known=known, tolerance_ppm=TOLERANCE_PPM, max_iterations=MAX_ITERATIONS, device=device
    )


def _difficulty(votes: Votes, known: Known, device: str) -> TruthRun:
    return difficulty(
        votes, known=known, tolerance_ppm=TOLERANCE_PPM, max_iterations=MAX_ITERATIONS, device=device
    )


def _community(votes: Votes, known: Known, device: str) -> TruthRun:
    return dawid_skene(
        votes,
        prior=COMMUNITY,
        known=known,
        tolerance_ppm=TOLERANCE_PPM,
        max_iterations=MAX_ITERATIONS,
        device=device,
    )


def _majority(votes: Votes, known: Known, device: str) -> TruthRun:
    return majority(votes)


@dataclass(frozen=True)
class Member:
    """A model of the panel. `leaning`: it is fitted twice, once with the votes on gold items counted `HEAVY`
    times, and the two posteriors are averaged: what gold tells about workers then weighs more than what the
    model believes about everything else, and the plain fit keeps that from going wrong with little gold."""

    name: str
    fit: Fit
    leaning: bool

    def posterior(self, votes: Votes, known: Known, device: str) -> tuple[Floats, TruthRun]:
        """Posterior [I, K], and the run with every vote counted once."""
        run = self.fit(votes, known, device)
        if self.name == "majority":
            tally = votes.tally() + 0.5  # the shares, smoothed: one vote is not certainty
            return tally / tally.sum(axis=1, keepdims=True), run
        if not self.leaning or not known.item.size:
            return run.posterior, run
        return (run.posterior + self.fit(heavy(votes, known), known, device).posterior) / 2, run


PANEL = (
    Member("hierarchical", _hierarchical, leaning=True),
    Member("difficulty", _difficulty, leaning=True),
    Member("majority", _majority, leaning=False),
    Member("dawid-skene", _community, leaning=False),
)
STEPS_PER_FIT = len(PANEL)


def heavy(votes: Votes, known: Known) -> Votes:
    """The votes, those on known items `HEAVY` times each."""
    times = np.where(np.isin(votes.item, known.item), HEAVY, 1)
    item, worker, answer = (np.repeat(column, times) for column in (votes.item, votes.worker, votes.answer))
    return Votes(item, worker, answer, votes.items, votes.workers, votes.classes, repeats=True)


def fit_panel(
    votes: Votes, known: Known, device: str, tick: Callable[[], None]
) -> Iterator[tuple[Floats, TruthRun]]:
    """Each member's posterior and run, in the order of `PANEL`; `tick` after each."""
    for member in PANEL:
        yield member.posterior(votes, known, device)
        tick()
