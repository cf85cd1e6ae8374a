from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from reputation.answers.pairwise import (
    Comparisons,
    PairwisePrior,
    PairwiseRun,
    bradley_terry,
    crowd_bradley_terry,
)
from scripts.benches.truth import planted

Floats = NDArray[np.float64]


@st.composite
def comparisons(draw: st.DrawFn) -> Comparisons:
    items, workers = draw(st.integers(2, 6)), draw(st.integers(1, 4))
    one = st.tuples(st.integers(0, workers - 1), st.integers(0, items - 1), st.integers(0, items - 1)).filter(
        lambda row: row[1] != row[2]
    )
    worker, winner, loser = np.array(draw(st.lists(one, min_size=1, max_size=25))).T
    return Comparisons(worker, winner, loser, items, workers)


def naive_log_posterior(
    made: Comparisons, prior: PairwisePrior, score: list[float], reliability: list[float]
) -> float:
    total = -sum(x * x for x in score) / 2 / prior.score_variance
    for r in reliability:
        total += prior.right * math.log(r) + prior.wrong * math.log(1 - r)
    for w, a, b in zip(made.worker, made.winner, made.loser, strict=True):
        p = 1 / (1 + math.exp(score[b] - score[a]))
        total += math.log(reliability[w] * p + (1 - reliability[w]) * (1 - p))
    return total


@settings(deadline=None, max_examples=15)
@given(comparisons())
def test_what_is_found_is_a_top_of_the_likelihood_written_out(made: Comparisons) -> None:
    prior = PairwisePrior()
    run = crowd_bradley_terry(made, tolerance=1e-10, max_iterations=5000)
    score, reliability = run.score.tolist(), run.reliability.tolist()
    top = naive_log_posterior(made, prior, score, reliability)
    assert run.log_posterior[-1] == pytest.approx(top, abs=1e-9)
    assert (np.diff(run.log_posterior) >= -1e-9).all()
    assert run.converged
    for values in (score, reliability):
        for place, step in itertools.product(range(len(values)), (1e-4, -1e-4)):
            values[place] += step
            assert naive_log_posterior(made, prior, score, reliability) <= top + 1e-11
            values[place] -= step


def test_on_two_items_no_point_of_a_fine_grid_is_better() -> None:
    worker, winner = np.array([0, 0, 0, 1, 1]), np.array([0, 0, 0, 1, 0])
    made = Comparisons(worker, winner, 1 - winner, 2, 2)
    run = crowd_bradley_terry(made, tolerance=1e-10, max_iterations=5000)
    top = naive_log_posterior(made, PairwisePrior(), run.score.tolist(), run.reliability.tolist())
    chances = np.linspace(0.02, 0.98, 25)
    for x, r, s in itertools.product(np.linspace(-4, 4, 41), chances, chances):
        assert naive_log_posterior(made, PairwisePrior(), [x, -x], [r, s]) <= top


def same(one: PairwiseRun, other: PairwiseRun) -> bool:
    pairs = [(one.score, other.score), (one.reliability, other.reliability)]
    return all(a.tobytes() == b.tobytes() for a, b in pairs)


@settings(deadline=None, max_examples=15)
@given(comparisons(), st.randoms(use_true_random=False))
def test_the_order_of_comparisons_changes_no_bit(made: Comparisons, random: object) -> None:
    order = np.arange(len(made))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = Comparisons(
        made.worker[order], made.winner[order], made.loser[order], made.items, made.workers
    )
    for method in (bradley_terry, crowd_bradley_terry):
        assert same(method(made, max_iterations=8), method(shuffled, max_iterations=8))


@settings(deadline=None, max_examples=15)
@given(comparisons())
def test_turning_every_comparison_round_turns_the_scores_round(made: Comparisons) -> None:
    turned = Comparisons(made.worker, made.loser, made.winner, made.items, made.workers)
    one, two = (crowd_bradley_terry(each, max_iterations=40) for each in (made, turned))
    assert one.score == pytest.approx(-two.score, abs=1e-6)
    assert one.reliability == pytest.approx(two.reliability, abs=1e-6)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_sees_through_guesses_and_contrarians_where_the_plain_model_does_not(seed: int) -> None:
    made, score, reliability = planted.comparisons(seed)
    run, plain = crowd_bradley_terry(made), bradley_terry(made)

    def agreement(found: Floats) -> float:
        return float(np.corrcoef(np.argsort(np.argsort(found)), np.argsort(np.argsort(score)))[0, 1])

    assert run.converged
    assert plain.converged
    assert agreement(run.score) > agreement(plain.score) + 0.03
    assert agreement(run.score) > 0.85
    assert run.reliability[reliability > 0.9].min() > run.reliability[reliability < 0.2].max()


def test_items_that_nothing_connects_or_that_always_win_get_finite_scores() -> None:
    made = Comparisons(np.zeros(3, dtype=int), np.array([0, 0, 2]), np.array([1, 1, 3]), 5, 2)
    run = crowd_bradley_terry(made)
    assert np.isfinite(run.score).all()
    assert run.score[0] > run.score[2] > 0 > run.score[3] > run.score[1]
    assert run.score[4] == 0
    assert run.reliability[1] == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("worker", "winner", "loser", "message"),
    [
        ([0], [1], [1], "comparison 0 is of item 1 with itself"),
        ([0], [1], [2], r"loser indices must be in 0\.\.1"),
        ([0, 0], [1], [0], "same length"),
    ],
)
def test_impossible_comparisons_are_refused(
    worker: list[int], winner: list[int], loser: list[int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Comparisons(np.array(worker), np.array(winner), np.array(loser), 2, 1)


def test_limits_and_priors_that_mean_nothing_are_refused() -> None:
    none = np.empty(0, dtype=np.int64)
    with pytest.raises(ValueError, match="no comparisons"):
        crowd_bradley_terry(Comparisons(none, none, none, 2, 1))
    one = Comparisons(np.array([0]), np.array([0]), np.array([1]), 2, 1)
    with pytest.raises(ValueError, match="must be positive"):
        bradley_terry(one, max_iterations=0)
    with pytest.raises(ValueError, match="right greater than wrong"):
        PairwisePrior(right=1, wrong=2)
