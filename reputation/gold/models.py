"""Programs that answer too: however often a model was asked, it is one worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reputation.votes import Ints, Votes, majority_vote


@dataclass(frozen=True, eq=False)
class ModelVotes:
    """All answers of one model, from one run or from several.

    Asking the same model ten times gives ten answers and one opinion: runs share their errors, and as ten
    workers they would outvote a crowd that knows better. So an item gets one answer of a model, the most
    frequent of its runs' (ties drawn by lot, as in `majority_vote`).

    Attributes:
        item, answer: [N] int64, aligned; an item as often as the model was asked about it.

    Raises:
        ValueError: the arrays are not aligned integers.
    """

    item: Ints
    answer: Ints

    def __post_init__(self) -> None:
        for name in ("item", "answer"):
            array = np.asarray(getattr(self, name))
            if array.ndim != 1 or (array.size and not np.issubdtype(array.dtype, np.integer)):
                raise ValueError(f"a model's {name} must be a one-dimensional array of integers")
            object.__setattr__(self, name, array.astype(np.int64))
        if self.item.shape != self.answer.shape:
            raise ValueError("a model's items and answers must have the same length")

    def merged(self, items: int, classes: int) -> tuple[Ints, Ints]:
        """The items it answered, ascending, and its one answer to each.

        Raises:
            ValueError: an index is out of range.
        """
        asked = np.zeros(self.item.size, dtype=np.int64)
        runs = Votes(self.item, asked, self.answer, items, 1, classes, repeats=True)
        answered = np.unique(self.item)
        return answered, majority_vote(runs).answer[answered]


def join_models(votes: Votes, models: Sequence[ModelVotes]) -> Votes:
    """The votes and, after the last worker, one more worker for each model.

    Raises:
        ValueError: a model's answers do not fit the votes.
    """
    for model in models:
        item, answer = model.merged(votes.items, votes.classes)
        votes = join_worker(votes, item, answer)
    return votes


def join_worker(votes: Votes, item: Ints, answer: Ints) -> Votes:
    """The votes and one more worker with these answers."""
    return Votes(
        np.concatenate([votes.item, item]),
        np.concatenate([votes.worker, np.full(item.size, votes.workers)]),
        np.concatenate([votes.answer, answer]),
        votes.items,
        votes.workers + 1,
        votes.classes,
        votes.repeats,
    )
