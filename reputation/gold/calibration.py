"""How well a posterior's confidence tells how often it is right, and the scaling that mends it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reputation.truth.run import Floats
from reputation.votes import Ints

BINS = 10
LEAST = 1e-12  # what a class counts as that a posterior rules out


def log_softmax(logits: Floats) -> Floats:
    """Along the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    out: Floats = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return out


def scale(posterior: Floats, temperature: float) -> Floats:
    """Temperature scaling (Guo et al., ICML 2017): [N, K] to the power 1/temperature, rows again 1 in all.

    Above 1 it makes a posterior less sure; the order of a row's classes stays.

    Raises:
        ValueError: the temperature is not positive.
    """
    if temperature <= 0:
        raise ValueError(f"a temperature is positive, {temperature} is not")
    out: Floats = np.exp(log_softmax(np.log(np.maximum(posterior, LEAST)) / temperature))
    return out


def negative_log_likelihood(posterior: Floats, truth: Ints) -> float:
    """Mean of -log of what the posterior [N, K] gives the true classes [N], in nats; at most 27.6 an item."""
    given = posterior[np.arange(truth.size), truth]
    return float(-np.log(np.maximum(given, LEAST)).mean())


def brier_score(posterior: Floats, truth: Ints) -> float:
    """Mean squared distance between the posterior's rows and the truth's (Brier 1950), 0 to 2."""
    right = np.eye(posterior.shape[1])[truth]
    return float(((posterior - right) ** 2).sum(axis=1).mean())


def reliability(posterior: Floats, truth: Ints, bins: int = BINS) -> tuple[Floats, Floats, Floats]:
    """A reliability diagram: per bin of equal width of the confidence, mean confidence, share of right
    answers and share of the items, [bins] each; the first two are nan in an empty bin."""
    confidence = posterior.max(axis=1)
    right = (posterior.argmax(axis=1) == truth).astype(np.float64)
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    size = np.bincount(place, minlength=bins).astype(np.float64)
    divisor = np.where(size > 0, size, np.nan)
    sure = np.bincount(place, confidence, bins) / divisor
    correct = np.bincount(place, right, bins) / divisor
    return sure, correct, size / max(truth.size, 1)


def expected_calibration_error(posterior: Floats, truth: Ints, bins: int = BINS) -> float:
    """Naeini, Cooper & Hauskrecht (AAAI 2015): the gap between confidence and share of right answers, in bins
    of equal width, weighted by the items in each; 0 to 1."""
    sure, correct, share = reliability(posterior, truth, bins)
    filled: NDArray[np.bool_] = share > 0
    return float((np.abs(sure - correct)[filled] * share[filled]).sum())
