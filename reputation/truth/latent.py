"""Expectation maximisation of latent-class models: an item is in one of C states, each of one class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from reputation.priors import LOG_FLOOR
from reputation.truth.core import Expected, Layout
from reputation.truth.memory import refuse_beyond
from reputation.truth.run import Floats, Known, States, TruthRun, check
from reputation.votes import PPM, Ints, Votes

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Fit:
    """What an M-step makes of the counts.

    Attributes:
        prevalence: [S] Dirichlet parameters of the states' weights; plain weights where the model has none.
        emission: [W, S, K] Dirichlet parameters of each worker's rows; likewise.
        log_prevalence: [S], what the next E-step takes for the log weights.
        log_emission: [W, S, K], likewise.
        penalty: nats, what the objective loses to the priors: the divergence of the parameters' distribution.
    """

    prevalence: Tensor
    emission: Tensor
    log_prevalence: Tensor
    log_emission: Tensor
    penalty: float = 0.0

    def table(self) -> Tensor:
        """[W * K, S] for `Layout.sweep`."""
        workers, states, classes = self.emission.shape
        return self.log_emission.transpose(1, 2).reshape(workers * classes, states).contiguous()

    def movement(self, before: Fit) -> float:
        """The largest movement of a parameter, as a share of all that its row holds."""
        moved = 0.0
        for now, was in ((self.prevalence, before.prevalence), (self.emission, before.emission)):
            moved = max(moved, float(((now - was).abs() / now.sum(-1, keepdim=True)).max()))
        return moved

    def rows(self) -> tuple[Tensor, Tensor]:
        """Expected prevalence [S] and emission [W, S, K]."""
        return self.prevalence / self.prevalence.sum(), self.emission / self.emission.sum(2, keepdim=True)


class Model(Protocol):
    """A latent-class model with `copies` * K states; state s is of class s % K."""

    @property
    def name(self) -> str:
        """In `METHODS`."""

    @property
    def copies(self) -> int:
        """How many states each class has."""

    def start(self, shares: Floats, item: Ints) -> Floats:
        """First posteriors [n, S] from the items' shares of the votes [n, K]; items' indices [n]."""

    def maximise(self, counts: Tensor, totals: Tensor) -> Fit:
        """The M-step: [W, S, K] expected answers and [S] expected items to parameters."""


class Statistics(Protocol):
    """Where expected counts come from: a layout, or the sum over shards of layouts."""

    @property
    def workers(self) -> int:
        """How many."""

    @property
    def classes(self) -> int:
        """How many."""

    def begin(self, start: Any, states: int) -> Expected:
        """See `Layout.begin`."""

    def sweep(self, table: Tensor, prior: Tensor) -> Expected:
        """See `Layout.sweep`."""


@dataclass(frozen=True, eq=False)
class Course:
    """How a fit went: the last parameters, the objective after each step, and the last step's movement."""

    fit: Fit
    objective: tuple[float, ...]
    movement: float


def infer(
    model: Model,
    votes: Votes,
    *,
    tolerance_ppm: int,
    max_iterations: int,
    device: str,
    known: Known | None = None,
    states: bool = True,
) -> TruthRun:
    """Fit a model to votes and read off the items' classes.

    Raises:
        ValueError: no votes, a limit below 1, known items that do not fit, or more memory than there is.
    """
    import torch

    check(votes, tolerance_ppm, max_iterations, known)
    copies = model.copies
    refuse_dense(model.name, votes.workers, votes.classes, copies)
    with torch.inference_mode():
        layout = Layout.of(votes, device, known)
        course = climb(model, layout, tolerance_ppm / PPM, max_iterations)
        posterior = layout.posterior(course.fit.table(), course.fit.log_prevalence)
        return report(model.name, course, posterior, tolerance_ppm / PPM, states=states)


def refuse_dense(name: str, workers: int, classes: int, copies: int) -> None:
    """Refuse a model whose matrices would not fit: about six tables of W x S x K numbers while it runs.

    Raises:
        ValueError: they would not.
    """
    cells = workers * copies * classes * classes
    refuse_beyond(
        6 * 8 * cells,
        f"{name} keeps a matrix of {copies * classes} x {classes} for each of {workers} workers",
        "majority_vote and one_coin_sparse work with any number of classes",
    )


def climb(model: Model, statistics: Statistics, tolerance: float, limit: int) -> Course:
    """E- and M-steps until no parameter moves by more than the tolerance, or the limit."""
    states = model.copies * statistics.classes
    fit = _maximise(model, statistics, statistics.begin(model.start, states))
    objective: list[float] = []
    movement = float("inf")
    while len(objective) < limit and movement > tolerance:
        expected = statistics.sweep(fit.table(), fit.log_prevalence)
        objective.append(expected.evidence - fit.penalty)
        before, fit = fit, _maximise(model, statistics, expected)
        movement = fit.movement(before)
    return Course(fit, tuple(objective), movement)


def _maximise(model: Model, statistics: Statistics, expected: Expected) -> Fit:
    shape = statistics.workers, statistics.classes, expected.totals.shape[0]
    return model.maximise(expected.counts.reshape(shape).transpose(1, 2).contiguous(), expected.totals)


def report(name: str, course: Course, posterior: Floats, tolerance: float, *, states: bool) -> TruthRun:
    """The run of a finished fit."""
    fit = course.fit
    weight, emission = (part.cpu().numpy() for part in fit.rows())
    classes = emission.shape[2]
    share = weight.reshape(-1, classes)  # [H, K]
    # Over the states of a class: P(answer | class) = sum of P(state | class) P(answer | state).
    whole = share.sum(axis=0)
    within = np.where(whole > 0, share / np.where(whole > 0, whole, 1), 1 / share.shape[0])
    by_class = emission.reshape(emission.shape[0], -1, classes, classes)
    prevalence = share.sum(axis=0)
    return TruthRun(
        method=name,
        posterior=posterior,
        confusion=np.einsum("hk,whka->wka", within, by_class),
        prevalence=prevalence / prevalence.sum(),
        log_likelihood=course.objective,
        iterations=len(course.objective),
        movement_ppm=course.movement * PPM,
        converged=course.movement <= tolerance,
        states=States(fit.prevalence.cpu().numpy(), fit.emission.cpu().numpy()) if states else None,
    )


def dirichlet_logs(parameters: Tensor) -> Tensor:
    """E[log p] under Dirichlet distributions along the last axis (Beal 2003, appendix A), or the floor."""
    import torch

    logs = torch.digamma(parameters) - torch.digamma(parameters.sum(-1, keepdim=True))
    return logs.clamp(min=LOG_FLOOR)


def divergence(parameters: Tensor, prior: Tensor) -> float:
    """KL(Dirichlet(parameters) || Dirichlet(prior)) in nats, summed over all rows along the last axis."""
    import torch

    prior = prior.expand(parameters.shape)
    rows = torch.lgamma(parameters.sum(-1)) - torch.lgamma(prior.sum(-1))
    rows = rows + (torch.lgamma(prior) - torch.lgamma(parameters)).sum(-1)
    rows = rows + ((parameters - prior) * dirichlet_logs(parameters)).sum(-1)
    return float(rows.sum())
