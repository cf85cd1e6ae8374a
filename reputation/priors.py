"""The two-level prior on confusion matrices.

Worker matrices are drawn around a community matrix, and the community matrix around a one-coin worker
(correct with one probability, wrong evenly). So a worker with few labels is read as an average colleague,
and a class that hardly anyone has met as one that is mostly recognised (hierarchical priors as in Kim &
Ghahramani, "Bayesian Classifier Combination", AISTATS 2012; community means as in Venanzi et al., WWW 2014).
The community matrix is an empirical-Bayes estimate, made anew from the expected counts in every step.
"""

from __future__ import annotations

from dataclasses import dataclass


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
