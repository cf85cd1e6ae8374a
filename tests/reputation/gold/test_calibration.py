import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from reputation.gold.calibration import (
    brier_score,
    expected_calibration_error,
    negative_log_likelihood,
    reliability,
    scale,
)

POSTERIOR = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.55, 0.45]])
TRUTH = np.array([0, 1, 1, 0])

posteriors = arrays.arrays(
    np.float64, st.tuples(st.integers(1, 20), st.integers(2, 5)), elements=st.floats(0.001, 1)
).map(lambda raw: raw / raw.sum(axis=1, keepdims=True))


def test_the_figures_agree_with_those_worked_out_by_hand() -> None:
    assert negative_log_likelihood(POSTERIOR, TRUTH) == pytest.approx(-np.log([0.9, 0.2, 0.7, 0.55]).mean())
    assert brier_score(POSTERIOR, TRUTH) == pytest.approx(2 * np.mean([0.1**2, 0.8**2, 0.3**2, 0.45**2]))
    # One item in each of the bins from .5, .7, .8 and .9: right, right, wrong, right.
    assert expected_calibration_error(POSTERIOR, TRUTH) == pytest.approx((0.45 + 0.3 + 0.8 + 0.1) / 4)


def test_certainty_belongs_to_the_last_bin() -> None:
    sure, right, share = reliability(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0, 0]))
    assert share.tolist() == [0.0] * 9 + [1.0]
    assert (sure[-1], right[-1]) == (1.0, 0.5)
    assert np.isnan(sure[:-1]).all()


@given(posteriors, st.floats(0.1, 10))
def test_scaling_keeps_the_order_of_the_classes(posterior: np.ndarray, temperature: float) -> None:
    scaled = scale(posterior, temperature)
    np.testing.assert_allclose(scaled.sum(axis=1), 1)
    gap = np.diff(np.take_along_axis(scaled, posterior.argsort(axis=1), axis=1), axis=1)
    assert (gap >= -1e-12).all()


@given(posteriors, st.floats(0.2, 5), st.floats(0.2, 5))
def test_two_scalings_are_one_by_the_product(posterior: np.ndarray, one: float, other: float) -> None:
    np.testing.assert_allclose(scale(scale(posterior, one), other), scale(posterior, one * other), atol=1e-6)


def test_a_class_that_was_ruled_out_costs_much_but_not_everything() -> None:
    assert negative_log_likelihood(np.array([[1.0, 0.0]]), np.array([1])) == pytest.approx(27.63, abs=0.01)


def test_a_temperature_is_positive() -> None:
    with pytest.raises(ValueError, match="positive"):
        scale(POSTERIOR, 0.0)
