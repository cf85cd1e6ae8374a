"""A real crowd from files.

    labels.csv  task,worker,label    who gave which answer
    truth.csv   task,label           the right answer, where it is known
    tasks.csv   task,text            what was asked (optional)

Each worker in the file becomes a wallet that gives the answers that person gave, and can be asked nothing
else. Further columns are not looked at.
"""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

from ledger_service.errors import BadInput
from scripts.demo_job.crowd import Crowd, Item, Person, sort_classes

Row = dict[str, str]
MAX_CLASSES = 1000


def read_crowd(folder: Path, items: int | None = None, labels_per_item: int | None = None) -> Crowd:
    """Read a crowd.

    Args:
        folder: holds `labels.csv` and `truth.csv`, and may hold `tasks.csv`.
        items: take only the first so many tasks, in order of first appearance in `labels.csv`.
        labels_per_item: ask for at most so many labels an item (else as many as the fullest item has).
    Raises:
        BadInput: a file or column is missing, a file is empty or not UTF-8 CSV, or a truth is not a class.
    """
    if not folder.is_dir():
        raise BadInput(f"{folder} is no folder; --data takes a folder with labels.csv and truth.csv")
    rows = _rows(folder / "labels.csv", ("task", "worker", "label"))
    classes = sort_classes([row["label"] for row in rows])
    if not 2 <= len(classes) <= MAX_CLASSES:
        raise BadInput(f"labels.csv has {len(classes)} different labels; a campaign takes 2 to {MAX_CLASSES}")
    names = list(dict.fromkeys(row["task"] for row in rows))[:items]
    truth = _truth(folder / "truth.csv", classes)
    texts = _texts(folder / "tasks.csv")
    people, repeated = _people(rows, {name: position for position, name in enumerate(names)})
    counts = Counter(position for person in people for position in person.answers)
    most = max(counts.values())
    notes = (f"{repeated} repeated answers left out (the first one counts)",) if repeated else ()
    return Crowd(
        title=f"Replay of {folder.resolve().name}",
        instructions="Choose the label that fits. The answers are those that real people gave.",
        domain=f"replay/{folder.resolve().name}",
        skills=("labelling",),
        classes=classes,
        items=tuple(Item(n, {"text": texts.get(n) or f"Task {n}"}, truth.get(n)) for n in names),
        people=people,
        labels_per_item=min(labels_per_item or most, most),
        restricted=True,
        notes=notes,
    )


def _people(rows: list[Row], positions: dict[str, int]) -> tuple[tuple[Person, ...], int]:
    answers: dict[str, dict[int, str]] = {}
    repeated = 0
    for row in rows:
        position = positions.get(row["task"])
        if position is None:
            continue
        mine = answers.setdefault(row["worker"], {})
        repeated += position in mine
        mine.setdefault(position, row["label"])
    people = tuple(Person(name, "as in the file", mine) for name, mine in answers.items())
    return people, repeated


def _truth(path: Path, classes: tuple[str, ...]) -> dict[str, str]:
    """The known answers. A mark below zero, or nothing, says that the truth is not known."""
    known: dict[str, str] = {}
    for number, row in enumerate(_rows(path, ("task", "label")), start=2):
        label = row["label"]
        if label in classes:
            known[row["task"]] = label
        elif not _is_no_truth(label):
            raise BadInput(f"truth.csv, line {number}: nobody in labels.csv ever gave the label {label!r}")
    return known


def _is_no_truth(mark: str) -> bool:
    if not mark:
        return True
    try:
        return float(mark) < 0
    except ValueError:
        return False


def _texts(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    return {row["task"]: row["text"] for row in _rows(path, ("task", "text"))}


def _rows(path: Path, columns: tuple[str, ...]) -> list[Row]:
    """The rows of a CSV file, only the named columns, without surrounding blanks."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            found = [name.strip() for name in reader.fieldnames or ()]
            missing = [name for name in columns if name not in found]
            if missing:
                raise BadInput(f"{path.name} has no column {', '.join(missing)} (found: {', '.join(found)})")
            reader.fieldnames = found
            rows = [_row(raw, columns, path.name, reader.line_num) for raw in reader]
    except FileNotFoundError as error:
        raise BadInput(f"{path.name} is missing in {path.parent}") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path.name} cannot be read as CSV in UTF-8: {error}") from error
    if not rows:
        raise BadInput(f"{path.name} has no rows")
    return rows


def _row(raw: dict[str, str | None], columns: tuple[str, ...], name: str, line: int) -> Row:
    row = {column: (raw[column] or "").strip() for column in columns}
    # A truth may be left blank; a task, a worker or a given label may not.
    needed = columns if "worker" in columns else columns[:1]
    empty = [column for column in needed if not row[column]]
    if empty:
        raise BadInput(f"{name}, line {line}: nothing in column {', '.join(empty)}")
    return row
