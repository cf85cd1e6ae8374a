from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reputation import Known, Votes, majority_vote
from reputation.truth.one_coin import OneCoinRun, one_coin, one_coin_sparse
from tests.reputation.conftest import simulate
from tests.reputation.strategies import votes
from tests.reputation.truth import plain

SKILLS = np.linspace(0.3, 0.95, 20)
CROWD = simulate(items=800, workers=20, classes=5, per_item=5, skills=SKILLS, seed=3)


def naive(crowd: Votes, steps: int) -> tuple[plain.Array, plain.Array, plain.Array]:
    """Posterior, skills and prevalence after so many steps, over dense arrays."""
    k, labels = crowd.classes, crowd.labels_per_worker()
    tally = crowd.tally().astype(float)
    some = tally.sum(axis=1, keepdims=True) > 0
    posterior = np.where(some, tally / np.maximum(tally.sum(axis=1, keepdims=True), 1), 1 / k)
    for step in range(steps + 2):
        right = np.zeros(crowd.workers)
        np.add.at(right, crowd.worker, posterior[crowd.item, crowd.answer])
        community = (right.sum() + 4 * crowd.workers) / (labels.sum() + 5 * crowd.workers)
        skill = (right + 2 * community) / (labels + 2)
        prevalence = np.full(k, 1 / k)
        if step == steps + 1:
            break
        joint = np.tile(np.log(prevalence), (crowd.items, 1))
        for i, w, a in zip(crowd.item, crowd.worker, crowd.answer, strict=True):
            joint[i] += np.where(np.arange(k) == a, np.log(skill[w]), np.log((1 - skill[w]) / (k - 1)))
        posterior = np.exp(joint) / np.exp(joint).sum(axis=1, keepdims=True)
    return posterior, skill, prevalence


@settings(deadline=None, max_examples=40)
@given(votes(), st.integers(1, 4))
def test_the_sparse_form_is_the_dense_one(crowd: Votes, steps: int) -> None:
    run = one_coin(crowd, tolerance_ppm=1, max_iterations=steps)
    if run.iterations == steps:
        posterior, _, _ = naive(crowd, steps)
        _, skill, prevalence = naive(crowd, steps - 1)
        assert run.posterior == pytest.approx(posterior, abs=1e-8)
        assert np.diagonal(run.confusion, axis1=1, axis2=2) == pytest.approx(
            np.repeat(skill[:, None], crowd.classes, axis=1), abs=1e-8
        )
        assert run.prevalence == pytest.approx(prevalence, abs=1e-8)


@settings(deadline=None, max_examples=20)
@given(votes().filter(lambda crowd: crowd.items <= 4 and crowd.classes <= 3))
def test_the_log_likelihood_is_that_of_every_possible_truth(crowd: Votes) -> None:
    run = one_coin(crowd, max_iterations=1)
    again = one_coin(crowd, max_iterations=2)
    if again.iterations == 2:
        table = np.log(run.confusion)
        total = [
            plain.log_joint(crowd, truth, np.log(run.prevalence), table)
            for truth in itertools.product(range(crowd.classes), repeat=crowd.items)
        ]
        assert again.log_likelihood[1] == pytest.approx(float(np.logaddexp.reduce(total)), abs=1e-8)


def test_it_recovers_skills_and_answers() -> None:
    run = one_coin_sparse(CROWD.votes)
    answer, probability = run.best()
    assert run.converged
    assert np.abs(run.skill - SKILLS).max() < 0.1
    assert CROWD.accuracy(answer) > CROWD.accuracy(majority_vote(CROWD.votes).answer) + 0.02
    assert probability.mean() == pytest.approx(CROWD.accuracy(answer), abs=0.03)


def test_a_hundred_thousand_classes_of_one_vote_take_no_room() -> None:
    many = np.arange(100_000)
    run = one_coin_sparse(Votes(many // 2, many % 300, many, 50_000, 300, 100_000), max_iterations=20)
    answer, probability = run.best()
    assert run.item.size == 100_000
    assert (answer // 2 == np.arange(50_000)).all()
    assert probability.max() <= 1
    totals = np.bincount(run.item, run.probability) + run.rest
    assert totals == pytest.approx(np.ones(50_000), abs=1e-9)
    assert run.prevalence.sum() == pytest.approx(1)


def pieces(run: OneCoinRun) -> list[bytes]:
    return [part.tobytes() for part in (run.item, run.answer, run.probability, run.rest, run.skill)]


def test_the_order_of_votes_changes_no_bit() -> None:
    crowd = CROWD.votes
    order = np.random.default_rng(0).permutation(len(crowd))
    moved = Votes(crowd.item[order], crowd.worker[order], crowd.answer[order], 800, 20, 5)
    assert pieces(one_coin_sparse(crowd)) == pieces(one_coin_sparse(moved))


def test_a_known_class_that_nobody_answered_is_still_the_items_class() -> None:
    crowd = Votes(np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([0, 0, 1]), 2, 2, 4)
    run = one_coin(crowd, known=Known(np.array([0]), np.array([3])))
    assert run.posterior[0].tolist() == [0, 0, 0, 1]
    free = one_coin(crowd)
    assert run.confusion[1, 0, 0] < free.confusion[1, 0, 0]
