from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from reputation.answers.texts import TextRun, Texts, _State, text_average, text_truth
from scripts.benches.truth import planted

Floats = NDArray[np.float64]


@st.composite
def texts(draw: st.DrawFn) -> Texts:
    items, workers = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    pair = st.tuples(st.integers(0, items - 1), st.integers(0, workers - 1))
    item, worker = np.array(draw(st.lists(pair, unique=True, min_size=1, max_size=15))).T
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return Texts(item, worker, random.normal(size=(item.size, draw(st.integers(1, 4)))), items, workers)


def quality(run: TextRun, crowd: Texts, truth: Floats) -> float:
    """The mean cosine similarity of the chosen answers to the truth."""
    chosen = crowd.embedding[run.best]
    norms = np.linalg.norm(chosen, axis=1) * np.linalg.norm(truth, axis=1)
    return float(((chosen * truth).sum(axis=1) / norms).mean())


@settings(deadline=None, max_examples=15)
@given(texts(), st.booleans())
def test_the_bound_never_falls(crowd: Texts, local: bool) -> None:
    run = text_truth(crowd, local=local, max_iterations=100)
    assert (np.diff(run.bound) >= -1e-6 * np.maximum(1, np.abs(run.bound[1:]))).all()
    for array in (run.centre, run.score, run.reliability, run.local):
        assert np.isfinite(array).all()


@settings(deadline=None, max_examples=15)
@given(texts())
def test_the_best_answer_is_the_one_of_highest_score(crowd: Texts) -> None:
    for run in (text_truth(crowd, max_iterations=20), text_average(crowd)):
        for item in range(crowd.items):
            own = np.flatnonzero(crowd.item == item)
            if own.size:
                assert run.score[run.best[item]] == run.score[own].max()
                centre, best = run.centre[item], crowd.embedding[run.best[item]]
                cosine = centre @ best / np.linalg.norm(centre) / np.linalg.norm(best)
                assert run.score[run.best[item]] == pytest.approx(cosine)
            else:
                assert run.best[item] == -1


@settings(deadline=None, max_examples=15)
@given(texts(), st.randoms(use_true_random=False))
def test_the_order_of_answers_changes_no_bit(crowd: Texts, random: object) -> None:
    order = np.arange(len(crowd))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = Texts(
        crowd.item[order], crowd.worker[order], crowd.embedding[order], crowd.items, crowd.workers
    )
    one, two = text_truth(crowd, max_iterations=20), text_truth(shuffled, max_iterations=20)
    assert one.centre.tobytes() == two.centre.tobytes()
    assert one.local[order].tobytes() == two.local.tobytes()
    assert [order[place] if place >= 0 else -1 for place in two.best] == one.best.tolist()


def test_every_update_stands_at_the_top_of_the_bound() -> None:
    crowd, _, _ = planted.texts(3)
    few = crowd.item < 5
    small = Texts(crowd.item[few], crowd.worker[few], crowd.embedding[few, :3], 5, 25)
    state = _State(small, np.linspace(0.3, 1, len(small)), 4.0)
    for _ in range(3000):
        state.step()
    top = state.bound()
    for array, place in ((state.x, (1, 2)), (state.vx, 3), (state.rate, 7)):
        for step in (1e-3, -1e-3):
            array[place] += step
            assert state.bound() <= top + 1e-9
            array[place] -= step


def test_likeness_is_the_mean_cosine_to_the_others() -> None:
    rows = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 2.0], [3.0, 0.0]])
    run = text_truth(Texts(np.array([0, 0, 0, 1]), np.array([0, 1, 2, 0]), rows, 2, 3))
    half = np.sqrt(0.5)
    assert run.local == pytest.approx([half / 2, half, half / 2, 1.0])


@pytest.mark.parametrize("seed", [0, 1])
def test_it_chooses_better_answers_than_the_average_and_knows_the_workers(seed: int) -> None:
    crowd, truth, noise = planted.texts(seed)
    run = text_truth(crowd)
    average = quality(text_average(crowd), crowd, truth)
    assert run.converged
    assert quality(run, crowd, truth) > average + 0.03
    assert quality(run, crowd, truth) > quality(text_truth(crowd, local=False), crowd, truth)
    assert run.reliability[noise < 1].min() > run.reliability[noise > 1].max()


def test_impossible_answers_are_refused() -> None:
    zero, row = np.array([0]), np.array([[1.0, 0.0]])
    none = np.empty(0, dtype=np.int64)
    with pytest.raises(ValueError, match="embedding 0 is zero or not finite"):
        Texts(zero, zero, np.array([[np.nan, 1.0]]), 1, 1)
    with pytest.raises(ValueError, match="embedding 0 is zero"):
        Texts(zero, zero, np.zeros((1, 2)), 1, 1)
    with pytest.raises(ValueError, match="two dimensions"):
        Texts(zero, zero, np.array([1.0]), 1, 1)
    with pytest.raises(ValueError, match="worker 0 answered item 0 more than once"):
        Texts(np.array([0, 0]), np.array([0, 0]), np.ones((2, 2)), 1, 1)
    with pytest.raises(ValueError, match="no answers"):
        text_truth(Texts(none, none, np.empty((0, 2)), 1, 1))
    with pytest.raises(ValueError, match="must be positive"):
        text_truth(Texts(zero, zero, row, 1, 1), worker_labels=0)
