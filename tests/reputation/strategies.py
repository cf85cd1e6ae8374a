"""Hypothesis strategies for votes and parameters."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from reputation import Parameters, Votes

PPM = 1_000_000


@st.composite
def votes(draw: st.DrawFn, *, at_least: int = 1) -> Votes:
    """Small arbitrary crowds, with silent workers and items without labels among them."""
    items, workers, classes = draw(st.integers(1, 8)), draw(st.integers(1, 6)), draw(st.integers(2, 4))
    pairs = st.tuples(st.integers(0, items - 1), st.integers(0, workers - 1))
    chosen = draw(st.lists(pairs, unique=True, min_size=min(at_least, items * workers), max_size=40))
    answers = draw(st.lists(st.integers(0, classes - 1), min_size=len(chosen), max_size=len(chosen)))
    item = np.array([pair[0] for pair in chosen], dtype=np.int64)
    worker = np.array([pair[1] for pair in chosen], dtype=np.int64)
    return Votes(item, worker, np.array(answers, dtype=np.int64), items, workers, classes)


@st.composite
def ppm_row(draw: st.DrawFn, classes: int) -> list[int]:
    cuts = sorted(draw(st.lists(st.integers(0, PPM - classes), min_size=classes - 1, max_size=classes - 1)))
    return [b - a + 1 for a, b in zip([0, *cuts], [*cuts, PPM - classes], strict=True)]


@st.composite
def parameters(draw: st.DrawFn, workers: int, classes: int) -> Parameters:
    rows = [[draw(ppm_row(classes)) for _ in range(classes)] for _ in range(workers)]
    return Parameters(np.array(draw(ppm_row(classes))), np.array(rows).reshape(workers, classes, classes))
