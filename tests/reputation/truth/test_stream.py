from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from reputation.truth.hierarchical import hierarchical
from reputation.truth.stream import Shard, read_parquet


def write(path: Path, task: list[Any], worker: list[Any], label: list[Any]) -> Path:
    parquet.write_table(pyarrow.table({"task": task, "worker": worker, "label": label}), path)
    return path


def rows(shard: Shard) -> set[tuple[Any, Any, Any]]:
    crowd = shard.votes
    triples = zip(crowd.item, crowd.worker, crowd.answer, strict=True)
    return {(shard.items[i], shard.workers[w], shard.classes[a]) for i, w, a in triples}


TASK = ["b", "a", "b", "c"]
WORKER = [7, 9, 9, 7]
LABEL = ["yes", "no", "no", "yes"]


def test_indices_follow_the_order_of_the_values(tmp_path: Path) -> None:
    shard = read_parquet(write(tmp_path / "votes.parquet", TASK, WORKER, LABEL))
    assert (shard.items, shard.workers, shard.classes) == (("a", "b", "c"), (7, 9), ("no", "yes"))
    assert shard.votes.item.tolist() == [1, 0, 1, 2]
    assert shard.votes.item.dtype == np.int32
    assert rows(shard) == set(zip(TASK, WORKER, LABEL, strict=True))


@pytest.mark.parametrize(
    "label",
    [
        [True, False, False, True],
        [1.5, -2.0, -2.0, 1.5],
        [date(2020, 1, 2), date(2019, 1, 1), date(2019, 1, 1), date(2020, 1, 2)],
        [Decimal("1.10"), Decimal("0.90"), Decimal("0.90"), Decimal("1.10")],
        pyarrow.array(LABEL).dictionary_encode(),
    ],
)
def test_labels_may_be_of_any_type_that_has_an_order(tmp_path: Path, label: list[Any]) -> None:
    shard = read_parquet(write(tmp_path / "votes.parquet", TASK, WORKER, label))
    assert list(shard.classes) == sorted(shard.classes)
    assert shard.votes.answer.tolist() == [1, 0, 0, 1]


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.tuples(st.integers(-5, 12), st.integers(0, 5)), st.integers(0, 3), min_size=4, max_size=40
    ).filter(lambda votes: len(set(votes.values())) > 1),
    st.integers(1, 4),
    st.integers(1, 50),
    st.booleans(),
)
def test_shards_have_every_vote_once_and_an_item_whole(
    tmp_path: Path, votes: dict[tuple[int, int], int], shards: int, batch: int, text: bool
) -> None:
    task = [f"t{i}" if text else i for i, _ in votes]
    path = write(tmp_path / "votes.parquet", task, [w for _, w in votes], list(votes.values()))
    parts = [read_parquet(path, shard=n, shards=shards, batch=batch) for n in range(shards)]
    items = [item for part in parts for item in part.items]
    assert len(items) == len(set(items)) == len(set(task))
    assert sum(len(part.votes) for part in parts) == len(votes)
    assert set().union(*(rows(part) for part in parts)) == rows(read_parquet(path))
    assert len({part.workers for part in parts}) == len({part.classes for part in parts}) == 1


def test_a_folder_is_read_as_one_crowd_whatever_the_order_of_its_rows(tmp_path: Path) -> None:
    whole = read_parquet(write(tmp_path / "votes.parquet", TASK, WORKER, LABEL))
    folder = tmp_path / "parts"
    folder.mkdir()
    write(folder / "z.parquet", TASK[:2], WORKER[:2], LABEL[:2])
    write(folder / "a.parquet", TASK[2:], WORKER[2:], LABEL[2:])
    parts = read_parquet(folder)
    assert rows(parts) == rows(whole)
    assert hierarchical(parts.votes).posterior.tobytes() == hierarchical(whole.votes).posterior.tobytes()


def test_other_names_of_columns_can_be_given(tmp_path: Path) -> None:
    table = pyarrow.table({"q": TASK, "who": WORKER, "said": LABEL, "when": [1, 2, 3, 4]})
    parquet.write_table(table, tmp_path / "votes.parquet")
    assert len(read_parquet(tmp_path / "votes.parquet", columns=("q", "who", "said")).votes) == 4


def test_repeated_votes_are_refused_unless_they_are_meant(tmp_path: Path) -> None:
    path = write(tmp_path / "votes.parquet", ["a", "a"], [1, 1], [0, 1])
    with pytest.raises(ValueError, match="more than once"):
        read_parquet(path)
    assert len(read_parquet(path, repeats=True).votes) == 2


@pytest.mark.parametrize(
    ("worker", "label", "message"),
    [
        ([1, None], ["x", "y"], "the column worker has empty cells"),
        ([1, 2], ["x", "x"], "the column label has 1 classes"),
    ],
)
def test_files_that_cannot_be_votes_are_refused(
    tmp_path: Path, worker: list[Any], label: list[Any], message: str
) -> None:
    path = write(tmp_path / "votes.parquet", ["a", "b"], worker, label)
    with pytest.raises(ValueError, match=message):
        read_parquet(path)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "votes.parquet", TASK, WORKER, LABEL)
    with pytest.raises(ValueError, match="has no column answer"):
        read_parquet(path, columns=("task", "worker", "answer"))
    with pytest.raises(ValueError, match="shard 2 of 2 does not exist"):
        read_parquet(path, shard=2, shards=2)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="no Parquet file"):
        read_parquet(tmp_path / "empty")
