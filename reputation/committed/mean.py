"""The committed form of the default method: the mean of latent-class models."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reputation.committed import steps
from reputation.committed.counts import MICRO, Counts, cells, emission, voted, weight, whole
from reputation.committed.judgement import Judgement
from reputation.priors import DIFFICULTY, HIERARCHICAL, StatesPrior
from reputation.truth.run import States
from reputation.votes import PPM, Ints, Votes

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

MEMBERS = (HIERARCHICAL, DIFFICULTY)
_SHARES = 10**9  # members' posteriors are rounded to billionths before they are added up


@dataclass(frozen=True, eq=False)
class MeanParameters:
    """Committed parameters: the expected counts of each model, in the order of `MEMBERS`.

    Raises:
        ValueError: another number of models, of states, of workers or of classes.
    """

    members: tuple[Counts, ...]

    def __post_init__(self) -> None:
        if len(self.members) != len(MEMBERS):
            raise ValueError(f"there are {len(MEMBERS)} models, not {len(self.members)}")
        first = self.members[0]
        for counts, prior in zip(self.members, MEMBERS, strict=True):
            if (counts.workers, counts.classes) != (first.workers, first.classes):
                raise ValueError("the models are of different workers or classes")
            if counts.items.size != len(prior.levels) * counts.classes:
                raise ValueError(f"{prior.name} has {len(prior.levels)} states for each class")

    @property
    def workers(self) -> int:
        """W."""
        return self.members[0].workers

    @property
    def classes(self) -> int:
        """K."""
        return self.members[0].classes


def quantise(votes: Votes, members: Sequence[States]) -> MeanParameters:
    """Commit fitted models: one E-step from each, and what it counts, rounded to millionths with exact sums.

    Raises:
        ValueError: other models than `MEMBERS`, or of other votes.
    """
    made = []
    for states, prior in zip(members, MEMBERS, strict=True):
        _fit(votes, states.emission.shape, prior)
        grid = steps.Grid.of(votes, states.prevalence.size)
        rounded = [
            np.maximum(np.rint(array * MICRO).astype(np.int64), 1)
            for array in (states.prevalence, states.emission)
        ]
        made.append(whole(votes, *steps.expected(grid, steps.from_parameters(*rounded))))
    return MeanParameters(tuple(made))


def _fit(votes: Votes, shape: tuple[int, ...], prior: StatesPrior) -> None:
    wanted = (votes.workers, len(prior.levels) * votes.classes, votes.classes)
    if shape != wanted:
        raise ValueError(f"{prior.name} of shape {shape}, votes of shape {wanted}")


def judge(votes: Votes, parameters: MeanParameters) -> Judgement:
    """One E-step of each model, and the mean: what the truth entries of a run are made from.

    Log probabilities are added up as integers, and the models' posteriors as billionths; the lowest class
    wins equal sums. The confidence is the winner's share of the sum, to the nearest ppm, halves up.

    Raises:
        ValueError: votes and parameters are of different shapes.
    """
    most = max(counts.items.size for counts in parameters.members)
    logs = []
    for counts, prior in zip(parameters.members, MEMBERS, strict=True):
        _fit(votes, counts.labels.shape, prior)
        logs.append(steps.tables(counts, prior))
    answer, confidence = np.zeros(votes.items, np.int64), np.zeros(votes.items, np.int64)
    for rows, block in steps.Grid.of(votes, most).blocks():
        total = np.sum([_shares(block, one, votes.classes) for one in logs], axis=0)
        answer[rows] = total.argmax(axis=1)
        billions = total.sum(axis=1)
        confidence[rows] = (2 * total.max(axis=1) * PPM + billions) // (2 * billions)
    return Judgement(answer, confidence)


def _shares(block: csr_matrix, logs: steps.Tables, classes: int) -> Ints:
    """A model's posterior over the classes of a block's items, [n, K], in billionths."""
    states = np.rint(steps.posterior(block, logs) * _SHARES).astype(np.int64)
    shares: Ints = states.reshape(states.shape[0], -1, classes).sum(axis=1)
    return shares


def residual(votes: Votes, parameters: MeanParameters) -> int:
    """How far one more EM step from the committed counts moves any of them, in ppm, rounded up.

    A count of labels is compared with all that its row of Dirichlet parameters holds, the prior included; a
    count of items with all items and pseudo-items. So both the shape of a row and its weight are held.

    Raises:
        ValueError: votes and parameters are of different shapes.
    """
    moved = 0.0
    for counts, prior in zip(parameters.members, MEMBERS, strict=True):
        _fit(votes, counts.labels.shape, prior)
        items, labels = steps.expected(steps.Grid.of(votes, counts.items.size), steps.tables(counts, prior))
        apart = np.abs(labels * MICRO - counts.labels) / emission(counts, prior).sum(axis=2, keepdims=True)
        shifted = np.abs(items * MICRO - counts.items) / weight(counts, prior).sum()
        moved = max(moved, float(apart.max(initial=0.0)), float(shifted.max()))
    return math.ceil(moved * PPM)


def miscounted(votes: Votes, parameters: MeanParameters) -> str:
    """What the committed counts do not sum to, in words; empty where they sum to exactly these votes.

    Raises:
        ValueError: votes and parameters are of different shapes.
    """
    given, items = cells(votes) * MICRO, voted(votes)
    for counts, prior in zip(parameters.members, MEMBERS, strict=True):
        _fit(votes, counts.labels.shape, prior)
        if int(counts.items.sum()) != items * MICRO:
            return f"{prior.name} counts {counts.items.sum() / MICRO} items, there are {items}"
        wrong = np.argwhere(counts.labels.sum(axis=1) != given)
        if wrong.size:
            worker, answer = (int(index) for index in wrong[0])
            found = int(counts.labels[worker, :, answer].sum()) / MICRO
            there = int(given[worker, answer]) // MICRO
            return f"{prior.name} counts {found} labels of worker {worker} for answer {answer}, not {there}"
    return ""


def apart(one: MeanParameters, other: MeanParameters) -> int:
    """The largest distance of two runs on the same votes, in the unit of `residual`, rounded up.

    Raises:
        ValueError: they are of different shapes.
    """
    moved = 0.0
    for mine, theirs, prior in zip(one.members, other.members, MEMBERS, strict=True):
        if mine.labels.shape != theirs.labels.shape:
            raise ValueError(f"counts of shapes {mine.labels.shape} and {theirs.labels.shape}")
        rows = emission(theirs, prior).sum(axis=2, keepdims=True)
        labels = np.abs(mine.labels - theirs.labels) / rows
        items = np.abs(mine.items - theirs.items) / weight(theirs, prior).sum()
        moved = max(moved, float(labels.max(initial=0.0)), float(items.max()))
    return math.ceil(moved * PPM)
