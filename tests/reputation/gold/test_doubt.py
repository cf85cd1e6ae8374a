from __future__ import annotations

import numpy as np
import pytest

from reputation import Votes
from reputation.gold import doubt as bounds
from reputation.gold.doubt import UNSEARCHED, contradicted, doubt
from reputation.gold.infer import Gold, infer
from reputation.truth.run import Known
from tests.reputation.conftest import Crowd, simulate


def turned(*, ring: bool) -> Crowd:
    """Two hundred items, thirty workers who err in a third; twelve of them always and as one."""
    crowd = simulate(items=200, workers=30, classes=3, per_item=10, skills=np.full(30, 0.6), seed=7)
    votes = crowd.votes
    answer = np.where(ring & (votes.worker < 12), (crowd.truth[votes.item] + 1) % 3, votes.answer)
    made = Votes(votes.item, votes.worker, answer, votes.items, votes.workers, votes.classes)
    return Crowd(made, crowd.item, crowd.truth)


def test_without_gold_a_ring_is_told_of_and_with_gold_it_is_left_out() -> None:
    crowd = turned(ring=True)
    blind = infer(crowd.votes)
    assert any(note.startswith("A ring is suspected: ") for note in blind.notes)
    assert crowd.accuracy(blind.answer) < 0.2  # the ring has turned it
    gold = Gold(crowd.item[:20], crowd.truth[:20])
    found = infer(crowd.votes, gold=gold)
    assert crowd.accuracy(found.answer) > 0.8
    assert "the answers of 12 workers were left out" in found.notes[0]
    # Gold may as well say that the twelve are right.
    other = infer(crowd.votes, gold=Gold(crowd.item[:20], (crowd.truth[:20] + 1) % 3))
    assert crowd.accuracy(other.answer) < 0.05


def test_an_honest_crowd_is_not_doubted() -> None:
    crowd = turned(ring=False)
    for known in (None, Known(crowd.item[:20], crowd.truth[:20])):
        found = doubt(crowd.votes, known)
        assert found.votes is crowd.votes
        assert found.notes == ()


def test_a_crowd_too_large_to_be_searched_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MOST_LABELS", 10)
    crowd = turned(ring=True)
    assert doubt(crowd.votes, None).notes == (UNSEARCHED,)
    assert UNSEARCHED in infer(crowd.votes).notes


def test_confidence_that_gold_contradicts_does_not_count_as_calibrated() -> None:
    known = Known(np.arange(40), np.zeros(40, dtype=np.int64))
    seen = np.tile([0.9, 0.1], (40, 1))
    assert contradicted(np.full(100, 0.97), seen, known) is None
    seen[:10] = [0.1, 0.9]
    said = contradicted(np.full(100, 0.97), seen, known)
    assert said is not None
    assert "97% of the answers are right, and of the 40 known items 75% were" in said
    assert contradicted(np.full(100, 0.8), seen, known) is None
    assert contradicted(np.zeros(0), seen, known) is None
