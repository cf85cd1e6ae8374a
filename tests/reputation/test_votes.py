from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reputation import Votes, majority_vote
from tests.reputation.strategies import votes


def of(item: list[int], worker: list[int], answer: list[int], **more: bool) -> Votes:
    return Votes(np.array(item), np.array(worker), np.array(answer), 3, 3, 2, **more)


@given(votes(at_least=0))
def test_the_majority_answer_has_the_most_votes(crowd: Votes) -> None:
    tally, run = crowd.tally(), majority_vote(crowd)
    chosen = tally[np.arange(crowd.items), run.answer]
    assert (chosen == tally.max(axis=1)).all()
    assert (run.tied == ((tally == chosen[:, None]).sum(axis=1) > 1)).all()
    assert tally.sum() == len(crowd)


@given(votes(), st.randoms(use_true_random=False))
def test_the_order_of_votes_does_not_matter_to_the_majority(crowd: Votes, random: object) -> None:
    order = np.arange(len(crowd))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = Votes(
        crowd.item[order], crowd.worker[order], crowd.answer[order], crowd.items, crowd.workers, crowd.classes
    )
    assert (majority_vote(shuffled).answer == majority_vote(crowd).answer).all()


def test_ties_favour_no_class() -> None:
    items, classes = 3000, 3
    item = np.repeat(np.arange(items), classes)
    answer = np.tile(np.arange(classes), items)
    run = majority_vote(Votes(item, answer, answer, items, classes, classes))
    won = np.bincount(run.answer, minlength=classes)
    assert run.tied.all()
    # Six standard deviations of a fair three-way lottery.
    assert np.abs(won - items / classes).max() < 6 * np.sqrt(items * 2 / 9)


@pytest.mark.parametrize(
    ("item", "worker", "answer", "message"),
    [
        ([0, 0], [1, 1], [0, 1], "worker 1 answered item 0 more than once"),
        ([3], [0], [0], "item indices must be in 0..2"),
        ([0], [-1], [0], "worker indices"),
        ([0], [0], [2], "answer indices must be in 0..1"),
        ([0, 1], [0], [0], "same length"),
    ],
)
def test_impossible_votes_are_refused(
    item: list[int], worker: list[int], answer: list[int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        of(item, worker, answer)


def test_answers_that_are_no_integers_are_refused() -> None:
    with pytest.raises(ValueError, match="integers"):
        Votes(np.array([0]), np.array([0]), np.array([0.5]), 1, 1, 2)  # type: ignore[arg-type]


def test_repeats_are_taken_where_they_are_meant() -> None:
    assert len(of([0, 0], [1, 1], [0, 1], repeats=True)) == 2


def test_votes_cannot_be_changed_afterwards() -> None:
    source = np.array([0, 1])
    crowd = Votes(source, np.array([0, 0]), np.array([0, 0]), 2, 1, 2)
    source[0] = 1
    assert crowd.item.tolist() == [0, 1]
    with pytest.raises(ValueError, match="read-only"):
        crowd.answer[0] = 1
