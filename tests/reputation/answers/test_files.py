from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reputation.answers.files import read_known_numbers, read_numbers


def test_names_become_indices_and_labels_numbers(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("worker,label,task\nw2,-3.5,b\nw1,1e2,a\nw1,7,b\n", "utf-8")
    file = read_numbers(path)
    assert (file.tasks, file.workers) == (("a", "b"), ("w1", "w2"))
    assert file.numbers.item.tolist() == [1, 0, 1]
    assert file.numbers.worker.tolist() == [1, 0, 0]
    assert file.numbers.value.tolist() == [-3.5, 100.0, 7.0]
    path.write_text("task,label\nb,2\nelsewhere,4\n", "utf-8")
    known = file.place(read_known_numbers(path))
    assert np.isnan(known[0])
    assert known[1] == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("task,worker,label\na,w,many\n", "line 2: 'many' is no finite number"),
        ("task,worker,label\na,w,inf\n", "line 2: 'inf' is no finite number"),
        ("task,worker,label\na,w,1\na,w,2\n", "worker 0 answered item 0 more than once"),
        ("task,worker\na,w\n", "label"),
    ],
)
def test_what_is_no_number_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(ValueError, match=message):
        read_numbers(path)


def test_a_known_value_that_is_no_number_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "truth.csv"
    path.write_text("task,label\na,no\n", "utf-8")
    with pytest.raises(ValueError, match="task 'a': 'no' is no finite number"):
        read_known_numbers(path)
