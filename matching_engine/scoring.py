"""What a match is worth, in integers: text similarity, skill, and a reason to try the little known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matching_engine.problem import PPM, Flags, Ints

Vectors = NDArray[np.float32]
UNKNOWN_ERROR_PPM = 250_000


@dataclass(frozen=True)
class Weights:
    """How much each part counts, in ppm; together at most 1,000,000, so that a value never exceeds it.

    Raises:
        ValueError: a weight is negative, or they sum to more than 1,000,000.
    """

    similarity_ppm: int = 400_000
    skill_ppm: int = 500_000
    exploration_ppm: int = 100_000

    def __post_init__(self) -> None:
        parts = tuple(vars(self).values())
        if min(parts) < 0 or sum(parts) > PPM:
            raise ValueError("weights are not negative and sum to at most 1,000,000")


def score(
    worker_vectors: Vectors,
    item_vectors: Vectors,
    skill_ppm: Ints,
    language_ok: Flags,
    *,
    standard_error_ppm: Ints | None = None,
    weights: Weights | None = None,
) -> Ints:
    """Value of each item-worker pair, [I, W] int64 ppm of one perfect match.

    value = (similarity_ppm · similarity + skill_ppm · skill + exploration_ppm · uncertainty) / 10^6, where
    similarity = (1 + cosine) / 2 of the two texts, rounded to ppm before it enters the sum; skill is the
    worker's score; uncertainty is twice its standard error, at most 10^6 (0.5 is the largest that a share can
    have), so among equals the less known worker is tried first, as upper confidence bounds do (Auer 2002).
    A pair without a common language is worth 0.

    Args:
        worker_vectors: [W, D] float32 unit vectors of what the workers say they can do; a zero vector, for
            those who say nothing, counts as neither near nor far.
        item_vectors: [I, D] float32 unit vectors.
        skill_ppm: [W] int64, 0 to 1,000,000.
        language_ok: [I, W] bool.
        standard_error_ppm: [W] int64, 0 to 500,000; 250,000 for everyone when None.
        weights: the default ones when None.
    Raises:
        ValueError: shapes do not fit, or a number is out of range.
    """
    workers, items = worker_vectors.shape[0], item_vectors.shape[0]
    error = np.full(workers, UNKNOWN_ERROR_PPM) if standard_error_ppm is None else standard_error_ppm
    if skill_ppm.shape != (workers,) or error.shape != (workers,) or language_ok.shape != (items, workers):
        raise ValueError("skill and standard error must be [W], language_ok [I, W]")
    for name, array, most in (("skill", skill_ppm, PPM), ("standard error", error, PPM // 2)):
        if array.size and (array.min() < 0 or array.max() > most):
            raise ValueError(f"a {name} is 0 to {most} ppm")
    part = weights or Weights()
    of_worker = part.skill_ppm * skill_ppm + part.exploration_ppm * 2 * error
    value = (part.similarity_ppm * _similarity(item_vectors, worker_vectors) + of_worker) // PPM
    return np.where(language_ok, value, 0).astype(np.int64)


def _similarity(item_vectors: Vectors, worker_vectors: Vectors) -> Ints:
    """(1 + cosine) / 2 in ppm, [I, W]; float64, so that the rounding hides the order of the sum."""
    cosine = item_vectors.astype(np.float64) @ worker_vectors.astype(np.float64).T
    return np.rint((1 + np.clip(cosine, -1, 1)) * (PPM // 2)).astype(np.int64)
