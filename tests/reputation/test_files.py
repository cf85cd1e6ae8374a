"""Answers from CSV files: names in, indices out, and errors that say where to look."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from reputation.files import place_known, read_known, read_labels, read_texts

LABELS = "task,worker,label\nb,ann,10\na,ann,9\na,bob,10\n"


def file(folder: Path, text: str, name: str = "labels.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_names_are_sorted_and_numbers_stand_in_their_order(tmp_path: Path) -> None:
    found = read_labels(file(tmp_path, LABELS))
    assert (found.tasks, found.workers, found.labels) == (("a", "b"), ("ann", "bob"), ("9", "10"))
    assert found.votes.tally().tolist() == [[1, 1], [0, 1]]


def test_the_order_of_rows_and_columns_changes_nothing(tmp_path: Path) -> None:
    rows = [f"t{n % 7},w{n // 7},{n * n % 3}" for n in range(70)]
    first = read_labels(file(tmp_path, "\n".join(["task,worker,label", *rows])))
    random.Random(1).shuffle(rows)
    turned = [",".join([r.split(",")[2], "x", r.split(",")[0], r.split(",")[1]]) for r in rows]
    second = read_labels(file(tmp_path, "\n".join(["label, further ,task,worker", *turned]), "turned.csv"))
    assert (first.tasks, first.workers, first.labels) == (second.tasks, second.workers, second.labels)
    triples = [sorted(zip(v.item, v.worker, v.answer, strict=True)) for v in (first.votes, second.votes)]
    assert triples[0] == triples[1]


def test_a_byte_order_mark_blanks_and_quoted_line_breaks_are_read(tmp_path: Path) -> None:
    text = '\ufefftask,worker,label\n "one\ntask", ann , yes\n\ntwo,bob,no\n'
    found = read_labels(file(tmp_path, text))
    assert found.tasks == ("one\ntask", "two")
    assert found.labels == ("no", "yes")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no column task, worker, label"),
        ("task,worker,label\n", "has no rows"),
        ("task,label\na,1\n", "no column worker"),
        ("task,worker,label\na,,1\n", "line 2: nothing in column worker"),
        ("task,worker,label\na,w\n", "line 2: nothing in column label"),
        ("task,worker,label\na,w,1\na,v,2\na,w,2\n", "line 4: worker 'w' has answered task 'a' in line 2"),
        ("task,worker,label\na,w,1\nb,w,1\n", "every label is '1'"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_labels(file(tmp_path, text))


def test_a_missing_file_and_one_that_is_no_text_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no file .*nowhere\.csv"):
        read_labels(tmp_path / "nowhere.csv")
    (tmp_path / "bytes.csv").write_bytes(b"task,worker,label\n\xff\xfe,a,b\n")
    with pytest.raises(ValueError, match="cannot be read as CSV in UTF-8"):
        read_labels(tmp_path / "bytes.csv")


def test_gold_may_name_a_label_nobody_gave_and_tasks_nobody_answered(tmp_path: Path) -> None:
    known = read_known(file(tmp_path, "task,label\nb,11\nz,9\na,\n", "gold.csv"))
    assert known == {"b": "11", "z": "9"}
    found = read_labels(file(tmp_path, LABELS), known=known.values())
    assert found.labels == ("9", "10", "11")
    placed, elsewhere = place_known(known, found)
    assert (placed.item.tolist(), placed.answer.tolist(), elsewhere) == ([1], [2], 1)


def test_a_truth_that_is_no_label_is_never_right(tmp_path: Path) -> None:
    placed, _ = place_known({"a": "12"}, read_labels(file(tmp_path, LABELS)))
    assert placed.answer.tolist() == [-1]


def test_two_right_answers_to_one_task_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"line 3: task 'a' has an answer already"):
        read_known(file(tmp_path, "task,label\na,1\na,2\n"))


def test_texts_come_in_the_order_of_the_tasks(tmp_path: Path) -> None:
    path = file(tmp_path, 'task,text\nb,"second, with comma"\na,first\n', "tasks.csv")
    assert read_texts(path, ["a", "b", "c"]) == ["first", "second, with comma", ""]
