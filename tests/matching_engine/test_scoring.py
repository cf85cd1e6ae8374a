from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from matching_engine import score
from matching_engine.scoring import Weights

PPM = 1_000_000


def unit(rows: int, seed: int) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).normal(size=(rows, 8))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@given(
    st.integers(0, 6),
    st.integers(0, 6),
    st.integers(0, 2**31),
    st.integers(0, PPM),
    st.integers(0, PPM // 2),
)
def test_values_are_ppm_and_nothing_without_a_common_language(
    items: int, workers: int, seed: int, skill: int, error: int
) -> None:
    common = np.random.default_rng(seed).random((items, workers)) < 0.5
    value = score(
        unit(workers, seed),
        unit(items, seed + 1),
        np.full(workers, skill),
        common,
        standard_error_ppm=np.full(workers, error),
    )
    assert value.shape == (items, workers)
    assert value.dtype == np.int64
    assert ((value >= 0) & (value <= PPM)).all()
    assert (value[~common] == 0).all()


def test_a_perfect_match_is_worth_a_million() -> None:
    one = unit(1, 3)
    everything = score(one, one, np.array([PPM]), np.array([[True]]), standard_error_ppm=np.array([PPM // 2]))
    assert everything.tolist() == [[PPM]]


def test_nearer_abler_and_less_known_workers_are_worth_more() -> None:
    here, there = np.eye(2, dtype=np.float32)
    workers = np.stack([there, here, here, here])
    skill = np.array([600_000, 600_000, 700_000, 700_000])
    error = np.array([10_000, 10_000, 10_000, 90_000])
    value = score(workers, here[None], skill, np.ones((1, 4), bool), standard_error_ppm=error)[0]
    assert (np.diff(value) > 0).all()
    assert value[0] == (400_000 * 500_000 + 500_000 * 600_000 + 100_000 * 20_000) // PPM


def test_who_says_nothing_counts_as_neither_near_nor_far() -> None:
    silent = np.zeros((1, 8), dtype=np.float32)
    value = score(silent, unit(1, 1), np.array([0]), np.array([[True]]), standard_error_ppm=np.array([0]))
    assert value.tolist() == [[200_000]]


def test_numbers_out_of_range_are_refused() -> None:
    for skill, error in ((PPM + 1, 0), (-1, 0), (0, PPM), (0, -1)):
        with pytest.raises(ValueError, match="ppm"):
            score(
                unit(1, 1),
                unit(1, 1),
                np.array([skill]),
                np.array([[True]]),
                standard_error_ppm=np.array([error]),
            )
    with pytest.raises(ValueError, match="must be"):
        score(unit(2, 1), unit(1, 1), np.array([0]), np.array([[True]]))
    with pytest.raises(ValueError, match="sum to at most"):
        Weights(similarity_ppm=900_000)
