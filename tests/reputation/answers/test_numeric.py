from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import digamma, gammaln

from reputation.answers.files import read_known_numbers, read_numbers
from reputation.answers.numeric import (
    Numbers,
    Scale,
    _State,
    numeric_mean,
    numeric_median,
    numeric_truth,
)
from tests.reputation.conftest import SHARED

SCALES: list[Scale] = ["ratio", "interval", "affine"]


@st.composite
def numbers(draw: st.DrawFn) -> Numbers:
    items, workers = draw(st.integers(1, 7)), draw(st.integers(1, 5))
    pair = st.tuples(st.integers(0, items - 1), st.integers(0, workers - 1))
    chosen = draw(st.lists(pair, unique=True, min_size=1, max_size=25))
    value = draw(st.lists(st.floats(-1000, 1000, width=32), min_size=len(chosen), max_size=len(chosen)))
    item, worker = np.array(chosen).T
    return Numbers(item, worker, np.array(value), items, workers)


def planted(scale: Scale, seed: int = 0) -> tuple[Numbers, NDArray[np.float64], NDArray[np.float64]]:
    """300 items, 30 workers, 6 answers an item; half of the workers are careless."""
    random = np.random.default_rng(seed)
    truth = random.normal(50, 20, 300)
    factor = np.exp(random.normal(0, 0.25, 30)) if scale != "interval" else np.ones(30)
    bias = random.normal(0, 10, 30) if scale != "ratio" else np.zeros(30)
    deviation = np.where(np.arange(30) < 15, 2.0, 25.0)
    item = np.repeat(np.arange(300), 6)
    worker = np.concatenate([random.permutation(30)[:6] for _ in range(300)])
    value = factor[worker] * truth[item] + bias[worker] + random.normal(0, deviation[worker])
    return Numbers(item, worker, value, 300, 30), truth, deviation


@given(numbers())
def test_the_mean_and_the_median_are_those_of_a_plain_loop(crowd: Numbers) -> None:
    for item in range(crowd.items):
        own = crowd.value[crowd.item == item]
        if own.size:
            assert numeric_mean(crowd)[item] == pytest.approx(own.mean(), abs=1e-9)
            assert numeric_median(crowd)[item] == pytest.approx(np.median(own), abs=1e-9)
        else:
            assert np.isnan(numeric_mean(crowd)[item])
            assert np.isnan(numeric_median(crowd)[item])


@settings(deadline=None, max_examples=15)
@given(numbers(), st.sampled_from(SCALES))
def test_the_bound_never_falls_and_everything_found_is_finite(crowd: Numbers, scale: Scale) -> None:
    run = numeric_truth(crowd, scale=scale, max_iterations=150)
    assert (np.diff(run.bound) >= -1e-6 * np.maximum(1, np.abs(run.bound[1:]))).all()
    for array in (run.estimate, run.standard_error, run.factor, run.bias, run.deviation):
        assert np.isfinite(array).all()
    assert (run.standard_error > 0).all()
    assert (run.deviation > 0).all()


@settings(deadline=None, max_examples=15)
@given(numbers(), st.sampled_from(SCALES), st.randoms(use_true_random=False))
def test_the_order_of_answers_changes_no_bit(crowd: Numbers, scale: Scale, random: object) -> None:
    order = np.arange(len(crowd))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = Numbers(crowd.item[order], crowd.worker[order], crowd.value[order], crowd.items, crowd.workers)
    runs = [numeric_truth(each, scale=scale, max_iterations=20) for each in (crowd, shuffled)]
    assert runs[0].estimate.tobytes() == runs[1].estimate.tobytes()
    assert runs[0].bound == runs[1].bound


def test_the_unit_of_three_uneven_answers_has_no_order_either() -> None:
    value = np.array([1.0, 440.0, 0.5])
    item, worker = np.zeros(3, dtype=np.int64), np.arange(3)
    found = set()
    for order in permutations(range(3)):
        turned = list(order)
        found.add(numeric_truth(Numbers(item, worker[turned], value[turned], 1, 3)).estimate.tobytes())
    assert len(found) == 1


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_another_unit_gives_the_same_answer_in_that_unit(unit: float) -> None:
    crowd, _, _ = planted("affine")
    other = Numbers(crowd.item, crowd.worker, crowd.value * unit, crowd.items, crowd.workers)
    one, two = numeric_truth(crowd, scale="affine"), numeric_truth(other, scale="affine")
    assert two.estimate == pytest.approx(one.estimate * unit, rel=1e-6)
    assert two.factor == pytest.approx(one.factor, rel=1e-6)


@pytest.mark.parametrize("scale", SCALES)
def test_it_recovers_a_planted_crowd_better_than_mean_and_median(scale: Scale) -> None:
    crowd, truth, deviation = planted(scale)
    run = numeric_truth(crowd, scale=scale)

    def error(estimate: NDArray[np.float64]) -> float:
        return float(np.sqrt(np.mean((estimate - truth) ** 2)))

    assert run.converged
    assert error(run.estimate) < 0.6 * min(error(numeric_mean(crowd)), error(numeric_median(crowd)))
    assert run.deviation == pytest.approx(deviation, rel=0.6)
    covered = np.abs(run.estimate - run.estimate.mean() - truth + truth.mean()) < 2.6 * run.standard_error
    assert covered.mean() > 0.85


