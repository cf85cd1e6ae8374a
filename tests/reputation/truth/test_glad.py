from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray

from reputation import TruthRun, Votes, majority_vote
from reputation.truth.glad import glad
from reputation.truth.run import Known
from tests.reputation.strategies import votes

Floats = NDArray[np.float64]


def planted(classes: int, seed: int = 0) -> tuple[Votes, NDArray[np.int64], Floats]:
    """400 items, half hard, 30 workers, 8 an item; ten workers guess, four answer against their knowledge."""
    random = np.random.default_rng(seed)
    truth = random.integers(classes, size=400)
    ability = np.repeat([2.5, 0.0, -1.5], [16, 10, 4])
    ease = np.where(np.arange(400) % 2, 1.6, 0.5)
    item = np.repeat(np.arange(400), 8)
    worker = np.concatenate([random.permutation(30)[:8] for _ in range(400)])
    right = random.random(item.size) < 1 / (1 + np.exp(-ability[worker] * ease[item]))
    answer = (truth[item] + np.where(right, 0, random.integers(1, classes, size=item.size))) % classes
    return Votes(item, worker, answer, 400, 30, classes), truth, ability


def naive_joint(crowd: Votes, ability: Floats, ease: Floats) -> float:
    """log of P(votes, abilities, easiness), all products written out."""
    total = -sum((a - 1) ** 2 for a in ability) / 2 - sum((g - 1) ** 2 for g in ease) / 2
    for i in range(crowd.items):
        joint = [1 / crowd.classes] * crowd.classes
        for j, w, answer in zip(crowd.item, crowd.worker, crowd.answer, strict=True):
            if i == j:
                right = 1 / (1 + math.exp(-ability[w] * math.exp(ease[i])))
                wrong = (1 - right) / (crowd.classes - 1)
                joint = [p * (right if k == answer else wrong) for k, p in enumerate(joint)]
        total += math.log(sum(joint))
    return float(total)


@settings(deadline=None, max_examples=10)
@given(votes())
def test_the_density_never_falls_and_a_run_is_made_of_distributions(crowd: Votes) -> None:
    run = glad(crowd, max_iterations=20)
    assert (np.diff(run.log_likelihood) >= -1e-9).all()
    for rows in (run.posterior, run.confusion, run.prevalence):
        assert rows.sum(axis=-1) == pytest.approx(1, abs=1e-12)


def test_what_is_found_is_a_top_of_the_density_written_out() -> None:
    import torch

    from reputation.truth import glad as module
    from reputation.truth.votewise import Votewise

    random = np.random.default_rng(5)
    item, worker = (grid.ravel() for grid in np.meshgrid(np.arange(4), np.arange(3)))
    crowd = Votes(item, worker, random.integers(3, size=12), 4, 3, 3)
    data = Votewise.of(crowd, "cpu", None)
    now = module._Parameters(torch.ones(3, dtype=torch.float64), torch.ones(4, dtype=torch.float64))
    for _ in range(400):
        posterior, value = module._e_step(data, now)
        now = module._m_step(data, now, posterior)
    ability, ease = now.ability.numpy(), now.ease.numpy()
    top = naive_joint(crowd, ability, ease)
    assert value == pytest.approx(top, abs=1e-9)
    for array in (ability, ease):
        for place in range(array.size):
            for step in (1e-4, -1e-4):
                array[place] += step
                assert naive_joint(crowd, ability, ease) <= top + 1e-11
                array[place] -= step


@pytest.mark.parametrize("classes", [2, 4])
def test_it_sees_through_guesses_and_contrarians(classes: int) -> None:
    crowd, truth, ability = planted(classes)
    run = glad(crowd)
    assert run.converged
    majority = float((majority_vote(crowd).answer == truth).mean())
    assert (run.posterior.argmax(axis=1) == truth).mean() > majority + 0.015
    right = np.diagonal(run.confusion, axis1=1, axis2=2).mean(axis=1)
    assert right[ability > 1].min() > right[ability == 0].max() > right[ability < 0].max()


def same(one: TruthRun, other: TruthRun) -> bool:
    return one.posterior.tobytes() == other.posterior.tobytes() and one.log_likelihood == other.log_likelihood


def test_the_order_of_votes_changes_no_bit() -> None:
    crowd, _, _ = planted(3)
    order = np.random.default_rng(1).permutation(len(crowd))
    shuffled = Votes(crowd.item[order], crowd.worker[order], crowd.answer[order], 400, 30, 3)
    assert same(glad(crowd, max_iterations=10), glad(shuffled, max_iterations=10))


def test_a_known_answer_is_kept_and_teaches_about_workers() -> None:
    crowd, truth, _ = planted(2)
    wrong = np.flatnonzero(glad(crowd).posterior.argmax(axis=1) != truth)[:5]
    run = glad(crowd, known=Known(wrong, truth[wrong]))
    assert (run.posterior[wrong, truth[wrong]] == 1).all()
    with pytest.raises(ValueError, match="known item indices"):
        glad(crowd, known=Known(np.array([400]), np.array([0])))


def test_an_item_without_votes_gets_every_class_alike_and_nothing_comes_from_nothing() -> None:
    run = glad(Votes(np.array([0]), np.array([0]), np.array([1]), 2, 2, 4))
    assert run.posterior[1] == pytest.approx([0.25] * 4)
    none = np.empty(0, dtype=np.int64)
    with pytest.raises(ValueError, match="no votes"):
        glad(Votes(none, none, none, 1, 1, 2))


def test_more_classes_than_memory_are_refused_before_anything_is_made() -> None:
    many = Votes(np.array([0, 1]), np.array([0, 0]), np.array([0, 1]), 10**6, 10**4, 10**5)
    with pytest.raises(ValueError, match="this machine has"):
        glad(many)
