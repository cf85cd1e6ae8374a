"""The composite score: exact integers, and the formula they round."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reputation.crowd.composite import Period, Weights, combine, composite

PPM = 1_000_000


@st.composite
def periods(draw: st.DrawFn) -> list[Period]:
    workers = draw(st.integers(1, 4))
    made = []
    for _ in range(draw(st.integers(1, 6))):
        labels = draw(st.lists(st.integers(0, 40), min_size=workers, max_size=workers))
        right = [draw(st.integers(0, count * PPM)) for count in labels]
        made.append(Period(np.array(labels), np.array(right)))
    return made


@settings(deadline=None, max_examples=60)
@given(periods(), st.integers(1, PPM - 1), st.integers(0, 20))
def test_the_integers_are_the_exact_formula_rounded_down_at_each_step(
    given_periods: list[Period], recent_ppm: int, labels: int
) -> None:
    weights = Weights(recent_ppm, 600_000, labels)
    workers = given_periods[0].labels.size
    found = composite(given_periods, workers, weights)
    for worker in range(workers):
        score = 600_000
        for period in given_periods:
            count, right = int(period.labels[worker]), int(period.right_ppm[worker])
            if count:
                recent = (right + labels * score) // (count + labels)
                score = int(Fraction(score * (PPM - recent_ppm) + recent * recent_ppm, PPM))
        assert found[worker] == score
        assert 0 <= found[worker] <= PPM


def test_the_weights_are_those_of_the_formula() -> None:
    weights = Weights(recent_ppm=250_000)
    assert (weights.alpha, weights.beta) == pytest.approx((4 / 3, 4))
    assert combine(np.array(0.8), np.array(0.4), weights) == pytest.approx(
        0.8 / weights.alpha + 0.4 / weights.beta
    )
    assert combine(np.array(0.8), np.array(0.4), weights) == pytest.approx(0.7)


def test_a_long_steady_performance_becomes_the_score() -> None:
    steady = Period(np.array([50]), np.array([45 * PPM]))
    assert composite([steady] * 60, 1)[0] == pytest.approx(900_000, abs=50)


def test_a_period_without_labels_leaves_the_score_as_it_was() -> None:
    busy = Period(np.array([10, 10]), np.array([9 * PPM, PPM]))
    idle = Period(np.array([0, 0]), np.array([0, 0]))
    np.testing.assert_array_equal(composite([busy, idle, idle], 2), composite([busy], 2))


def test_what_is_no_period_or_weight_is_refused() -> None:
    with pytest.raises(ValueError, match="no more than labels"):
        Period(np.array([1]), np.array([PPM + 1]))
    with pytest.raises(ValueError, match="integers"):
        Period(np.array([1]), np.array([0.5]))
    with pytest.raises(ValueError, match="recent weight"):
        Weights(recent_ppm=PPM)
    with pytest.raises(ValueError, match="2 workers, not 1"):
        composite([Period(np.array([1, 1]), np.array([0, 0]))], 1)
