"""Sums that several kinds of answers need, each added up in the order of its rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reputation.votes import Ints

Floats = NDArray[np.float64]


def row_sums(place: Ints, rows: Floats, places: int) -> Floats:
    """The sum of the rows [V, C] of each place, [places, C]."""
    from scipy.sparse import csr_array

    ones = np.ones(place.size)
    which = csr_array((ones, (place, np.arange(place.size))), shape=(places, place.size))
    total: Floats = which @ rows
    return total


def gamma_divergence(shape: Floats, rate: Floats, prior_shape: float, prior_rate: float) -> float:
    """The sum of the Kullback-Leibler divergences of gamma densities from one prior, nats."""
    from scipy.special import digamma, gammaln

    gap = (shape - prior_shape) * digamma(shape) - gammaln(shape) + gammaln(prior_shape)
    gap += prior_shape * (np.log(rate) - np.log(prior_rate)) + shape / rate * (prior_rate - rate)
    return float(np.sum(gap))
