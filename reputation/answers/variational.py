"""What the variational models have in common."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Posterior(Protocol):
    """A factorised posterior that is improved one round at a time."""

    def step(self) -> None:
        """One round of updates; none lowers the bound."""

    def bound(self) -> float:
        """The evidence lower bound, nats."""


def climb(state: Posterior, enough: float, limit: int) -> tuple[tuple[float, ...], bool]:
    """Step until a round raises the bound by less than `enough` nats, at most `limit` times.

    Returns:
        the bound after each round, and whether the last one raised it by less.
    """
    bound: list[float] = []
    gain = np.inf
    while len(bound) < limit and gain >= enough:
        state.step()
        bound.append(state.bound())
        gain = bound[-1] - bound[-2] if len(bound) > 1 else np.inf
    return tuple(bound), bool(gain < enough)


def gamma_divergence(shape: Floats, rate: Floats, prior_shape: float, prior_rate: float) -> float:
    """The sum of the Kullback-Leibler divergences of gamma densities from one prior, nats."""
    from scipy.special import digamma, gammaln

    gap = (shape - prior_shape) * digamma(shape) - gammaln(shape) + gammaln(prior_shape)
    gap += prior_shape * (np.log(rate) - np.log(prior_rate)) + shape / rate * (prior_rate - rate)
    return float(np.sum(gap))
