"""The real crowds of the bench: votes, and a truth that methods do not see."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reputation.files import place_known, read_known, read_labels, read_texts
from reputation.votes import Ints, Votes
from scripts.programs import Stop

CATEGORICAL = (
    "bluebirds", "rte", "temp", "sp", "sp_amt", "d_product", "mozafari", "trec", "trec2011", "med_treat",
    "dog", "face", "labelme", "s_adult", "s_rel", "fact_eval",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Crowd:
    """A data set.

    Attributes:
        votes: who answered what.
        item, truth: [T] the items whose right class is known, and that class; -1 where nobody gave it.
        tasks: [I] names of the items.
        positive: the class that F1 is about, None for the mean over all classes.
    """

    name: str
    folder: Path
    votes: Votes
    item: Ints
    truth: Ints
    tasks: tuple[str, ...]
    positive: int | None

    @property
    def sizes(self) -> dict[str, int]:
        """For a row of the report."""
        votes = self.votes
        return {
            "items": votes.items,
            "workers": votes.workers,
            "labels": len(votes),
            "classes": votes.classes,
            "with truth": self.item.size,
        }

    def texts(self) -> list[str] | None:
        """What the items say, in their order; None where that is not known."""
        path = self.folder / "tasks.csv"
        return read_texts(path, self.tasks) if path.is_file() else None

    def vectors(self) -> NDArray[np.float64] | None:
        """Features that came with the items, [I, D]: row n of the file is the task named n."""
        path = self.folder / "features.npz"
        if not path.is_file():
            return None
        with np.load(path) as file:
            rows = np.asarray(file["x"], dtype=np.float64)
        return rows[[int(task) for task in self.tasks]]


def read_crowd(data: Path, name: str) -> Crowd:
    """Read one.

    Raises:
        Stop: it is not there, or not what it should be.
    """
    folder = data / name
    try:
        file = read_labels(folder / "labels.csv")
        known, _ = place_known(read_known(folder / "truth.csv"), file)
    except ValueError as error:
        raise Stop(f"the crowd {name} cannot be read: {error}") from error
    binary = len(file.labels) == 2 and "1" in file.labels
    positive = file.labels.index("1") if binary else None
    return Crowd(name, folder, file.votes, known.item, known.answer, file.tasks, positive)


def wanted(arguments: argparse.Namespace) -> tuple[str, ...]:
    """The categorical crowds that were asked for."""
    return tuple(arguments.sets) or CATEGORICAL


def complete(arguments: argparse.Namespace) -> bool:
    """Whether means are over the crowds that their bars are about."""
    return set(wanted(arguments)) == set(CATEGORICAL)
