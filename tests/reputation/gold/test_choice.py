import numpy as np
import pytest

from reputation.gold.calibration import expected_calibration_error
from reputation.gold.choice import FIRST, Mixture, _fit, fit_mixture, logs


def made(sharpness: float, signal: float, seed: int, size: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """A model's posterior [N, 2] of items, and their truth: log odds are `signal` to the truth and noise of
    variance 2 x signal (so that at sharpness 1 they are calibrated), times `sharpness`."""
    random = np.random.default_rng(seed)
    truth = random.integers(2, size=size)
    odds = signal * (2 * truth - 1) + np.sqrt(2 * signal) * random.normal(size=size)
    right = 1 / (1 + np.exp(-sharpness * odds))
    return np.stack([1 - right, right], axis=1), truth


def test_a_model_that_is_five_times_too_sure_is_cooled_five_times() -> None:
    posterior, truth = made(5.0, 1.0, seed=1, size=1000)
    mixture = fit_mixture([np.clip(posterior, 1e-6, 1)], truth)
    assert mixture.temperature == pytest.approx(5.0, rel=0.2)
    assert expected_calibration_error(mixture.apply([posterior]), truth) < 0.03
    assert expected_calibration_error(posterior, truth) > 0.1


def test_a_model_that_knows_outweighs_one_that_guesses() -> None:
    knows, truth = made(1.0, 3.0, seed=2)
    guesses, _ = made(1.0, 3.0, seed=3)
    mixture = fit_mixture([guesses, knows], truth)
    assert mixture.weights[1] > 0.9
    assert sum(mixture.weights) == pytest.approx(1)


def test_the_bias_repairs_a_class_that_the_crowd_overrates() -> None:
    posterior, truth = made(1.0, 3.0, seed=4)
    tilted = np.exp(np.log(posterior) + np.array([5.0, 0.0]))
    tilted /= tilted.sum(axis=1, keepdims=True)
    mixture = fit_mixture([tilted], truth)
    assert (tilted.argmax(axis=1) == truth).mean() < 0.8
    assert (mixture.apply([tilted]).argmax(axis=1) == truth).mean() > 0.88
    assert mixture.bias[1] > mixture.bias[0]


def test_one_gold_item_hardly_moves_anything() -> None:
    posterior, truth = made(1.0, 1.0, seed=5)
    mixture = fit_mixture([posterior[:1], posterior[:1]], truth[:1])
    np.testing.assert_allclose(mixture.exponents, FIRST, atol=0.1)
    np.testing.assert_allclose(mixture.bias, 0, atol=0.2)


def test_the_fit_is_the_minimum_of_its_penalised_loss() -> None:
    (one, truth), (other, _) = made(2.0, 1.0, seed=6, size=40), made(1.0, 0.5, seed=7, size=40)
    inputs = logs([one, other])

    def loss(exponents: np.ndarray, bias: np.ndarray) -> float:
        posterior = Mixture(exponents, bias).apply([one, other])
        fit = -np.log(posterior[np.arange(truth.size), truth]).sum()
        return float(fit + 10 * ((exponents - FIRST) ** 2).sum() / 2 + 3 * (bias**2).sum() / 2)

    found = _fit(inputs, truth, 10.0, 3.0)
    least = loss(found.exponents, found.bias)
    random = np.random.default_rng(8)
    for _ in range(200):
        step = random.normal(size=4) * 10 ** random.uniform(-3, 0)
        nearby = np.maximum(found.exponents + step[:2], 0), found.bias + step[2:]
        assert loss(*nearby) >= least - 1e-6


def test_nothing_to_weigh_or_to_weigh_by_is_refused() -> None:
    posterior, truth = made(1.0, 1.0, seed=9)
    with pytest.raises(ValueError, match="at least one member and one gold item"):
        fit_mixture([], truth)
    with pytest.raises(ValueError, match="at least one member and one gold item"):
        fit_mixture([posterior[:0]], truth[:0])
    with pytest.raises(ValueError, match="2 members, 1 were given"):
        fit_mixture([posterior, posterior], truth).apply([posterior])


def test_members_that_say_nothing_have_no_temperature() -> None:
    silent = Mixture(np.zeros(2), np.zeros(3))
    assert silent.temperature == float("inf")
    assert silent.weights == (0.5, 0.5)
