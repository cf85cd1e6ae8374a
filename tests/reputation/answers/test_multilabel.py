from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from reputation.answers.multilabel import LabelSetPrior, LabelSets, label_set_truth, label_shares
from scripts.benches.truth import planted

Bools = NDArray[np.bool_]
Rows = list[list[float]]


@st.composite
def label_sets(draw: st.DrawFn) -> LabelSets:
    items, workers, labels = draw(st.integers(1, 5)), draw(st.integers(1, 4)), draw(st.integers(1, 3))
    pair = st.tuples(st.integers(0, items - 1), st.integers(0, workers - 1))
    chosen = draw(st.lists(pair, unique=True, min_size=1, max_size=15))
    marks = st.lists(st.booleans(), min_size=labels, max_size=labels)
    rows = draw(st.lists(marks, min_size=len(chosen), max_size=len(chosen)))
    item, worker = np.array(chosen).T
    return LabelSets(item, worker, np.array(rows), items, workers)


def f1(found: Bools, truth: Bools) -> float:
    return float(2 * (found & truth).sum() / (found.sum() + truth.sum()))


def naive_m_step(sets: LabelSets, prior: LabelSetPrior, posterior: Rows) -> tuple[list[Rows], Rows]:
    """Skills [state][worker][label] and prevalences, as plain loops."""
    workers, labels = range(sets.workers), range(sets.labels)
    skill = []
    for state in (0, 1):
        right = [[0.0 for _ in labels] for _ in workers]
        met = [[0.0 for _ in labels] for _ in workers]
        for i, w, marks in zip(sets.item, sets.worker, sets.chosen, strict=True):
            for k in labels:
                share = posterior[i][k] if state else 1 - posterior[i][k]
                met[w][k] += share
                right[w][k] += share if bool(marks[k]) == bool(state) else 0.0
        pseudo = sets.workers * (prior.right + prior.wrong)
        crowd = (sum(map(sum, right)) + sets.workers * prior.right) / (sum(map(sum, met)) + pseudo)
        rows = []
        for w in workers:
            own = (sum(right[w]) + prior.worker_weight * crowd) / (sum(met[w]) + prior.worker_weight)
            weight = prior.label_weight
            rows.append([(right[w][k] + weight * own) / (met[w][k] + weight) for k in labels])
        skill.append(rows)
    heard = sorted(set(sets.item.tolist()))
    prevalence = [
        (sum(posterior[i][k] for i in heard) + prior.present) / (len(heard) + prior.present + prior.absent)
        for k in labels
    ]
    return skill, [prevalence]


def naive_e_step(sets: LabelSets, skill: list[Rows], prevalence: list[float]) -> tuple[Rows, float]:
    posterior, total = [], 0.0
    for i in range(sets.items):
        row = []
        for k in range(sets.labels):
            yes, no = prevalence[k], 1 - prevalence[k]
            for j, w, marks in zip(sets.item, sets.worker, sets.chosen, strict=True):
                if i == j:
                    yes *= skill[1][w][k] if marks[k] else 1 - skill[1][w][k]
                    no *= 1 - skill[0][w][k] if marks[k] else skill[0][w][k]
            row.append(yes / (yes + no))
            total += math.log(yes + no)
        posterior.append(row)
    return posterior, total


@settings(deadline=None, max_examples=15)
@given(label_sets(), st.integers(1, 4))
def test_the_steps_are_those_of_a_plain_loop(sets: LabelSets, steps: int) -> None:
    prior = LabelSetPrior(label_weight=3, worker_weight=2)
    posterior: Rows = np.nan_to_num(label_shares(sets), nan=0.5).tolist()
    skill, prevalence = naive_m_step(sets, prior, posterior)
    for _ in range(steps):
        posterior, total = naive_e_step(sets, skill, prevalence[0])
        skill, prevalence = naive_m_step(sets, prior, posterior)
    run = label_set_truth(sets, prior=prior, tolerance=1e-300, max_iterations=steps)
    if len(run.log_likelihood) == steps:
        assert run.log_likelihood[-1] == pytest.approx(total, abs=1e-9)
        assert run.specificity == pytest.approx(np.array(skill[0]), abs=1e-9)
        assert run.sensitivity == pytest.approx(np.array(skill[1]), abs=1e-9)
        assert run.prevalence == pytest.approx(np.array(prevalence[0]), abs=1e-9)


