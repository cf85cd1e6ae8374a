"""Numbers from CSV files: the columns of `reputation.files`, where a label is a number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reputation.answers.numeric import Numbers
from reputation.files import read_known, read_rows

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NumberFile:
    """Numeric answers with the names behind their indices: tasks [I], workers [W], each sorted."""

    numbers: Numbers
    tasks: tuple[str, ...]
    workers: tuple[str, ...]

    def place(self, known: Mapping[str, float]) -> Floats:
        """The known value of each task, [I]; NaN where there is none."""
        return np.array([known.get(task, np.nan) for task in self.tasks])


def read_numbers(path: Path) -> NumberFile:
    """Read who answered which number (task,worker,label).

    Raises:
        ValueError: no such file, a column or a value is missing, a label is no finite number, or somebody
            answered a task twice; the text names the file.
    """
    rows = list(read_rows(path, ("task", "worker", "label")))
    value = np.array([_number(path, f"line {line}", label) for line, _, _, label in rows])
    tasks, item = np.unique([row[1] for row in rows], return_inverse=True)
    workers, worker = np.unique([row[2] for row in rows], return_inverse=True)
    try:
        numbers = Numbers(item, worker, value, tasks.size, workers.size)
    except ValueError as error:
        raise ValueError(f"{path}: {error} (counted from 0 in the order of their names)") from error
    return NumberFile(numbers, tuple(tasks.tolist()), tuple(workers.tolist()))


def read_known_numbers(path: Path) -> dict[str, float]:
    """Task name to right value (task,label).

    Raises:
        ValueError: as `read_numbers`, and where a task has two values.
    """
    return {task: _number(path, f"task {task!r}", label) for task, label in read_known(path).items()}


def _number(path: Path, where: str, label: str) -> float:
    try:
        number = float(label)
    except ValueError:
        number = np.nan
    if not np.isfinite(number):
        raise ValueError(f"{path}, {where}: {label!r} is no finite number")
    return number
