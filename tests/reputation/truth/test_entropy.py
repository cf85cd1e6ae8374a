from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from reputation import TruthRun, Votes, majority_vote
from reputation.truth.entropy import _basis, _Dual, minimax_entropy, minimax_entropy_ordinal
from reputation.truth.run import Known
from reputation.truth.votewise import Votewise
from tests.reputation.conftest import read_crowd
from tests.reputation.strategies import votes

Floats = NDArray[np.float64]
Method = Callable[..., TruthRun]
METHODS: list[Method] = [minimax_entropy, minimax_entropy_ordinal]


def naive_loss(crowd: Votes, table: Floats, posterior: Floats, weights: tuple[float, float]) -> float:
    """The penalised expected log likelihood, negated, for categorical tables, as plain loops."""
    k = crowd.classes
    total = 0.0
    for row, values in enumerate(table):
        total += weights[0 if row < crowd.workers else 1] * sum(x * x for x in values) / 2
    for i, w, answer in zip(crowd.item, crowd.worker, crowd.answer, strict=True):
        for true in range(k):
            cells = range(true * k, true * k + k)
            logits = [table[w, c] + table[crowd.workers + i, c] for c in cells]
            total -= posterior[i, true] * (logits[answer] - math.log(sum(map(math.exp, logits))))
    return float(total)


@settings(deadline=None, max_examples=15)
@given(votes(), st.integers(0, 2**32 - 1))
def test_the_dual_and_its_gradient_are_those_of_a_plain_loop(crowd: Votes, seed: int) -> None:
    random = np.random.default_rng(seed)
    dual = _Dual(crowd, Votewise.of(crowd, "cpu", None), 0.3, ordinal=False)
    table = random.normal(size=tuple(dual.table.shape))
    posterior = random.dirichlet(np.ones(crowd.classes), crowd.items)
    weights = (dual.on_worker, dual.on_item)
    value, gradient = dual.loss(torch.from_numpy(table), torch.from_numpy(posterior))
    assert float(value) == pytest.approx(naive_loss(crowd, table, posterior, weights), abs=1e-9)
    for place in [(0, 0), (crowd.workers, 1), (crowd.workers + crowd.items - 1, crowd.classes)]:
        values = []
        for step in (1e-5, -1e-5):
            moved = table.copy()
            moved[place] += step
            values.append(naive_loss(crowd, moved, posterior, weights))
        assert float(gradient[place]) == pytest.approx((values[0] - values[1]) / 2e-5, abs=1e-5)


@settings(deadline=None, max_examples=8)
@given(votes(), st.sampled_from(METHODS))
def test_the_objective_never_falls_and_a_run_is_made_of_distributions(crowd: Votes, method: Method) -> None:
    run = method(crowd, strength=0.25, max_iterations=6)
    assert (np.diff(run.log_likelihood) >= -1e-9).all()
    for rows in (run.posterior, run.confusion, run.prevalence):
        assert rows.sum(axis=-1) == pytest.approx(1, abs=1e-12)


def test_ordinal_numbers_only_see_on_which_side_of_a_threshold_class_and_answer_lie() -> None:
    basis = _basis(4, ordinal=True).numpy().reshape(4, 4, 3, 2, 2)
    for true in range(4):
        for answer in range(4):
            for threshold in range(1, 4):
                expected = np.zeros((2, 2))
                expected[int(true >= threshold), int(answer >= threshold)] = 1
                assert (basis[true, answer, threshold - 1] == expected).all()
    # With two classes there is one threshold, and the numbers are those of the categorical form.
    assert (_basis(2, ordinal=True) == _basis(2, ordinal=False)).all()


def graded(seed: int, items: int = 300) -> tuple[Votes, NDArray[np.int64]]:
    """Items of 5 grades, 20 workers, 5 an item: all are off by one at times, six read one too high."""
    random = np.random.default_rng(seed)
    truth = random.integers(5, size=items)
    item = np.repeat(np.arange(items), 5)
    worker = np.concatenate([random.permutation(20)[:5] for _ in range(items)])
    noise = random.choice([-1, 0, 1], p=[0.2, 0.6, 0.2], size=item.size) + (worker < 6)
    return Votes(item, worker, np.clip(truth[item] + noise, 0, 4), items, 20, 5), truth


@pytest.mark.parametrize("method", METHODS)
def test_it_recovers_planted_grades_better_than_the_majority(method: Method) -> None:
    crowd, truth = graded(0)
    run = method(crowd, strength=1 / 64, max_iterations=10)
    majority = float((majority_vote(crowd).answer == truth).mean())
    assert (run.posterior.argmax(axis=1) == truth).mean() > majority + 0.02


def test_held_out_votes_choose_a_strength_that_does_not_flatten_everything() -> None:
    crowd, truth = graded(1)
    chosen = minimax_entropy_ordinal(crowd, max_iterations=6).posterior.argmax(axis=1)
    strong = minimax_entropy_ordinal(crowd, strength=100, max_iterations=6).posterior.argmax(axis=1)
    assert (chosen == truth).mean() > (strong == truth).mean() + 0.02


def same(one: TruthRun, other: TruthRun) -> bool:
    return one.posterior.tobytes() == other.posterior.tobytes() and one.log_likelihood == other.log_likelihood


def test_the_order_of_votes_changes_no_bit() -> None:
    crowd, _ = graded(2, items=60)
    order = np.random.default_rng(1).permutation(len(crowd))
    shuffled = Votes(crowd.item[order], crowd.worker[order], crowd.answer[order], 60, 20, 5)
    assert same(minimax_entropy(crowd, max_iterations=2), minimax_entropy(shuffled, max_iterations=2))


@pytest.mark.parametrize("method", METHODS)
def test_a_known_answer_is_kept(method: Method) -> None:
    crowd, truth = graded(3)
    items = np.arange(20)
    run = method(crowd, known=Known(items, truth[items]), strength=0.1, max_iterations=5)
    assert (run.posterior[items, truth[items]] == 1).all()


def test_limits_that_mean_nothing_are_refused_and_an_item_without_votes_stays_open() -> None:
    one = Votes(np.array([0]), np.array([0]), np.array([1]), 2, 2, 4)
    assert minimax_entropy(one).posterior[1] == pytest.approx([0.25] * 4)
    with pytest.raises(ValueError, match="strength must be positive"):
        minimax_entropy(one, strength=0)
    none = np.empty(0, dtype=np.int64)
    with pytest.raises(ValueError, match="no votes"):
        minimax_entropy(Votes(none, none, none, 1, 1, 2))


def test_on_bluebirds_it_is_right_where_the_majority_is_not() -> None:
    crowd = read_crowd("bluebirds")
    run = minimax_entropy(crowd.votes, strength=0.25, max_iterations=10)
    assert crowd.accuracy(majority_vote(crowd.votes).answer) < 0.78
    assert crowd.accuracy(run.posterior.argmax(axis=1)) > 0.9


def test_more_classes_than_memory_are_refused_before_anything_is_made() -> None:
    many = Votes(np.array([0, 1]), np.array([0, 0]), np.array([0, 1]), 10**6, 10**4, 10**5)
    with pytest.raises(ValueError, match="this machine has"):
        minimax_entropy(many)