@settings(deadline=None, max_examples=15)
@given(label_sets(), st.randoms(use_true_random=False))
def test_the_order_of_answers_changes_no_bit(sets: LabelSets, random: object) -> None:
    order = np.arange(len(sets))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = LabelSets(sets.item[order], sets.worker[order], sets.chosen[order], sets.items, sets.workers)
    one, two = label_set_truth(sets), label_set_truth(shuffled)
    assert one.posterior.tobytes() == two.posterior.tobytes()
    assert one.sensitivity.tobytes() == two.sensitivity.tobytes()


@pytest.mark.parametrize("seed", [0, 1])
def test_it_recovers_planted_sets_better_than_the_majority(seed: int) -> None:
    sets, truth = planted.label_sets(seed)
    run = label_set_truth(sets)
    majority = f1(label_shares(sets) > 0.5, truth)
    assert run.converged
    assert f1(run.posterior > 0.5, truth) > majority + 0.02
    assert run.prevalence == pytest.approx(truth.mean(axis=0), abs=0.03)
    poor = np.arange(30) % 3 == 0
    assert run.sensitivity.mean(axis=1)[poor].max() < run.sensitivity.mean(axis=1)[~poor].min()


def test_what_frequent_labels_show_of_a_worker_counts_for_rare_ones() -> None:
    sets, truth = planted.label_sets(2)
    shared = label_set_truth(sets)
    apart = [
        label_set_truth(LabelSets(sets.item, sets.worker, sets.chosen[:, [k]], sets.items, sets.workers))
        for k in range(4)
    ]
    alone = np.concatenate([run.posterior for run in apart], axis=1)
    assert f1(shared.posterior[:, :4] > 0.5, truth[:, :4]) > f1(alone > 0.5, truth[:, :4]) + 0.02


def test_an_item_without_answers_gets_the_prevalence() -> None:
    sets = LabelSets(np.array([0, 0]), np.array([0, 1]), np.array([[True, False]] * 2), 2, 2)
    run = label_set_truth(sets)
    assert run.posterior[1] == pytest.approx(run.prevalence)
    assert run.posterior[0, 0] > 0.9 > 0.1 > run.posterior[0, 1]
    assert np.isnan(label_shares(sets)[1]).all()


def test_impossible_answers_are_refused() -> None:
    one, yes = np.array([0]), np.array([[True]])
    with pytest.raises(ValueError, match="boolean"):
        LabelSets(one, one, np.array([[1]]), 1, 1)
    with pytest.raises(ValueError, match="at least one label"):
        LabelSets(one, one, np.empty((1, 0), dtype=bool), 1, 1)
    with pytest.raises(ValueError, match="same length"):
        LabelSets(one, one, np.array([[True], [False]]), 1, 1)
    with pytest.raises(ValueError, match="worker 0 answered item 0 more than once"):
        LabelSets(np.array([0, 0]), np.array([0, 0]), np.array([[True], [True]]), 1, 1)
    none = np.empty(0, dtype=np.int64)
    with pytest.raises(ValueError, match="no answers"):
        label_set_truth(LabelSets(none, none, np.empty((0, 1), dtype=bool), 1, 1))
    with pytest.raises(ValueError, match="must be positive"):
        label_set_truth(LabelSets(one, one, yes, 1, 1), tolerance=0)
    with pytest.raises(ValueError, match="label_weight must be positive"):
        LabelSetPrior(label_weight=0)
