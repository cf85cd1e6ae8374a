"""Crowds for the tests: simulated ones, and the real ones beside the repository where they are present."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from reputation import Votes

SHARED = Path(os.environ.get("CROWDLEDGER_SHARED", Path(__file__).resolve().parents[2].parent / "shared"))


@dataclass(frozen=True, eq=False)
class Crowd:
    """Votes, and the true class of some of their items (both indices)."""

    votes: Votes
    item: NDArray[np.int64]
    truth: NDArray[np.int64]

    def accuracy(self, answer: NDArray[np.int64]) -> float:
        return float((answer[self.item] == self.truth).mean())


def read_crowd(name: str, *, repeats: bool = False) -> Crowd:
    """A data set of ../shared/data; the test is skipped where it is absent.

    A truth that is none of the labels anyone gave counts as a class that no answer can equal.
    """
    folder = SHARED / "data" / name
    if not (folder / "labels.csv").is_file():
        pytest.skip(f"the real crowd {name} is not at {folder} (set CROWDLEDGER_SHARED)")
    with (folder / "labels.csv").open(newline="") as file:
        rows = [(row["task"], row["worker"], row["label"]) for row in csv.DictReader(file)]
    classes = {label: k for k, label in enumerate(sorted({row[2] for row in rows}, key=int))}
    items: dict[str, int] = {}
    workers: dict[str, int] = {}
    item = np.array([items.setdefault(row[0], len(items)) for row in rows])
    worker = np.array([workers.setdefault(row[1], len(workers)) for row in rows])
    answer = np.array([classes[row[2]] for row in rows])
    truth: dict[int, int] = {}
    if (folder / "truth.csv").is_file():
        with (folder / "truth.csv").open(newline="") as file:
            truth = {
                items[row["task"]]: classes.get(row["label"], -1)
                for row in csv.DictReader(file)
                if row["task"] in items
            }
    votes = Votes(item, worker, answer, len(items), len(workers), len(classes), repeats)
    return Crowd(votes, np.array(list(truth), dtype=np.int64), np.array(list(truth.values()), dtype=np.int64))


def simulate(
    *, items: int, workers: int, classes: int, per_item: int, skills: NDArray[np.float64], seed: int
) -> Crowd:
    """A one-coin crowd: worker w is right with probability skills[w], else wrong evenly."""
    random = np.random.default_rng(seed)
    truth = random.integers(classes, size=items)
    item = np.repeat(np.arange(items), per_item)
    worker = np.concatenate([random.permutation(workers)[:per_item] for _ in range(items)])
    right = random.random(item.size) < skills[worker]
    wrong = (truth[item] + random.integers(1, classes, size=item.size)) % classes
    answer = np.where(right, truth[item], wrong)
    return Crowd(Votes(item, worker, answer, items, workers, classes), np.arange(items), truth)
