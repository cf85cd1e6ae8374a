from __future__ import annotations

import resource
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_array

from matching_engine import Assignment, Problem, assign, certify
from matching_engine.flow import Flow
from tests.matching_engine.strategies import PPM, crowd, problems


def best_by_linear_programming(problem: Problem, worth: NDArray[np.int64]) -> float:
    """Optimum of the transport problem by scipy's HiGHS: an independent yardstick."""
    item, worker = np.nonzero(problem.eligible)
    if not item.size:
        return 0.0
    columns = np.arange(item.size)
    ones = np.ones(2 * item.size)
    rows = np.concatenate([item, problem.items + worker])
    shape = (problem.items + problem.workers, item.size)
    limits = csr_array((ones, (rows, np.tile(columns, 2))), shape=shape)
    room = np.concatenate([problem.demand, problem.capacity])
    found = linprog(-worth[item, worker].astype(float), A_ub=limits, b_ub=room, bounds=(0, 1), method="highs")
    return float(-found.fun)


@settings(deadline=None, max_examples=300)
@given(problems())
def test_every_assignment_is_feasible_and_proves_itself_optimal(problem: Problem) -> None:
    assignment = assign(problem)
    certificate = certify(problem, assignment)
    assert certificate.feasible
    assert certificate.most
    assert certificate.gap_ppm == 0
    assert (certificate.primal, certificate.dual) == (assignment.primal, assignment.dual)
    assert assignment.primal == assignment.dual


@settings(deadline=None, max_examples=150)
@given(problems())
def test_linear_programming_finds_nothing_better(problem: Problem) -> None:
    assignment = assign(problem)
    most = best_by_linear_programming(problem, np.ones_like(problem.values))
    best = best_by_linear_programming(problem, problem.values + problem.bonus)
    assert len(assignment.pairs) == pytest.approx(most, abs=1e-6)
    assert assignment.primal + problem.bonus * len(assignment.pairs) == pytest.approx(best, abs=0.5)


@settings(deadline=None, max_examples=100)
@given(problems(), st.randoms(use_true_random=False))
def test_any_starting_prices_lead_to_the_same_worth(problem: Problem, random: object) -> None:
    top = int(problem.values.max(initial=0)) + problem.bonus
    prices = np.array([random.randint(0, top) for _ in range(problem.workers)], dtype=np.int64)  # type: ignore[attr-defined]
    worth = np.where(problem.eligible, problem.values + problem.bonus, -np.int64(2**60))
    flow = Flow.at_prices(worth, problem.demand, problem.capacity, prices)
    flow.settle()
    item, worker = np.nonzero(flow.held[:-1].T)
    assignment = assign(problem)
    assert problem.values[item, worker].sum() == assignment.primal
    assert item.size == len(assignment.pairs)


