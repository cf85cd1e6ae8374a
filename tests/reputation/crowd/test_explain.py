"""Explanations: they add up, and say what the evidence is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from reputation import Votes
from reputation.crowd.explain import explain
from reputation.crowd.skill import skills
from reputation.truth.run import Known
from tests.reputation.conftest import simulate
from tests.reputation.strategies import votes as some_votes


@settings(deadline=None, max_examples=40)
@given(some_votes())
def test_start_and_contributions_are_the_score_for_every_worker(votes: Votes) -> None:
    tally = votes.tally() + 0.5
    posterior, gold = tally / tally.sum(axis=1, keepdims=True), Known(np.array([0]), np.array([1]))
    found = skills(votes, posterior, gold=gold)
    for worker in range(votes.workers):
        told = explain(votes, posterior, found, worker, gold=gold)
        assert told.start + sum(part.points for part in told.contributions) == pytest.approx(told.score)
        assert told.score == found.mean[worker]
        pieces = [part for part in told.contributions if part.item >= 0]
        assert len(pieces) == votes.labels_per_worker()[worker]
        assert all(part.right in (0, 1) for part in pieces if part.kind == "gold")


def test_the_score_before_gold_follows_from_the_labels_contributions_alone() -> None:
    crowd = simulate(items=60, workers=8, classes=2, per_item=4, skills=np.linspace(0.5, 0.95, 8), seed=1)
    posterior = np.where(np.eye(2)[crowd.truth] == 1, 0.85, 0.15)
    found = skills(crowd.votes, posterior)
    mine = crowd.votes.worker == 3
    chance = posterior[crowd.votes.item[mine], crowd.votes.answer[mine]]
    expected = (chance.sum() + found.crowd_labels * found.crowd_mean) / (mine.sum() + found.crowd_labels)
    told = explain(crowd.votes, posterior, found, 3)
    assert told.start + told.total("label") == pytest.approx(expected)


def test_a_wrong_gold_answer_pulls_down_and_a_right_one_up() -> None:
    crowd = simulate(items=60, workers=8, classes=2, per_item=4, skills=np.full(8, 0.7), seed=2)
    gold = Known(crowd.item[:40], crowd.truth[:40])
    posterior = np.where(np.eye(2)[crowd.truth] == 1, 0.85, 0.15)
    told = explain(crowd.votes, posterior, skills(crowd.votes, posterior, gold=gold), 0, gold=gold)
    golden = [part for part in told.contributions if part.kind == "gold"]
    assert {part.right for part in golden} == {0.0, 1.0}
    assert all((part.points > 0) == bool(part.right) for part in golden)
    # What is left over is small beside the evidence.
    assert abs(told.total("averaging")) < 0.02


def test_reasons_are_sentences_with_the_names_given() -> None:
    votes = Votes(np.array([0, 1, 2, 0]), np.array([0, 0, 0, 1]), np.array([0, 1, 1, 0]), 3, 2, 2)
    posterior = np.array([[0.9, 0.1], [0.95, 0.05], [0.5, 0.5]])
    gold = Known(np.array([2]), np.array([1]))
    told = explain(votes, posterior, skills(votes, posterior, gold=gold), 0, gold=gold)
    text = told.reasons(3, items=("robin", "wren", "owl"), answers=("no", "yes"))
    assert text[0].startswith("The score is ")
    assert any(line.startswith("2 labels on inferred items, 47.5% of them expected right:") for line in text)
    assert any(line.startswith("1 gold answer, 1 right: +") for line in text)
    assert any(line.startswith("Gold item 'owl': answer 'yes' is right: +") for line in text)
    assert any(
        line.startswith("Item 'wren': answer 'yes' is right with probability 0.05: -") for line in text
    )
    strongest = told.strongest(len(told.contributions))
    assert [abs(part.points) for part in strongest] == sorted(
        (abs(part.points) for part in told.contributions), reverse=True
    )


def test_no_such_worker_is_refused() -> None:
    votes = Votes(np.array([0]), np.array([0]), np.array([0]), 1, 1, 2)
    posterior = np.array([[0.7, 0.3]])
    with pytest.raises(ValueError, match="worker 1"):
        explain(votes, posterior, skills(votes, posterior), 1)