def naive_bound(state: _State, values: list[float]) -> float:
    """The evidence lower bound written out term by term, for one item's mean and one worker's pair."""
    state.x[0], state.ab[0, 0], state.ab[0, 1] = values
    total = 0.0
    for i, w, y in zip(state.i, state.w, state.y, strict=True):
        shape, rate = state.shape[w], state.rate[w]
        mean_ab, cov = state.ab[w], state.cov[w]
        second = cov + np.outer(mean_ab, mean_ab)
        x, xx = state.x[i], state.x[i] ** 2 + state.vx[i]
        square = y**2 - 2 * y * (mean_ab[0] * x + mean_ab[1])
        square += second[0, 0] * xx + 2 * second[0, 1] * x + second[1, 1]
        total += 0.5 * (digamma(shape) - np.log(rate) - np.log(2 * np.pi) - shape / rate * square)
    for x, v in zip(state.x, state.vx, strict=True):
        total -= 0.5 * (np.log(state.spread / v) - 1 + (v + (x - state.centre) ** 2) / state.spread)
    for pair, cov in zip(state.ab, state.cov, strict=True):
        prior, off = np.diag(state.prior_ab), pair - [1.0, 0.0]
        inverse = np.linalg.inv(prior)
        logs = np.log(np.linalg.det(prior) / np.linalg.det(cov))
        total -= 0.5 * (logs - 2 + np.trace(inverse @ cov) + off @ inverse @ off)
    a0, b0 = state.strength / 2, state.strength * state.common / 2
    for a, b in zip(state.shape, state.rate, strict=True):
        total -= (a - a0) * digamma(a) - gammaln(a) + gammaln(a0) + a0 * np.log(b / b0) + a * (b0 - b) / b
    return float(total)


def test_the_bound_is_the_one_written_out_and_every_update_stands_at_its_top() -> None:
    random = np.random.default_rng(4)
    item, worker = (grid.ravel() for grid in np.meshgrid(np.arange(5), np.arange(3)))
    crowd = Numbers(item, worker, random.normal(3, 2, item.size) + item, 5, 3)
    state = _State(crowd, "affine", 5.0, 1.0)
    for _ in range(2000):
        state.step()
    start = [float(state.x[0]), float(state.ab[0, 0]), float(state.ab[0, 1])]
    top = state.bound()
    assert naive_bound(state, start) == pytest.approx(top, abs=1e-9)
    for place in range(3):
        for step in (1e-4, -1e-4):
            moved = list(start)
            moved[place] += step
            assert naive_bound(state, moved) <= top + 1e-10


def test_an_item_without_answers_gets_the_common_mean() -> None:
    run = numeric_truth(Numbers(np.array([0, 0]), np.array([0, 1]), np.array([4.0, 6.0]), 2, 3))
    assert run.estimate[1] == pytest.approx(5, abs=0.5)
    assert run.factor[2] == pytest.approx(1)


@pytest.mark.parametrize(
    ("item", "worker", "value", "message"),
    [
        ([0, 0], [1, 1], [1.0, 2.0], "worker 1 answered item 0 more than once"),
        ([0], [0], [np.nan], "value 0 is not a finite number"),
        ([0], [0], [np.inf], "finite"),
        ([0], [0], [1.0, 2.0], "same length"),
        ([2], [0], [1.0], r"item indices must be in 0\.\.1"),
    ],
)
def test_impossible_answers_are_refused(
    item: list[int], worker: list[int], value: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Numbers(np.array(item), np.array(worker), np.array(value), 2, 2)


def test_nothing_is_inferred_from_nothing_nor_on_an_unknown_scale() -> None:
    none = np.empty(0, dtype=np.int64)
    with pytest.raises(ValueError, match="no answers"):
        numeric_truth(Numbers(none, none, np.empty(0), 1, 1))
    one = Numbers(np.array([0]), np.array([0]), np.array([1.0]), 1, 1)
    with pytest.raises(ValueError, match="ratio, interval or affine"):
        numeric_truth(one, scale="nominal")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="positive"):
        numeric_truth(one, tolerance=0)


def test_on_real_judgements_of_emotion_it_is_better_than_the_mean() -> None:
    folder = SHARED / "data" / "n_emotion"
    if not (folder / "labels.csv").is_file():
        pytest.skip(f"the real crowd n_emotion is not at {folder} (set CROWDLEDGER_SHARED)")
    file = read_numbers(folder / "labels.csv")
    truth = file.place(read_known_numbers(folder / "truth.csv"))
    run = numeric_truth(file.numbers)
    error = run.estimate - truth
    assert run.converged
    assert np.abs(error).mean() <= 12.02
    assert np.sqrt(np.mean(error**2)) <= 17.84