@settings(deadline=None, max_examples=100)
@given(problems(), st.integers(0, 2**20), st.integers(0, PPM))
def test_no_prices_bound_less_than_what_was_reached(problem: Problem, change: int, price: int) -> None:
    assignment = assign(problem)
    prices = np.full(problem.workers, price, dtype=np.int64)
    prices[: problem.workers // 2] += change
    certificate = certify(problem, replace(assignment, prices=prices))
    assert certificate.dual >= assignment.primal


@settings(deadline=None, max_examples=100)
@given(problems())
def test_where_the_eligible_pairs_fill_the_demand_exactly_all_are_taken(problem: Problem) -> None:
    replay = replace(
        problem, demand=problem.eligible.sum(axis=1), capacity=problem.eligible.sum(axis=0), seed=b"other"
    )
    assert assign(replay).pairs.tolist() == np.argwhere(problem.eligible).tolist()


@pytest.mark.parametrize(
    ("slack", "share", "per_item"),
    [(1.2, 1.0, 3), (1.0, 1.0, 3), (0.6, 1.0, 2), (1.1, 0.2, 3), (0.9, 0.1, 5)],
)
def test_larger_crowds_are_matched_optimally(slack: float, share: float, per_item: int) -> None:
    problem = crowd(items=300, workers=40, per_item=per_item, slack=slack, seed=3, share=share)
    assignment = assign(problem)
    best = best_by_linear_programming(problem, problem.values + problem.bonus)
    assert certify(problem, assignment).feasible
    assert assignment.primal + problem.bonus * len(assignment.pairs) == pytest.approx(best, rel=1e-9)


def test_filling_one_more_slot_is_worth_any_value() -> None:
    """Item 0 can only go to worker 0; for that, every other item must leave a perfect match."""
    size = 6
    perfect = np.eye(size, k=-1, dtype=np.bool_)
    each = np.ones(size, dtype=np.int64)
    problem = Problem(np.where(perfect, PPM, 0), perfect | np.eye(size, dtype=np.bool_), each, each, b"")
    assignment = assign(problem)
    assert assignment.pairs.tolist() == [[k, k] for k in range(size)]
    assert certify(problem, assignment).most
    greedy = replace(assignment, pairs=np.argwhere(perfect))
    assert not certify(problem, greedy).most


def test_among_equals_the_seed_draws_lots_that_favour_nobody() -> None:
    workers, draws = 5, 400
    won = np.zeros(workers)
    for draw in range(draws):
        ones = np.ones(workers, dtype=np.int64)
        problem = Problem(
            np.full((1, workers), 700_000),
            np.ones((1, workers), bool),
            ones[:1],
            ones,
            draw.to_bytes(2, "big"),
        )
        won[assign(problem).pairs[0, 1]] += 1
    # Five standard deviations of a fair lottery.
    assert np.abs(won - draws / workers).max() < 5 * np.sqrt(draws * 0.2 * 0.8)


def test_the_answer_is_the_same_every_time_and_another_seed_gives_another() -> None:
    problem = crowd(items=200, workers=20, per_item=3, slack=1.1, seed=5)
    equal = replace(problem, values=np.full_like(problem.values, 500_000))
    once, again, other = assign(equal), assign(equal), assign(replace(equal, seed=b"another"))
    assert once.pairs.tobytes() == again.pairs.tobytes()
    assert once.prices.tobytes() == again.prices.tobytes()
    assert once.pairs.tobytes() != other.pairs.tobytes()
    assert once.primal == other.primal


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_the_gpu_gives_the_answer_of_the_processor() -> None:
    problem = crowd(items=400, workers=30, per_item=3, slack=1.0, seed=8)
    one, other = assign(problem), assign(problem, device="cuda")
    assert one.pairs.tobytes() == other.pairs.tobytes()
    assert one.prices.tobytes() == other.prices.tobytes()


def test_eight_thousand_items_take_seconds_and_little_memory() -> None:
    problem = crowd(items=8000, workers=200, per_item=3, slack=1.1, seed=2)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    assignment = assign(problem)
    spent = time.process_time() - start
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert certify(problem, assignment).gap_ppm == 0
    assert len(assignment.pairs) == 24_000
    # Several times what it needs on an idle core, so that a busy machine does not fail the test.
    assert spent < 60
    assert grown < 1024 * 1024


def test_problems_too_large_for_exact_arithmetic_are_refused() -> None:
    problem = Problem(
        np.zeros((1, 2), np.int64), np.ones((1, 2), bool), np.array([2**40]), np.array([2**40, 2**40]), b""
    )
    with pytest.raises(ValueError, match="64-bit"):
        assign(problem)


def test_importing_the_package_loads_neither_torch_nor_transformers() -> None:
    program = "import sys, matching_engine; sys.exit(bool({'torch', 'transformers'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def empty(problem: Problem) -> Assignment:
    return Assignment(np.empty((0, 2), np.int64), np.zeros(problem.workers, np.int64), 0, 0)


def test_an_idle_assignment_is_feasible_and_known_to_be_poor() -> None:
    problem = crowd(items=20, workers=5, per_item=2, slack=1.0, seed=1)
    certificate = certify(problem, empty(problem))
    assert certificate.feasible
    assert not certificate.most
    assert certificate.gap_ppm == PPM
