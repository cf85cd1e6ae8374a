"""What every method of truth inference takes besides the votes, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from reputation.votes import Ints, Votes

Floats = NDArray[np.float64]
TOLERANCE_PPM = 10
MAX_ITERATIONS = 2000


@dataclass(frozen=True, eq=False)
class Known:
    """Items whose answer is known, as from gold: their posterior is clamped to it.

    Attributes:
        item, answer: [G] int64, aligned, the items distinct.

    Raises:
        ValueError: the arrays are not aligned integers, or an item appears twice.
    """

    item: Ints
    answer: Ints

    def __post_init__(self) -> None:
        for name in ("item", "answer"):
            array = np.asarray(getattr(self, name))
            if array.ndim != 1 or (array.size and not np.issubdtype(array.dtype, np.integer)):
                raise ValueError(f"known {name} must be a one-dimensional array of integers")
            object.__setattr__(self, name, array.astype(np.int64))
        if self.item.shape != self.answer.shape:
            raise ValueError("known items and answers must have the same length")
        if np.unique(self.item).size != self.item.size:
            raise ValueError("an item is known twice")

    def check(self, votes: Votes) -> None:
        """Refuse what does not fit the votes.

        Raises:
            ValueError: an item or an answer is out of range.
        """
        for name, limit in (("item", votes.items), ("answer", votes.classes)):
            array = getattr(self, name)
            if array.size and (array.min() < 0 or array.max() >= limit):
                raise ValueError(f"known {name} indices must be in 0..{limit - 1}")


@dataclass(frozen=True, eq=False)
class States:
    """A fitted latent-class model with S = H * K states per item; state s is of class s % K.

    Attributes:
        prevalence: [S] float64, the weight of each state: Dirichlet parameters, in items.
        emission: [W, S, K] float64, the Dirichlet parameters of each worker's row, in labels.
    """

    prevalence: Floats
    emission: Floats


@dataclass(frozen=True, eq=False)
class TruthRun:
    """What an inference run found.

    Attributes:
        method: the method's name in `METHODS`.
        posterior: [I, K] float64, rows sum to 1.
        confusion: [W, K, K] float64, P(answer | true class), rows sum to 1.
        prevalence: [K] float64, sums to 1.
        log_likelihood: the method's objective after each iteration, in nats; each method says which it is.
        iterations: how many M-steps were made.
        movement_ppm: the largest movement of a parameter in the last step, in parts per million.
        converged: whether that is within the tolerance.
        states: the fitted latent-class model; None where the method is none.
    """

    method: str
    posterior: Floats
    confusion: Floats
    prevalence: Floats
    log_likelihood: tuple[float, ...]
    iterations: int
    movement_ppm: float
    converged: bool
    states: States | None = None


class Method(Protocol):
    """A method of truth inference for categorical answers."""

    def __call__(
        self,
        votes: Votes,
        *,
        known: Known | None = None,
        tolerance_ppm: int = TOLERANCE_PPM,
        max_iterations: int = MAX_ITERATIONS,
        device: str = "cpu",
    ) -> TruthRun:
        """Infer the true classes of the votes' items."""


def check(votes: Votes, tolerance_ppm: int, max_iterations: int, known: Known | None = None) -> None:
    """What every method refuses.

    Raises:
        ValueError: no votes, a limit below 1, or known items that do not fit.
    """
    if not len(votes):
        raise ValueError("there is nothing to infer from: no votes")
    if tolerance_ppm < 1 or max_iterations < 1:
        raise ValueError("tolerance_ppm and max_iterations must be at least 1")
    if known is not None:
        known.check(votes)
