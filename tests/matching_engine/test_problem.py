from __future__ import annotations

import hashlib
import struct
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching_engine import Assignment, Problem, assign, certify, prices_digest, problem_digest
from tests.matching_engine.strategies import crowd, problems

SMALL = Problem(
    np.array([[1, 2, 3], [4, 5, 6]]),
    np.array([[True, False, True], [True, True, True]]),
    np.array([1, 2]),
    np.array([1, 1, 2]),
    b"seed",
)


def with_pairs(assignment: Assignment, *pairs: tuple[int, int]) -> Assignment:
    return replace(assignment, pairs=np.array(pairs, dtype=np.int64))


@pytest.mark.parametrize(
    "pairs",
    [
        [(0, 1)],  # not eligible
        [(1, 0), (1, 0)],  # the same worker twice
        [(0, 0), (0, 2)],  # more than the item asks for
        [(0, 0), (1, 0)],  # more than the worker can take
    ],
)
def test_an_assignment_that_breaks_a_rule_is_found_out(pairs: list[tuple[int, int]]) -> None:
    good = assign(SMALL)
    assert certify(SMALL, good).feasible
    assert not certify(SMALL, with_pairs(good, *pairs)).feasible


def test_negative_prices_are_found_out() -> None:
    good = assign(SMALL)
    assert not certify(SMALL, replace(good, prices=good.prices - 10**9)).feasible


def test_pairs_that_do_not_exist_are_refused() -> None:
    for pair in ((2, 0), (0, 3), (-1, 0)):
        with pytest.raises(ValueError, match="not there"):
            certify(SMALL, with_pairs(assign(SMALL), pair))
    with pytest.raises(ValueError, match="prices"):
        certify(SMALL, replace(assign(SMALL), prices=np.zeros(2, np.int64)))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**31))
def test_dropping_pairs_opens_a_gap(seed: int) -> None:
    problem = crowd(items=12, workers=4, per_item=2, slack=1.0, seed=seed)
    best = assign(problem)
    worse = replace(best, pairs=best.pairs[:-1])
    certificate = certify(problem, worse)
    assert certificate.feasible
    assert not certificate.most
    assert certificate.gap_ppm > 0


def test_the_problem_digest_is_the_documented_layout() -> None:
    layout = (
        b"crowdledger-problem@v1\n"
        + struct.pack(">QQ", 2, 3)
        + struct.pack(">6q", 1, 2, 3, 4, 5, 6)
        + bytes([1, 0, 1, 1, 1, 1])
        + struct.pack(">2q", 1, 2)
        + struct.pack(">3q", 1, 1, 2)
        + b"seed"
    )
    assert problem_digest(SMALL) == hashlib.sha256(layout).digest()


def test_the_prices_digest_is_the_documented_layout() -> None:
    layout = b"crowdledger-prices@v1\n" + struct.pack(">Q3q", 3, 0, 7, 10**12)
    assert prices_digest(np.array([0, 7, 10**12])) == hashlib.sha256(layout).digest()


@given(problems())
def test_any_change_to_a_problem_changes_its_digest(problem: Problem) -> None:
    digests = {problem_digest(problem), problem_digest(replace(problem, seed=problem.seed + b"\0"))}
    expected = 2
    if problem.values.size:
        changed = problem.values.copy()
        changed[0, 0] = changed[0, 0] + 1 if changed[0, 0] < 1_000_000 else 0
        digests.add(problem_digest(replace(problem, values=changed)))
        digests.add(problem_digest(replace(problem, eligible=~problem.eligible)))
        expected = 4
    assert len(digests) == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"values": np.array([[1, 2, 3], [4, 5, 1_000_001]])}, "ppm"),
        ({"values": np.array([[1, 2, 3], [4, 5, -1]])}, "ppm"),
        ({"values": np.zeros((2, 3))}, "integers"),
        ({"demand": np.array([1, -1])}, "negative"),
        ({"capacity": np.array([1, 1, -1])}, "negative"),
        ({"demand": np.array([1, 1, 1])}, "must be"),
        ({"eligible": np.ones((3, 2), bool)}, "must be"),
    ],
)
def test_impossible_problems_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **change)
