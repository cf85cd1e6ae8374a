import numpy as np
import pytest

from reputation import Votes
from reputation.gold.features import fit_head, held_out_gain, join_features
from reputation.gold.infer import UNHELPFUL, infer
from reputation.gold.models import join_worker
from tests.reputation.conftest import Crowd, simulate


def few_answers(seed: int) -> Crowd:
    skills = np.linspace(0.5, 0.9, 30)
    return simulate(items=400, workers=30, classes=3, per_item=3, skills=skills, seed=seed)


def telling(crowd: Crowd, noise: float, seed: int = 0) -> np.ndarray:
    """Features that say which class an item is of, in units that differ by a million."""
    random = np.random.default_rng(seed)
    signal = np.eye(3)[crowd.truth] + noise * random.normal(size=(crowd.truth.size, 3))
    return np.hstack([signal * 1e6, random.normal(size=(crowd.truth.size, 5))])


def test_features_that_tell_the_class_make_a_thin_crowd_right() -> None:
    crowd = few_answers(1)
    alone, helped = infer(crowd.votes), infer(crowd.votes, features=telling(crowd, 0.5))
    assert crowd.accuracy(alone.answer) < 0.85
    assert crowd.accuracy(helped.answer) > crowd.accuracy(alone.answer) + 0.05
    assert helped.members[0].confusion.shape[0] == 31
    assert UNHELPFUL not in helped.notes


def test_features_of_pure_noise_are_left_out_and_said_to_be() -> None:
    crowd = few_answers(2)
    noise = np.random.default_rng(3).normal(size=(400, 8))
    alone, told = infer(crowd.votes), infer(crowd.votes, features=noise)
    assert UNHELPFUL in told.notes
    np.testing.assert_array_equal(alone.posterior, told.posterior)


def test_the_same_seed_gives_the_same_head() -> None:
    crowd = few_answers(4)
    features = telling(crowd, 0.5)
    first, second, other = (join_features(crowd.votes, features, seed=seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.votes.answer, second.votes.answer)
    assert first.gain == second.gain
    assert first.gain != other.gain


def test_the_head_never_sees_the_item_it_answers() -> None:
    """Each item's class is written into a feature of its own: who has seen the item knows it, who has not
    can only guess."""
    random = np.random.default_rng(7)
    truth = random.integers(2, size=60)
    head = fit_head(np.eye(60), np.eye(2)[truth], np.arange(60) % 5)
    assert ((head.probability.argmax(axis=1) == truth).mean()) < 0.75
    assert head.loss > 0.6


def test_a_class_that_a_fold_has_never_met_keeps_a_little_probability() -> None:
    posterior = np.eye(3)[np.array([0, 1] * 10 + [2])]
    head = fit_head(np.random.default_rng(8).normal(size=(21, 2)), posterior, np.arange(21) % 3)
    assert (head.probability > 0).all()
    np.testing.assert_allclose(head.probability.sum(axis=1), 1)


def test_items_of_one_class_alone_need_no_head() -> None:
    head = fit_head(np.ones((6, 1)), np.eye(2)[np.zeros(6, dtype=int)], np.arange(6) % 3)
    assert head.probability.argmax(axis=1).tolist() == [0] * 6


def test_a_worker_who_knows_makes_held_out_answers_more_probable() -> None:
    crowd = few_answers(9)
    fold = np.random.default_rng(10).permutation(np.arange(len(crowd.votes)) % 5)
    knows = join_worker(crowd.votes, crowd.item, crowd.truth)
    guesses, others = (
        join_worker(crowd.votes, crowd.item, np.random.default_rng(seed).integers(3, size=400))
        for seed in (11, 12)
    )
    gain, error = held_out_gain(crowd.votes, knows, others, fold)
    assert gain > 4 * error
    gain, error = held_out_gain(crowd.votes, guesses, others, fold)
    assert abs(gain) < 2 * error


@pytest.mark.parametrize("features", [np.ones(4), np.ones((3, 2)), np.ones((4, 0)), np.full((4, 2), np.nan)])
def test_features_that_do_not_fit_the_items_are_refused(features: np.ndarray) -> None:
    votes = Votes(np.arange(4), np.zeros(4, dtype=int), np.array([0, 1, 0, 1]), 4, 1, 2)
    with pytest.raises(ValueError, match="features"):
        join_features(votes, features)
