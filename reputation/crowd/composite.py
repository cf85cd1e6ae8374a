"""The composite score: history and recent performance in one number, z″ = z / α + z′ / β.

z is the score so far, z′ the performance of the latest period, and 1/α + 1/β = 1, so that a score stays
what it is, a share of right answers. It is an exponentially weighted moving average over periods (Roberts,
"Control Chart Tests Based on Geometric Moving Averages", Technometrics 1959): a period's weight falls by
the factor 1/α with each one that follows.

All in integers, parts per million, so that anyone who knows the periods can repeat a score to the last
digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reputation.truth.run import Floats
from reputation.votes import PPM, Ints


@dataclass(frozen=True)
class Weights:
    """How history and recent performance count.

    Attributes:
        recent_ppm: 1/β in ppm; history has the rest. The default, a quarter, forgets half of what it knew in
            2.4 periods.
        start_ppm: the score of a worker without a history.
        recent_labels: pseudo-labels at the score so far in every period: three right answers out of three
            are not yet a performance of 1.

    Raises:
        ValueError: a weight that leaves history or the recent period out, or a number out of range.
    """

    recent_ppm: int = 250_000
    start_ppm: int = 500_000
    recent_labels: int = 5

    def __post_init__(self) -> None:
        if not 0 < self.recent_ppm < PPM:
            raise ValueError(f"the recent weight lies between 0 and {PPM} ppm, it is {self.recent_ppm}")
        if not 0 <= self.start_ppm <= PPM or self.recent_labels < 0:
            raise ValueError(f"a start is in 0..{PPM} ppm, and labels are not negative")

    @property
    def alpha(self) -> float:
        """α, by which history is divided."""
        return PPM / (PPM - self.recent_ppm)

    @property
    def beta(self) -> float:
        """β, by which recent performance is divided."""
        return PPM / self.recent_ppm

    def document(self) -> dict[str, int]:
        """The weights as JSON."""
        return dict(vars(self))


@dataclass(frozen=True, eq=False)
class Period:
    """What workers did in one period, [W] int64 each.

    Attributes:
        labels: labels that count.
        right_ppm: how many of them are right, or are expected to be, in millionths of a label.

    Raises:
        ValueError: other shapes or types, or more right labels than labels.
    """

    labels: Ints
    right_ppm: Ints

    def __post_init__(self) -> None:
        for name in ("labels", "right_ppm"):
            given = np.asarray(getattr(self, name))
            if given.ndim != 1 or (given.size and not np.issubdtype(given.dtype, np.integer)):
                raise ValueError(f"{name} must be a one-dimensional array of integers")
            object.__setattr__(self, name, given.astype(np.int64))
        if self.labels.shape != self.right_ppm.shape:
            raise ValueError("labels and right_ppm must have the same length")
        if (self.right_ppm < 0).any() or (self.right_ppm > self.labels * PPM).any():
            raise ValueError("right labels are not negative and no more than labels")


def composite(periods: Sequence[Period], workers: int, weights: Weights | None = None) -> Ints:
    """[W] int64 ppm: each worker's score after the periods, in their order.

    z′ = (right + pseudo-labels · z) / (labels + pseudo-labels), z″ = z · 1/α + z′ · 1/β, both rounded down. A
    period without labels leaves a worker's score as it was.

    Raises:
        ValueError: a period of another number of workers.
    """
    weights = weights or Weights()
    score = np.full(workers, weights.start_ppm, dtype=np.int64)
    for number, period in enumerate(periods):
        if period.labels.shape != (workers,):
            raise ValueError(f"period {number} is of {period.labels.size} workers, not {workers}")
        score = step(score, period, weights)
    return score


def step(score: Ints, period: Period, weights: Weights) -> Ints:
    """[W] ppm: the scores after one more period; what a service that keeps scores has to compute."""
    labels = period.labels + weights.recent_labels
    recent = (period.right_ppm + weights.recent_labels * score) // np.maximum(labels, 1)
    combined = (score * (PPM - weights.recent_ppm) + recent * weights.recent_ppm) // PPM
    return np.where(period.labels > 0, combined, score)


def combine(history: Floats, recent: Floats, weights: Weights | None = None) -> Floats:
    """z″ = z / α + z′ / β of real numbers, of any shape."""
    weights = weights or Weights()
    combined: Floats = history / weights.alpha + recent / weights.beta
    return combined
