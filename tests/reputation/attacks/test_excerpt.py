from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reputation import Votes
from reputation.attacks import excerpt as bounds
from reputation.attacks import settle_allowed
from reputation.attacks.excerpt import excerpt
from reputation.truth.run import Known
from tests.reputation.strategies import votes


def crowd(*, items: int, workers: int, classes: int, per_item: int, ring: bool) -> Votes:
    """Workers who are right on seven items in ten; of the ring two fifths, who always name the next class."""
    random = np.random.default_rng(3)
    truth = random.integers(classes, size=items)
    item = np.repeat(np.arange(items), per_item)
    first, step = (
        random.integers(workers, size=(items, 1)),
        random.integers(1, workers // per_item, (items, 1)),
    )
    worker = ((first + step * np.arange(per_item)) % workers).ravel()
    answer = np.where(random.random(item.size) < 0.7, truth[item], random.integers(classes, size=item.size))
    if ring:
        answer = np.where(worker < 0.4 * workers, (truth[item] + 1) % classes, answer)
    return Votes(item, worker, answer, items, workers, classes)


@settings(deadline=None, max_examples=50)
@given(votes(at_least=1), st.integers(2, 3), st.integers(1, 40), st.integers(0, 9))
def test_an_excerpt_keeps_to_its_bounds_and_is_the_same_in_any_order(
    made: Votes, classes: int, cells: int, pairs: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bounds, "MOST_CLASSES", classes)
        patch.setattr(bounds, "MOST_CELLS", cells)
        patch.setattr(bounds, "MOST_PAIRS", pairs)
        order = np.random.default_rng(len(made)).permutation(len(made))
        other = Votes(
            made.item[order], made.worker[order], made.answer[order], made.items, made.workers, made.classes
        )
        known = Known(made.item[:1], made.answer[:1])
        one, again = excerpt(made, known), excerpt(other, known)
    labels = np.bincount(one.votes.item, minlength=one.votes.items)
    assert one.votes.classes <= max(classes, 2)
    within = len(one.votes) * one.votes.classes <= cells and (labels * (labels - 1) // 2).sum() <= pairs
    assert within or one.votes.items == 1
    assert np.array_equal(one.votes.tally(), again.votes.tally())
    assert one.votes.workers == made.workers
    assert one.known is not None
    assert one.known.item.size == 1  # known items come first
    assert not one.whole or one.votes is made


@pytest.mark.parametrize(("classes", "items"), [(3, 17_000), (200, 1_500)])
def test_a_ring_is_found_in_an_excerpt_and_an_honest_crowd_is_let_through(classes: int, items: int) -> None:
    shape = {"items": items, "workers": 25 if classes > 3 else 300, "classes": classes, "per_item": 10}
    attacked = crowd(**shape, ring=True)
    assert not excerpt(attacked).whole
    verdict = settle_allowed(attacked)
    assert not verdict.allowed
    camp = np.zeros(attacked.workers, dtype=bool)
    camp[verdict.workers] = True
    ring = np.arange(attacked.workers) < 0.4 * attacked.workers
    assert np.array_equal(camp, ring) or np.array_equal(camp, ~ring)  # without gold either may be named
    assert settle_allowed(crowd(**shape, ring=False)).allowed


def test_a_small_crowd_is_looked_at_whole() -> None:
    made = crowd(items=100, workers=25, classes=3, per_item=5, ring=True)
    found = excerpt(made)
    assert found.whole
    assert found.votes is made
