"""A real crowd replayed: only the pairs that really happened may be matched."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from matching_engine import Problem, assign, certify, score

SHARED = Path(os.environ.get("CROWDLEDGER_SHARED", Path(__file__).resolve().parents[2].parent / "shared"))


@pytest.mark.parametrize("name", ["rte", "dog", "d_product"])
def test_a_replayed_crowd_gets_exactly_the_work_it_did(name: str) -> None:
    path = SHARED / "data" / name / "labels.csv"
    if not path.is_file():
        pytest.skip(f"the real crowd {name} is not at {path} (set CROWDLEDGER_SHARED)")
    items: dict[str, int] = {}
    workers: dict[str, int] = {}
    with path.open(newline="") as file:
        pairs = {
            (items.setdefault(row["task"], len(items)), workers.setdefault(row["worker"], len(workers)))
            for row in csv.DictReader(file)
        }
    eligible = np.zeros((len(items), len(workers)), dtype=np.bool_)
    eligible[tuple(np.array(sorted(pairs)).T)] = True
    silent, skill = np.zeros((len(workers), 4), np.float32), np.arange(len(workers)) * 1000
    values = score(silent, np.zeros((len(items), 4), np.float32), skill, eligible)
    problem = Problem(values, eligible, eligible.sum(axis=1), eligible.sum(axis=0), b"replay")
    assignment = assign(problem)
    assert [tuple(pair) for pair in assignment.pairs.tolist()] == sorted(pairs)
    assert certify(problem, assignment).gap_ppm == 0
    # With half the time of each worker, half of it is used, and used as well as can be.
    scarce = Problem(values, eligible, problem.demand, problem.capacity // 2, b"replay")
    certificate = certify(scarce, assign(scarce))
    assert certificate.feasible
    assert certificate.most
    assert certificate.gap_ppm == 0
