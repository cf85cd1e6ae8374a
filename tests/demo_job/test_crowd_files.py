"""A crowd from files: what is read, what is left out, and what is refused with a sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ledger_service.errors import BadInput
from scripts.demo_job.crowd_files import read_crowd

SHARED = Path(os.environ.get("CROWDLEDGER_SHARED", Path(__file__).resolve().parents[3] / "shared"))
LABELS = "task,worker,label\na,1,cat\nb,1,dog\na,2,dog\nb,2,dog\na,3,cat\nc,3,cat\n"
TRUTH = "task,label\na,cat\nb,dog\nc,-1\n"


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text)
    return folder


def test_each_worker_gives_the_answers_in_the_file_and_no_others(tmp_path: Path) -> None:
    crowd = read_crowd(write(tmp_path, labels=LABELS, truth=TRUTH))
    assert crowd.classes == ("cat", "dog")
    assert [item.name for item in crowd.items] == ["a", "b", "c"]
    assert {p.name: dict(p.answers) for p in crowd.people} == {
        "1": {0: "cat", 1: "dog"},
        "2": {0: "dog", 1: "dog"},
        "3": {0: "cat", 2: "cat"},
    }
    assert crowd.restricted
    assert crowd.labels_per_item == 3
    assert crowd.expected_labels() == 6


def test_a_mark_below_zero_says_that_the_truth_is_not_known(tmp_path: Path) -> None:
    crowd = read_crowd(write(tmp_path, labels=LABELS, truth=TRUTH))
    assert [item.truth for item in crowd.items] == ["cat", "dog", None]


def test_a_mark_below_zero_is_a_truth_where_workers_use_it_as_label(tmp_path: Path) -> None:
    folder = write(tmp_path, labels="task,worker,label\na,1,0\na,2,-1\n", truth="task,label\na,-1\n")
    crowd = read_crowd(folder)
    assert crowd.classes == ("-1", "0")
    assert crowd.items[0].truth == "-1"


def test_items_takes_the_first_tasks_and_drops_who_answered_none_of_them(tmp_path: Path) -> None:
    labels = LABELS + "d,4,cat\n"
    crowd = read_crowd(write(tmp_path, labels=labels, truth=TRUTH), items=2)
    assert [item.name for item in crowd.items] == ["a", "b"]
    assert [person.name for person in crowd.people] == ["1", "2", "3"]


def test_labels_per_item_is_an_upper_bound(tmp_path: Path) -> None:
    folder = write(tmp_path, labels=LABELS, truth=TRUTH)
    assert read_crowd(folder, labels_per_item=2).expected_labels() == 2 + 2 + 1
    assert read_crowd(folder, labels_per_item=99).labels_per_item == 3


def test_a_repeated_answer_counts_once_and_is_told(tmp_path: Path) -> None:
    crowd = read_crowd(write(tmp_path, labels=LABELS + "a,1,dog\n", truth=TRUTH))
    assert crowd.people[0].answers[0] == "cat"
    assert crowd.notes == ("1 repeated answers left out (the first one counts)",)


def test_texts_of_tasks_are_what_workers_see(tmp_path: Path) -> None:
    folder = write(tmp_path, labels=LABELS, truth=TRUTH, tasks='task,text\na,"Purrs, and climbs"\n')
    crowd = read_crowd(folder)
    assert [item.content for item in crowd.items] == [
        {"text": "Purrs, and climbs"},
        {"text": "Task b"},
        {"text": "Task c"},
    ]


def test_numeric_classes_are_ordered_by_number(tmp_path: Path) -> None:
    folder = write(tmp_path, labels="task,worker,label\na,1,10\na,2,9\n", truth="task,label\na,9\n")
    assert read_crowd(folder).classes == ("9", "10")


@pytest.mark.parametrize(
    ("labels", "truth", "reason"),
    [
        ("task,label\na,cat\n", TRUTH, "labels.csv has no column worker"),
        ("", TRUTH, "labels.csv has no column task, worker, label"),
        ("task,worker,label\n", TRUTH, "labels.csv has no rows"),
        ("task,worker,label\na,1,cat\na,,dog\n", TRUTH, "labels.csv, line 3: nothing in column worker"),
        ("task,worker,label\na,1\na,2,dog\n", TRUTH, "labels.csv, line 2: nothing in column label"),
        ("task,worker,label\na,1,cat\n", TRUTH, "1 different labels"),
        (LABELS, "task,answer\na,cat\n", "truth.csv has no column label"),
        (LABELS, "task,label\n", "truth.csv has no rows"),
        (LABELS, "task,label\na,cat\nb,bird\n", "truth.csv, line 3: nobody in labels.csv ever gave"),
    ],
)
def test_a_bad_file_is_refused_with_its_name_and_place(
    tmp_path: Path, labels: str, truth: str, reason: str
) -> None:
    with pytest.raises(BadInput, match=reason):
        read_crowd(write(tmp_path, labels=labels, truth=truth))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"truth\.csv is missing"):
        read_crowd(write(tmp_path, labels=LABELS))
    with pytest.raises(BadInput, match="is no folder"):
        read_crowd(tmp_path / "nowhere")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    write(tmp_path, truth=TRUTH)
    (tmp_path / "labels.csv").write_bytes(b"task,worker,label\n\xff\xfe,1,cat\n")
    with pytest.raises(BadInput, match="cannot be read as CSV in UTF-8"):
        read_crowd(tmp_path)


def test_gold_is_a_repeatable_sample_of_items_with_a_truth(tmp_path: Path) -> None:
    rows = "".join(f"t{n},{w},{n % 2}\n" for n in range(400) for w in range(2))
    truth = "".join(f"t{n},{n % 2 if n % 4 else -1}\n" for n in range(400))
    folder = write(tmp_path, labels="task,worker,label\n" + rows, truth="task,label\n" + truth)
    crowd = read_crowd(folder)
    gold = crowd.gold("seed")
    assert len(gold) == 15  # 5 % of the 300 that have a truth
    assert all(crowd.items[position].truth is not None for position in gold)
    assert gold == read_crowd(folder).gold("seed")
    assert gold != crowd.gold("another seed")
    assert len(read_crowd(folder, items=100).gold("seed")) == 10  # at least ten, of 75


@pytest.mark.parametrize(
    ("name", "items", "people", "classes", "labels"),
    [("rte", 800, 164, 2, 8000), ("dog", 807, 109, 4, 8070), ("d_product", 8315, 176, 2, 24945)],
)
def test_real_crowds_are_read_whole(name: str, items: int, people: int, classes: int, labels: int) -> None:
    folder = SHARED / "data" / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here (CROWDLEDGER_SHARED names the folder that has data/)")
    crowd = read_crowd(folder)
    assert (len(crowd.items), len(crowd.people), len(crowd.classes)) == (items, people, classes)
    assert crowd.expected_labels() == labels
    assert all(item.truth is not None for item in crowd.items)
