"""Hypothesis strategies and simulated problems for matching."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from matching_engine import Problem

PPM = 1_000_000


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Small arbitrary problems: sparse or dense, scarce or not, with many ties, empty ones among them."""
    items, workers = draw(st.integers(0, 7)), draw(st.integers(0, 6))
    size = items * workers
    levels = draw(st.sampled_from([[0, PPM], [0, 1, 2, 3], [499_999, 500_000], list(range(0, PPM, 77_777))]))
    values = draw(st.lists(st.sampled_from(levels), min_size=size, max_size=size))
    eligible = draw(st.lists(st.sampled_from([True, True, False]), min_size=size, max_size=size))
    demand = draw(st.lists(st.integers(0, 4), min_size=items, max_size=items))
    capacity = draw(st.lists(st.integers(0, 4), min_size=workers, max_size=workers))
    return Problem(
        np.array(values, dtype=np.int64).reshape(items, workers),
        np.array(eligible, dtype=np.bool_).reshape(items, workers),
        np.array(demand, dtype=np.int64),
        np.array(capacity, dtype=np.int64),
        draw(st.binary(max_size=8)),
    )


def crowd(*, items: int, workers: int, per_item: int, slack: float, seed: int, share: float = 1.0) -> Problem:
    """Workers and items with 16-dimensional tastes and unequal skills; `slack` is capacity over demand."""
    random = np.random.default_rng(seed)
    near = random.normal(size=(items, 16)) @ random.normal(size=(16, workers)) / 16
    values = (300_000 * (1 + np.tanh(near)) + random.integers(0, 400_000, workers)).astype(np.int64)
    eligible = random.random((items, workers)) < share
    capacity = np.full(workers, int(np.ceil(items * per_item * slack / workers)))
    return Problem(values, eligible, np.full(items, per_item), capacity, b"a seed")
