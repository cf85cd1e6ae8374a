import numpy as np
import pytest

from reputation import Votes
from reputation.gold.models import ModelVotes, join_models

CROWD = Votes(np.array([0, 0, 1, 2]), np.array([0, 1, 0, 1]), np.array([0, 1, 1, 0]), 3, 2, 2)


def test_ten_runs_of_one_model_are_one_worker_with_one_answer_to_an_item() -> None:
    runs = ModelVotes(np.tile([0, 2], 10), np.array([1, 0] * 7 + [0, 1] * 3))
    joined = join_models(CROWD, [runs])
    assert joined.workers == 3
    ours = joined.worker == 2
    assert joined.item[ours].tolist() == [0, 2]
    assert joined.answer[ours].tolist() == [1, 0]
    assert not joined.repeats


def test_two_models_are_two_workers_after_the_crowd() -> None:
    one, other = ModelVotes(np.array([1]), np.array([0])), ModelVotes(np.array([1, 0]), np.array([1, 1]))
    joined = join_models(CROWD, [one, other])
    assert joined.labels_per_worker().tolist() == [2, 2, 1, 2]
    assert joined.item[: len(CROWD)].tolist() == CROWD.item.tolist()


def test_a_model_that_answered_nothing_is_still_a_worker() -> None:
    nothing = ModelVotes(np.array([], dtype=np.int64), np.array([], dtype=np.int64))
    assert join_models(CROWD, [nothing]).labels_per_worker().tolist() == [2, 2, 0]


def test_a_models_tie_is_drawn_by_lot_and_repeatably() -> None:
    torn = ModelVotes(np.repeat(np.arange(100), 2), np.tile([0, 1], 100))
    item, answer = torn.merged(100, 2)
    assert item.tolist() == list(range(100))
    assert 30 < answer.sum() < 70
    assert answer.tolist() == torn.merged(100, 2)[1].tolist()


@pytest.mark.parametrize(
    ("item", "answer"), [([0, 1], [0]), ([[0]], [[0]]), ([0.5], [0])], ids=["length", "shape", "fractions"]
)
def test_answers_that_are_not_aligned_integers_are_refused(item: list, answer: list) -> None:
    with pytest.raises(ValueError, match="model"):
        ModelVotes(np.array(item), np.array(answer))


def test_an_answer_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"answer indices must be in 0\.\.1"):
        join_models(CROWD, [ModelVotes(np.array([0]), np.array([2]))])
