"""Forgetting and change detection: planted changes, and the rate of false alarms by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from reputation import Votes
from reputation.crowd.drift import changes, recent_skill

LABELS = 120


def crowd(seed: int, workers: int, skill: np.ndarray) -> tuple[Votes, np.ndarray, np.ndarray]:
    """Everybody answers every item in order, with a skill [labels] or [labels, workers]."""
    draw = np.random.default_rng(seed)
    item, worker = np.divmod(np.arange(LABELS * workers), workers)
    truth = draw.integers(2, size=LABELS)
    chance = np.broadcast_to(skill.reshape(LABELS, -1), (LABELS, workers))
    right = draw.random(item.size) < chance[item, worker]
    votes = Votes(item, worker, np.where(right, truth[item], 1 - truth[item]), LABELS, workers, 2)
    return votes, np.eye(2)[truth], item * 10


@pytest.mark.parametrize("against_colleagues", [False, True])
def test_unchanged_workers_are_reported_no_more_often_than_stated(against_colleagues: bool) -> None:
    votes, posterior, times = crowd(1, 3000, np.full(LABELS, 0.8))
    found = changes(votes, posterior, times, false_alarms=0.05, against_colleagues=against_colleagues)
    assert 0.01 <= found.changed.mean() <= 0.055


def test_a_worker_who_stops_caring_is_found_and_when() -> None:
    skill = np.full((LABELS, 40), 0.9)
    skill[70:, :4] = 0.5
    found = changes(*crowd(2, 40, skill), false_alarms=0.01)
    assert found.changed[:4].all()
    assert found.changed[4:].mean() <= 0.06
    assert (abs(found.after[:4] - 70) <= 12).all()
    assert (found.after_mean[:4] < found.before_mean[:4] - 0.2).all()


def test_harder_items_later_are_no_change_of_anybody() -> None:
    skill = np.where(np.arange(LABELS) < 60, 0.95, 0.6)
    votes, posterior, times = crowd(3, 200, skill)
    assert changes(votes, posterior, times, false_alarms=0.05).changed.mean() <= 0.06
    plain = changes(votes, posterior, times, false_alarms=0.05, against_colleagues=False)
    assert plain.changed.mean() > 0.9


def test_harder_items_later_are_seen_as_such_with_few_colleagues_on_an_item() -> None:
    draw = np.random.default_rng(1)
    items, workers, per_item = 4000, 200, 4
    item = np.repeat(np.arange(items), per_item)
    worker = np.concatenate([draw.permutation(workers)[:per_item] for _ in range(items)])
    own = draw.beta(8, 2, size=workers)[worker]
    skill = np.where(item < items // 2, 0.5 + own / 2, 0.2 + 0.6 * own)
    truth = draw.integers(2, size=items)
    answer = np.where(draw.random(item.size) < skill, truth[item], 1 - truth[item])
    found = changes(Votes(item, worker, answer, items, workers, 2), np.eye(2)[truth], item, false_alarms=0.05)
    assert found.changed.mean() <= 0.09


def test_few_or_equal_outcomes_are_no_evidence_of_change() -> None:
    votes = Votes(np.arange(12), np.array([0] * 3 + [1] * 9), np.zeros(12, int), 12, 3, 2)
    found = changes(votes, np.tile([0.9, 0.1], (12, 1)), np.arange(12))
    assert found.p_value.tolist() == [1, 1, 1]
    assert found.after.tolist() == [-1, -1, -1]
    assert not found.changed.any()


def test_recent_skill_is_the_weighted_mean_that_the_half_life_says() -> None:
    votes, posterior, times = crowd(4, 6, np.full(LABELS, 0.7))
    found = recent_skill(votes, posterior, times, half_life=10)
    weight = 0.5 ** ((LABELS - 1 - np.arange(LABELS)) / 10)
    right = (votes.answer.reshape(LABELS, 6) == posterior.argmax(1)[:, None]).astype(float)
    labels = weight.sum() ** 2 / (weight**2).sum()
    np.testing.assert_allclose(found.labels, labels)
    mean = weight @ right / weight.sum()
    between = found.strength[0] - labels
    crowd_mean = (found.mean * found.strength - labels * mean) / between
    np.testing.assert_allclose(crowd_mean, crowd_mean[0], atol=1e-9)


def test_recent_skill_follows_a_change_and_covers_what_is_true_now() -> None:
    skill = np.random.default_rng(0).beta(12, 4, size=(1, 200)).repeat(LABELS, axis=0)
    skill[60:, :100] = 0.5
    found = recent_skill(*crowd(5, 200, skill), half_life=20)
    low, high = found.interval()
    assert found.mean[:100].mean() < found.mean[100:].mean() - 0.12
    assert 0.82 <= ((low <= skill[-1]) & (skill[-1] <= high)).mean() <= 0.97


def test_the_order_in_which_labels_are_given_changes_nothing() -> None:
    votes, posterior, times = crowd(6, 8, np.full(LABELS, 0.8))
    order = np.random.default_rng(1).permutation(len(votes))
    other = Votes(votes.item[order], votes.worker[order], votes.answer[order], LABELS, 8, 2)
    here, there = changes(votes, posterior, times), changes(other, posterior, times[order])
    np.testing.assert_allclose(here.p_value, there.p_value, rtol=1e-9)
    np.testing.assert_array_equal(here.after, there.after)
    np.testing.assert_allclose(
        recent_skill(votes, posterior, times).mean, recent_skill(other, posterior, times[order]).mean
    )


def test_what_does_not_fit_is_refused() -> None:
    votes, posterior, times = crowd(7, 2, np.full(LABELS, 0.8))
    with pytest.raises(ValueError, match="times"):
        changes(votes, posterior, times[1:])
    with pytest.raises(ValueError, match="false alarms"):
        changes(votes, posterior, times, false_alarms=1.0)
    with pytest.raises(ValueError, match="half-life"):
        recent_skill(votes, posterior, times, half_life=0)
