"""Worker correlation by subtypes of items: EBCC."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from reputation.truth.latent import Fit, dirichlet_logs, divergence, infer
from reputation.truth.run import MAX_ITERATIONS, TOLERANCE_PPM, Floats, Known, TruthRun
from reputation.votes import Ints, Votes

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Subtypes:
    """Hyperparameters of the paper, a `latent.Model`.

    Attributes:
        copies: M, subtypes of each class.
        concentration: a_pi, pseudo-items of each class over its subtypes together.
        correct, wrong: a_v, b_v, each worker's pseudo-labels on and off the diagonal.
        seed: of the random first subtypes.
    """

    copies: int = 3
    concentration: float = 0.1
    correct: float = 4.0
    wrong: float = 1.0
    prevalence: float = 1.0
    seed: int = 0
    name: str = "subtypes"

    def start(self, shares: Floats, item: Ints) -> Floats:
        """Shares of the votes, each split at random over the class's subtypes, by the item's index."""
        n, classes = shares.shape
        draws = np.stack([_exponential(self.seed, item, s) for s in range(self.copies * classes)], axis=1)
        parts = draws.reshape(n, self.copies, classes)
        first: Floats = (shares[:, None] * parts / parts.sum(axis=1, keepdims=True)).reshape(n, -1)
        return first

    def maximise(self, counts: Tensor, totals: Tensor) -> Fit:
        """Class, subtype within the class, and each worker's row per subtype: Dirichlets, all of them."""
        import torch

        classes = counts.shape[2]
        prior = torch.full((classes, classes), self.wrong, dtype=counts.dtype, device=counts.device)
        prior = prior.fill_diagonal_(self.correct).repeat(self.copies, 1)
        emission = counts + prior
        items = totals.reshape(self.copies, classes)
        within = items.T + self.concentration / self.copies  # [K, M]
        weight = items.sum(0) + self.prevalence
        logs = dirichlet_logs(weight) + dirichlet_logs(within).T
        penalty = (
            divergence(emission, prior)
            + divergence(weight, torch.full_like(weight, self.prevalence))
            + divergence(within, torch.full_like(within, self.concentration / self.copies))
        )
        share = within / within.sum(1, keepdim=True) * (weight / weight.sum())[:, None]
        return Fit(share.T.reshape(-1), emission, logs.reshape(-1), dirichlet_logs(emission), penalty)


def _exponential(seed: int, item: Ints, state: int) -> Floats:
    """Exponential numbers that depend on seed, item and state alone (SplitMix64's finaliser as the hash)."""
    word = (item.astype(np.uint64) << np.uint64(20)) + np.uint64(state)
    word = word + np.uint64((seed * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        word = (word ^ (word >> np.uint64(shift))) * np.uint64(factor)
    uniform = ((word >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53
    drawn: Floats = -np.log(uniform)
    return drawn


def subtypes(
    votes: Votes,
    *,
    model: Subtypes | None = None,
    restarts: int = 4,
    known: Known | None = None,
    tolerance_ppm: int = TOLERANCE_PPM,
    max_iterations: int = MAX_ITERATIONS,
    device: str = "cpu",
    seed: int = 0,
) -> TruthRun:
    """Enhanced Bayesian classifier combination by mean-field variational inference (Li, Rubinstein & Cohn,
    "Exploiting Worker Correlation for Label Aggregation in Crowdsourcing", ICML 2019).

    Workers' answers are independent only within a subtype of a class. The subtypes begin at random, so the
    fit with the best lower bound of some is taken, as in the paper. Which item begins where depends on its
    index: unlike with the other methods, renumbered items may end elsewhere.

    Args, beside those of `hierarchical`:
        model: hyperparameters; the paper's when None, with three subtypes instead of ten.
        restarts: fits from different random subtypes.
        seed: of the first of them; the others follow.
    Raises:
        ValueError: as in `hierarchical`, or no restart.
    """
    if restarts < 1:
        raise ValueError("at least one start is needed")
    runs = (
        infer(
            replace(model or Subtypes(), seed=seed + n),
            votes,
            known=known,
            tolerance_ppm=tolerance_ppm,
            max_iterations=max_iterations,
            device=device,
            states=False,
        )
        for n in range(restarts)
    )
    return max(runs, key=lambda run: run.log_likelihood[-1])
