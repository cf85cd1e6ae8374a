"""Hierarchical Dawid-Skene with easy and hard items: on a hard item everybody answers differently."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reputation.truth.hierarchical import community
from reputation.truth.latent import Fit, dirichlet_logs, divergence, infer
from reputation.truth.run import MAX_ITERATIONS, TOLERANCE_PPM, Floats, Known, TruthRun
from reputation.votes import Ints, Votes

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Difficulty:
    """Pseudo-counts of the model with two states per class, a `latent.Model`: state k is class k and easy,
    state K + k is class k and hard.

    Attributes:
        strength: how many labels' worth the community weighs in a worker's row, in either state.
        community_correct, community_wrong: one-coin pseudo-labels of the easy community, per worker.
        hard_correct, hard_wrong: pseudo-labels of the hard community, in all.
        prevalence: pseudo-items per state.
        first_hard: what share of an item on which all classes got the same votes begins as hard.
    """

    strength: float = 2.0
    community_correct: float = 4.0
    community_wrong: float = 1.0
    hard_correct: float = 20.0
    hard_wrong: float = 10.0
    prevalence: float = 1.0
    first_hard: float = 0.3
    name: str = "difficulty"
    copies: int = 2

    def start(self, shares: Floats, item: Ints) -> Floats:
        """An item begins as hard as its votes disagree: their entropy, 1 where all classes got as many."""
        entropy = -(shares * np.log(shares)).sum(axis=1, keepdims=True) / np.log(shares.shape[1])
        hard = self.first_hard * entropy
        return np.concatenate([shares * (1 - hard), shares * hard], axis=1)

    def maximise(self, counts: Tensor, totals: Tensor) -> Fit:
        """Rows of either state around that state's community."""
        import torch

        classes = counts.shape[2]
        easy = community(counts[:, :classes], self.community_correct, self.community_wrong)
        coin = torch.full_like(easy, self.hard_wrong).fill_diagonal_(self.hard_correct)
        pooled = counts[:, classes:].sum(0) + coin
        prior = self.strength * torch.cat([easy, pooled / pooled.sum(1, keepdim=True)])
        emission = counts + prior
        prevalence = totals + self.prevalence
        weight = torch.full_like(totals, self.prevalence)
        penalty = divergence(emission, prior) + divergence(prevalence, weight)
        return Fit(prevalence, emission, dirichlet_logs(prevalence), dirichlet_logs(emission), penalty)


def difficulty(
    votes: Votes,
    *,
    model: Difficulty | None = None,
    known: Known | None = None,
    tolerance_ppm: int = TOLERANCE_PPM,
    max_iterations: int = MAX_ITERATIONS,
    device: str = "cpu",
) -> TruthRun:
    """Variational Bayes for Dawid-Skene with easy and hard items.

    Dawid-Skene takes a worker's errors on one item as independent of a colleague's on the same item. They are
    not: hard items mislead many at once, and the plain model is then far too sure. Here an item of a class is
    in one of two states, each with its own community and its own row per worker (subtypes of items as in Li,
    Rubinstein & Cohn, ICML 2019, but two of them, which begin apart by the votes' disagreement, so nothing is
    random). The objective is the evidence lower bound, the communities held at their estimates.

    Arguments and errors are those of `hierarchical`.
    """
    return infer(
        model or Difficulty(),
        votes,
        known=known,
        tolerance_ppm=tolerance_ppm,
        max_iterations=max_iterations,
        device=device,
    )
