"""What a posterior is measured by, on the items whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reputation.gold.calibration import expected_calibration_error, negative_log_likelihood
from reputation.truth.run import Floats
from reputation.votes import Ints


@dataclass(frozen=True, slots=True)
class Score:
    """Accuracy and F1 in percent, calibration error, negative log likelihood in nats, seconds."""

    accuracy: float
    f1: float
    ece: float
    nll: float
    seconds: float

    def figures(self) -> dict[str, float]:
        """For a row of the report, rounded."""
        names = ("accuracy", "f1", "ece", "nll", "seconds")
        return {name: round(getattr(self, name), 4) for name in names}


def score(
    posterior: Floats, answer: Ints, truth: Ints, positive: int | None, seconds: float = float("nan")
) -> Score:
    """Of items with a truth: posterior [T, K], answers [T], true classes [T] (-1: one that nobody gave).

    An answer cannot be right, nor its likelihood more than the least, where nobody gave the true class.
    """
    given = truth >= 0
    surprise = -np.log(1e-12)
    share = float(given.mean())
    nll = share * negative_log_likelihood(posterior[given], truth[given]) + (1 - share) * surprise
    return Score(
        accuracy=100 * float((answer == truth).mean()),
        f1=100 * f1(answer, truth, posterior.shape[1], positive),
        ece=expected_calibration_error(posterior, truth),
        nll=float(nll),
        seconds=seconds,
    )


def f1(answer: Ints, truth: Ints, classes: int, positive: int | None) -> float:
    """Harmonic mean of precision and recall of the positive class; without one, the mean over all classes
    that occur in truth or answers. 0 to 1."""
    values = []
    for one in range(classes) if positive is None else (positive,):
        right = float(((answer == one) & (truth == one)).sum())
        named = float((answer == one).sum() + (truth == one).sum())
        if named:
            values.append(2 * right / named)
    return float(np.mean(values)) if values else 0.0
