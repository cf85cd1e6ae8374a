"""Dawid and Skene's own estimator: maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reputation.truth.latent import Fit, infer
from reputation.truth.run import MAX_ITERATIONS, TOLERANCE_PPM, Floats, Known, TruthRun
from reputation.votes import Ints, Votes

if TYPE_CHECKING:
    from torch import Tensor

_LEAST = 1e-6  # what has less is a class without votes, not a share of them
_NEVER = 1e-12  # stands for an answer's probability of nought, whose logarithm would be none
_EMPTY = -1e6  # for the logarithm of a class's: below what any number of impossible answers makes of another


@dataclass(frozen=True)
class MaximumLikelihood:
    """The model of 1979, a `latent.Model` without priors."""

    name: str = "dawid-skene-ml"
    copies: int = 1

    def start(self, shares: Floats, item: Ints) -> Floats:
        """The shares of the votes, as in the paper's section 3: nothing for a class that got none."""
        return np.where(shares > _LEAST, shares, 0.0)

    def maximise(self, counts: Tensor, totals: Tensor) -> Fit:
        """Equations 2.3 and 2.4: relative frequencies. A row on which nothing bears is uniform."""
        prevalence = totals / totals.sum()
        counts = counts.clamp_min(_NEVER)
        emission = counts / counts.sum(2, keepdim=True)
        return Fit(prevalence, emission, prevalence.log().clamp_min(_EMPTY), emission.clamp_min(_NEVER).log())


def dawid_skene_ml(
    votes: Votes,
    *,
    known: Known | None = None,
    tolerance_ppm: int = TOLERANCE_PPM,
    max_iterations: int = MAX_ITERATIONS,
    device: str = "cpu",
) -> TruthRun:
    """Maximum likelihood by expectation maximisation.

    Dawid & Skene, "Maximum likelihood estimation of observer error-rates using the EM algorithm", Applied
    Statistics 28 (1979). The objective is the log likelihood of the votes. Arguments and errors are those of
    `hierarchical`; use that one unless the estimator of the paper is what is wanted: without a prior, a
    worker's first answer to a class settles what the worker is taken to answer to it.
    """
    return infer(
        MaximumLikelihood(),
        votes,
        known=known,
        tolerance_ppm=tolerance_ppm,
        max_iterations=max_iterations,
        device=device,
        states=False,
    )
