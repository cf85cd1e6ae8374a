"""Worker-worker similarity beside a comparison of all pairs by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reputation import Votes
from reputation.crowd.similarity import PSEUDO_ITEMS, similarity
from tests.reputation.strategies import votes as some_votes


def by_hand(votes: Votes, at_least: int) -> dict[tuple[int, int], tuple[int, int, float]]:
    given_answers = [{} for _ in range(votes.workers)]
    for item, worker, answer in zip(votes.item, votes.worker, votes.answer, strict=True):
        given_answers[worker][int(item)] = int(answer)
    found = {}
    for left in range(votes.workers):
        for right in range(left + 1, votes.workers):
            a, b = given_answers[left], given_answers[right]
            both = set(a) & set(b)
            if len(both) < at_least:
                continue
            agreed = sum(a[item] == b[item] for item in both)
            habits = [[list(x.values()).count(k) / len(x) for k in range(votes.classes)] for x in (a, b)]
            chance = sum(p * q for p, q in zip(*habits, strict=True))
            kappa = 0.0 if chance > 1 - 1e-12 else (agreed / len(both) - chance) / (1 - chance)
            found[left, right] = len(both), agreed, kappa * len(both) / (len(both) + PSEUDO_ITEMS)
    return found


@settings(deadline=None, max_examples=60)
@given(some_votes(), st.integers(1, 3), st.integers(1, 4))
def test_every_pair_is_what_a_comparison_by_hand_finds_in_blocks_of_any_size(
    votes: Votes, at_least: int, block: int
) -> None:
    expected = by_hand(votes, at_least)
    found = similarity(votes, at_least=at_least, block=block)
    assert list(zip(found.left.tolist(), found.right.tolist(), strict=True)) == sorted(expected)
    rows = zip(found.shared, found.agreed, found.kappa, strict=True)
    for row, pair in zip(rows, sorted(expected), strict=True):
        assert row == pytest.approx(expected[pair])


def test_the_nearest_neighbours_of_two_camps_are_of_the_own_camp() -> None:
    draw = np.random.default_rng(1)
    truths = draw.integers(3, size=(2, 60))
    item, worker = np.divmod(np.arange(60 * 10), 10)
    right = draw.random(600) < 0.8
    answer = np.where(right, truths[worker % 2, item], draw.integers(3, size=600))
    near, kappa = similarity(Votes(item, worker, answer, 60, 10, 3)).neighbours(4)
    assert (near % 2 == np.arange(10)[:, None] % 2).all()
    assert (np.diff(kappa, axis=1) <= 0).all()


def test_a_worker_without_shared_items_has_no_neighbours() -> None:
    votes = Votes(np.array([0, 1]), np.array([0, 1]), np.array([0, 0]), 2, 2, 2)
    near, kappa = similarity(votes, at_least=1).neighbours(2)
    assert (near == -1).all()
    assert np.isnan(kappa).all()


def test_independent_answers_agree_by_chance_only() -> None:
    draw = np.random.default_rng(2)
    item, worker = np.divmod(np.arange(400 * 20), 20)
    answer = (draw.random(8000) < 0.2).astype(int)  # one class is rare: plain agreement is .68
    found = similarity(Votes(item, worker, answer, 400, 20, 2))
    assert abs(found.kappa.mean()) < 0.01
    assert (found.agreed / found.shared).mean() > 0.6


def test_repeats_and_empty_limits_are_refused() -> None:
    repeats = Votes(np.array([0, 0]), np.array([0, 0]), np.array([0, 1]), 1, 1, 2, repeats=True)
    with pytest.raises(ValueError, match="one answer per worker"):
        similarity(repeats)
    with pytest.raises(ValueError, match="at least 1"):
        similarity(Votes(np.array([0]), np.array([0]), np.array([0]), 1, 1, 2), at_least=0)
