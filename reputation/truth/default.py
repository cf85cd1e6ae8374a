"""The method to use when nothing is known about a crowd: two models' posteriors, averaged."""

from __future__ import annotations

from reputation.truth.difficulty import Difficulty
from reputation.truth.hierarchical import Hierarchical
from reputation.truth.latent import Model, infer
from reputation.truth.run import MAX_ITERATIONS, TOLERANCE_PPM, Known, TruthRun
from reputation.votes import Votes

WEIGHTS = (0.5, 0.5)  # of the members, in the order in which `default` returns them


def default(
    votes: Votes,
    *,
    known: Known | None = None,
    tolerance_ppm: int = TOLERANCE_PPM,
    max_iterations: int = MAX_ITERATIONS,
    device: str = "cpu",
) -> tuple[TruthRun, TruthRun]:
    """Fit the default's members, "hierarchical" and "difficulty"; their posteriors count by `WEIGHTS`.

    Whether a crowd's errors are independent within an item cannot be seen from labels alone. The one model
    takes it for granted, the other does not; their average loses less than the wrong one of them on every
    real crowd it was measured on. Arguments and errors are those of `hierarchical`.
    """

    def fit(model: Model) -> TruthRun:
        return infer(
            model,
            votes,
            known=known,
            tolerance_ppm=tolerance_ppm,
            max_iterations=max_iterations,
            device=device,
        )

    return fit(Hierarchical()), fit(Difficulty())
