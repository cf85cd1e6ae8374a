"""Hierarchical variational Dawid-Skene: workers around a community, distributions instead of points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reputation.truth.latent import Fit, dirichlet_logs, divergence, infer
from reputation.truth.run import MAX_ITERATIONS, TOLERANCE_PPM, Floats, Known, TruthRun
from reputation.votes import Ints, Votes

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Hierarchical:
    """Pseudo-counts of the hierarchical model, a `latent.Model`.

    Attributes:
        strength: how many labels' worth, per true class, the community weighs in a worker's row.
        community_correct: one-coin pseudo-labels on the diagonal of the community matrix, per worker.
        community_wrong: the same for each cell off the diagonal.
        prevalence: pseudo-items per class.
    """

    strength: float = 2.0
    community_correct: float = 4.0
    community_wrong: float = 1.0
    prevalence: float = 1.0
    name: str = "hierarchical"
    copies: int = 1

    def start(self, shares: Floats, item: Ints) -> Floats:
        """The shares of the votes."""
        return shares

    def maximise(self, counts: Tensor, totals: Tensor) -> Fit:
        """Rows around the community's, which is an empirical-Bayes estimate made anew in every step."""
        import torch

        prior = self.strength * community(counts, self.community_correct, self.community_wrong)
        emission = counts + prior
        prevalence = totals + self.prevalence
        weight = torch.full_like(totals, self.prevalence)
        penalty = divergence(emission, prior) + divergence(prevalence, weight)
        return Fit(prevalence, emission, dirichlet_logs(prevalence), dirichlet_logs(emission), penalty)


def community(counts: Tensor, correct: float, wrong: float) -> Tensor:
    """What a typical worker answers per true class, [K, K]: everybody's counts [W, K, K], and for each worker
    one-coin pseudo-labels."""
    import torch

    workers, classes, _ = counts.shape
    coin = torch.full((classes, classes), float(wrong), dtype=counts.dtype, device=counts.device)
    coin.fill_diagonal_(float(correct))
    pooled = counts.sum(0) + workers * coin
    return pooled / pooled.sum(1, keepdim=True)


def hierarchical(
    votes: Votes,
    *,
    model: Hierarchical | None = None,
    known: Known | None = None,
    tolerance_ppm: int = TOLERANCE_PPM,
    max_iterations: int = MAX_ITERATIONS,
    device: str = "cpu",
) -> TruthRun:
    """Variational Bayes for Dawid-Skene with workers drawn around a community.

    Kim & Ghahramani, "Bayesian Classifier Combination" (AISTATS 2012), with the community as the mean of the
    workers' Dirichlet priors (Venanzi et al., WWW 2014). Keeping distributions of the confusion rows instead
    of points is what protects workers with few labels: a row that rests on two labels says little, whatever
    they were. The objective is the evidence lower bound, the community held at its estimate.

    Args:
        votes: at least one vote; items without votes get the prevalence as their posterior.
        model: pseudo-counts; the default ones when None.
        known: items whose answer is known.
        tolerance_ppm: stop when no parameter moves by more than this, of its row, in one step.
        max_iterations: stop there in any case; `converged` then says False.
        device: where torch computes, "cpu" or "cuda".
    Raises:
        ValueError: no votes, a limit below 1, known items that do not fit, or more memory than there is.
    """
    return infer(
        model or Hierarchical(),
        votes,
        known=known,
        tolerance_ppm=tolerance_ppm,
        max_iterations=max_iterations,
        device=device,
    )
