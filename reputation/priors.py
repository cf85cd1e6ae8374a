"""The two-level prior on confusion matrices.

Worker matrices are drawn around a community matrix, and the community matrix around a one-coin worker
(correct with one probability, wrong evenly). So a worker with few labels is read as an average colleague,
and a class that hardly anyone has met as one that is mostly recognised (hierarchical priors as in Kim &
Ghahramani, "Bayesian Classifier Combination", AISTATS 2012; community means as in Venanzi et al., WWW 2014).
The community matrix is an empirical-Bayes estimate, made anew from the expected counts in every step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ConfusionPrior:
    """Pseudo-counts, all positive integers so that the method can be committed exactly.

    Attributes:
        worker_labels: how many labels' worth, per true class, the community matrix weighs in a worker's row.
        community_correct: one-coin pseudo-labels on the diagonal of the community matrix, per worker.
        community_wrong: the same for each cell off the diagonal.
        prevalence: pseudo-items per class.

    Raises:
        ValueError: a count is below 1.
    """

    worker_labels: int = 6
    community_correct: int = 8
    community_wrong: int = 1
    prevalence: int = 1

    def __post_init__(self) -> None:
        for name, count in vars(self).items():
            if not isinstance(count, int) or count < 1:
                raise ValueError(f"{name} must be a positive integer, it is {count!r}")

    def document(self) -> dict[str, int]:
        """The pseudo-counts as JSON."""
        return dict(vars(self))


@dataclass(frozen=True)
class LevelPrior:
    """The two-level prior of one group of K states, one for each class: a latent-class model has one group,
    and one more for each further kind of item (hard ones, say).

    A worker's row of Dirichlet parameters is its expected counts plus `worker_labels` times the community's
    row. The community's row is all workers' expected counts plus pseudo-labels, scaled to 1; of these, each
    cell has the fixed number and the number per worker.

    Attributes:
        worker_labels: how many labels' worth, per state, the community weighs in a worker's row.
        correct_per_worker, wrong_per_worker: the community's pseudo-labels for each worker, in the cell of
            the right answer and in each other cell.
        correct, wrong: its pseudo-labels whatever the number of workers.

    Raises:
        ValueError: a count is negative, or a community without labels would have an empty cell.
    """

    worker_labels: int = 2
    correct_per_worker: int = 0
    wrong_per_worker: int = 0
    correct: int = 0
    wrong: int = 0

    def __post_init__(self) -> None:
        for name, count in vars(self).items():
            if not isinstance(count, int) or count < 0:
                raise ValueError(f"{name} must be an integer of at least 0, it is {count!r}")
        if min(self.worker_labels, self.wrong + self.wrong_per_worker) < 1:
            raise ValueError("worker_labels and the pseudo-labels of a wrong answer must be at least 1")


@dataclass(frozen=True)
class StatesPrior:
    """The prior of a latent-class model: one level for each group of K states, and pseudo-items per state."""

    name: str
    levels: tuple[LevelPrior, ...]
    prevalence: int = 1

    def document(self) -> dict[str, Any]:
        """The name and the pseudo-counts as JSON."""
        levels = [dict(vars(level)) for level in self.levels]
        return {"name": self.name, "levels": levels, "prevalence": self.prevalence}


EASY = LevelPrior(correct_per_worker=4, wrong_per_worker=1)
HARD = LevelPrior(correct=20, wrong=10)
HIERARCHICAL = StatesPrior("hierarchical", (EASY,))
DIFFICULTY = StatesPrior("difficulty", (EASY, HARD))
# An answer that a worker never gave in a state says no more against it than this, in nats: digamma falls like
# -1/x, and one vote would outweigh any number of others.
LOG_FLOOR = -32.0
