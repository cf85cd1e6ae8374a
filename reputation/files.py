"""A crowd's answers from CSV files: names in, indices out.

    labels.csv  task,worker,label    who gave which answer
    gold.csv    task,label           right answers that are known beforehand (truth.csv likewise)
    tasks.csv   task,text            what was asked

Names are sorted, so the same rows in another order give the same indices. Further columns are not looked at.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reputation.votes import Ints, Votes

Row = tuple[str, ...]
Line = tuple[Any, ...]  # line number, then strings


@dataclass(frozen=True, eq=False)
class LabelFile:
    """Votes with the names behind their indices.

    Attributes:
        votes: the answers; a class that only gold names has no votes.
        tasks, workers, labels: [I], [W], [K] names; labels that are all whole numbers stand in their order.
    """

    votes: Votes
    tasks: tuple[str, ...]
    workers: tuple[str, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class KnownAnswers:
    """Right answers of some tasks, [G] each; an answer that is none of the labels is -1."""

    item: Ints
    answer: Ints


def read_labels(path: Path, *, known: Iterable[str] = ()) -> LabelFile:
    """Read who answered what.

    Args:
        path: a CSV file in UTF-8 with the columns task, worker and label.
        known: labels that are possible although nobody may have given them.
    Raises:
        ValueError: no such file, a column or a value is missing, somebody answered a task twice, or there
            are fewer than two labels; the text names file and line.
    """
    rows = list(read_rows(path, ("task", "worker", "label")))
    _refuse_repeats(path, rows)
    tasks, item = _index([row[1] for row in rows])
    workers, worker = _index([row[2] for row in rows])
    given = [row[3] for row in rows]
    labels = tuple(_sorted_labels({*given, *known}))
    if len(labels) < 2:
        raise ValueError(f"{path}: every label is {labels[0]!r}; there have to be at least two")
    place = {label: position for position, label in enumerate(labels)}
    answer = np.array([place[label] for label in given], dtype=np.int64)
    votes = Votes(item, worker, answer, len(tasks), len(workers), len(labels))
    return LabelFile(votes, tasks, workers, labels)


def read_known(path: Path) -> dict[str, str]:
    """Task name to right label, in the file's order; a blank label says that it is not known.

    Raises:
        ValueError: as `read_labels`, and where a task has two answers.
    """
    known: dict[str, str] = {}
    for line, task, label in read_rows(path, ("task", "label"), blank=("label",)):
        if task in known:
            raise ValueError(f"{path}, line {line}: task {task!r} has an answer already")
        if label:
            known[task] = label
    return known


def place_known(known: dict[str, str], file: LabelFile) -> tuple[KnownAnswers, int]:
    """Known answers of the tasks that are in the file, as indices, and how many tasks are not in it."""
    task = {name: position for position, name in enumerate(file.tasks)}
    label = {name: position for position, name in enumerate(file.labels)}
    found = sorted((task[name], label.get(answer, -1)) for name, answer in known.items() if name in task)
    pairs = np.array(found, dtype=np.int64).reshape(-1, 2)
    return KnownAnswers(pairs[:, 0], pairs[:, 1]), len(known) - len(found)


def read_texts(path: Path, tasks: Sequence[str]) -> list[str]:
    """The text of each task, in their order; one that the file does not have gets the empty text.

    Raises:
        ValueError: as `read_labels`.
    """
    texts = {task: text for _, task, text in read_rows(path, ("task", "text"), blank=("text",))}
    return [texts.get(task, "") for task in tasks]


def read_rows(path: Path, columns: Row, blank: Row = ()) -> Iterator[Line]:
    """(line number, the named columns without surrounding blanks …) of each row of a CSV file.

    Raises:
        ValueError: the file cannot be read, a column is missing, a value is empty whose column is not in
            `blank`, or there are no rows.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, skipinitialspace=True)
            places = _columns(path, next(reader, []), columns)
            empty = True
            for row in filter(None, reader):
                empty = False
                yield reader.line_num, *_values(path, reader.line_num, row, places, blank)
    except FileNotFoundError as error:
        raise ValueError(f"there is no file {path}") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} cannot be read as CSV in UTF-8: {error}") from error
    if empty:
        raise ValueError(f"{path} has no rows")


def _columns(path: Path, header: list[str], columns: Row) -> dict[str, int]:
    names = [name.strip() for name in header]
    missing = [name for name in columns if name not in names]
    if missing:
        raise ValueError(
            f"{path} has no column {', '.join(missing)} (found: {', '.join(names) or 'nothing'})"
        )
    return {name: names.index(name) for name in columns}


def _values(path: Path, line: int, row: list[str], places: dict[str, int], blank: Row) -> Row:
    values = tuple(row[place].strip() if place < len(row) else "" for place in places.values())
    for name, value in zip(places, values, strict=True):
        if not value and name not in blank:
            raise ValueError(f"{path}, line {line}: nothing in column {name}")
    return values


def _refuse_repeats(path: Path, rows: Sequence[Line]) -> None:
    seen: dict[tuple[str, str], str] = {}
    for line, task, worker, _ in rows:
        if (task, worker) in seen:
            first = seen[task, worker]
            raise ValueError(
                f"{path}, line {line}: worker {worker!r} has answered task {task!r} in line {first}"
            )
        seen[task, worker] = line


def _index(names: Sequence[str]) -> tuple[tuple[str, ...], Ints]:
    """The distinct names, sorted, and where each of the given ones stands among them."""
    distinct = tuple(sorted(set(names)))
    place = {name: position for position, name in enumerate(distinct)}
    return distinct, np.array([place[name] for name in names], dtype=np.int64)


def _sorted_labels(labels: set[str]) -> list[str]:
    try:
        return sorted(labels, key=lambda label: (int(label), label))
    except ValueError:
        return sorted(labels)
