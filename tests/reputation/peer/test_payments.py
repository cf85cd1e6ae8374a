from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from reputation import Votes
from reputation.peer import (
    Payments,
    TooFewLabels,
    correlated_agreement,
    determinant_payments,
    leave_one_out,
    output_agreement,
    peer_truth_serum,
    robust_peer_truth_serum,
)
from reputation.truth.hierarchical import hierarchical
from reputation.truth.run import TruthRun
from tests.reputation.conftest import Crowd, simulate
from tests.reputation.strategies import votes

Floats = NDArray[np.float64]


def crowd_of(classes: int = 3, seed: int = 1, items: int = 300) -> Crowd:
    return simulate(items=items, workers=25, classes=classes, per_item=6, skills=np.full(25, 0.8), seed=seed)


def by_determinants(crowd: Votes) -> Payments:
    found = determinant_payments(crowd)
    return Payments(found.worker[crowd.worker], np.ones(len(crowd), dtype=bool), found.worker)


MECHANISMS: dict[str, Callable[[Votes], Payments]] = {
    "leave one out": leave_one_out,
    "peer truth serum": peer_truth_serum,
    "robust peer truth serum": robust_peer_truth_serum,
    "correlated agreement": correlated_agreement,
    "determinants": by_determinants,
}


def answering(crowd: Votes, worker: int, answer: NDArray[np.int64]) -> Votes:
    """The crowd with one worker's answers, aligned with all votes, in place of its own."""
    return replace(crowd, answer=np.where(crowd.worker == worker, answer, crowd.answer))


@pytest.mark.parametrize("name", [*MECHANISMS, "output agreement"])
def test_among_honest_people_honesty_earns_more_than_laziness(name: str) -> None:
    pay = MECHANISMS.get(name, output_agreement)
    earned: dict[str, list[float]] = {"honest": [], "constant": [], "guess": [], "permuted": []}
    for seed in range(3):
        crowd = crowd_of(seed=seed).votes
        random = np.random.default_rng(seed)
        reports = {
            "honest": crowd.answer,
            "constant": np.full(len(crowd), seed % 3),
            "guess": random.integers(0, 3, len(crowd)),
            "permuted": (crowd.answer + 1) % 3,
        }
        for strategy, answer in reports.items():
            earned[strategy].append(float(pay(answering(crowd, 4, answer)).worker[4]))
    mean = {strategy: float(np.mean(found)) for strategy, found in earned.items()}
    # The determinant is squared in effect, and blind to renaming: permuted answers say as much.
    rivals = ["constant", "guess"] if name == "determinants" else ["constant", "guess", "permuted"]
    assert all(mean["honest"] > 1.2 * mean[rival] for rival in rivals), mean


@pytest.mark.parametrize(
    "name", ["leave one out", "correlated agreement", "peer truth serum", "determinants"]
)
def test_answers_given_without_looking_earn_nothing_on_average(name: str) -> None:
    crowd = crowd_of(items=900).votes
    random = np.random.default_rng(5)
    honest = float(MECHANISMS[name](crowd).worker.mean())
    for answer in (np.full(len(crowd), 1), random.integers(0, 3, len(crowd))):
        assert abs(MECHANISMS[name](answering(crowd, 7, answer)).worker[7]) < 0.15 * honest


def test_a_whole_crowd_that_gives_one_answer_beats_output_agreement_but_not_correlated_agreement() -> None:
    crowd = crowd_of().votes
    random = np.random.default_rng(2)
    nearly = np.where(random.random(len(crowd)) < 0.02, random.integers(0, 3, len(crowd)), 0)
    lazy = replace(crowd, answer=nearly)
    assert output_agreement(lazy).worker.mean() > output_agreement(crowd).worker.mean()
    for name in ("correlated agreement", "determinants"):
        assert MECHANISMS[name](lazy).worker.mean() < 0.3 * MECHANISMS[name](crowd).worker.mean()


@settings(deadline=None, max_examples=40)
@given(votes(at_least=2))
def test_output_agreement_is_the_mean_over_peers(crowd: Votes) -> None:
    rows = list(zip(crowd.item, crowd.worker, crowd.answer, strict=True))
    peers = [[b for j, v, b in rows if j == i and v != w] for i, w, _ in rows]
    if not any(peers):
        with pytest.raises(TooFewLabels):
            output_agreement(crowd)
        return
    found = output_agreement(crowd)
    for place, (_, _, answer) in enumerate(rows):
        others = peers[place]
        assert found.scored[place] == bool(others)
        assert found.label[place] == pytest.approx(others.count(answer) / len(others) if others else 0)


def test_the_serums_are_those_of_a_plain_loop() -> None:
    crowd = simulate(items=40, workers=8, classes=3, per_item=3, skills=np.full(8, 0.6), seed=4).votes
    rows = list(zip(crowd.item.tolist(), crowd.worker.tolist(), crowd.answer.tolist(), strict=True))
    plain, robust = peer_truth_serum(crowd), robust_peer_truth_serum(crowd, samples=4)
    for place, (item, worker, answer) in enumerate(rows):
        peers = [b for j, v, b in rows if j == item and v != worker]
        agree = peers.count(answer) / len(peers)
        elsewhere = [b for j, v, b in rows if j != item and v != worker]
        price = (elsewhere.count(answer) + 1 / 3) / (len(elsewhere) + 1)
        assert plain.label[place] == pytest.approx(agree / price - 1)
        shares = []
        for other in set(range(40)) - {item}:
            there = [b for j, v, b in rows if j == other and v != worker]
            if there:
                shares.append(there.count(answer) / len(there))
        assert robust.scored[place] == (len(shares) >= 4 and sum(shares) > 0)
        if robust.scored[place]:
            assert robust.label[place] == pytest.approx(agree / np.mean(shares) - 1)


def test_correlated_agreement_is_that_of_a_plain_loop() -> None:
    crowd = simulate(items=60, workers=7, classes=2, per_item=4, skills=np.full(7, 0.7), seed=4).votes
    rows = list(zip(crowd.item.tolist(), crowd.worker.tolist(), crowd.answer.tolist(), strict=True))
    found = correlated_agreement(crowd)
    for worker in range(3):
        others = [row for row in rows if row[1] != worker]
        joint = np.zeros((2, 2))
        for (i, v, a), (j, u, b) in combinations(others, 2):
            if i == j and v != u:
                joint[a, b] += 1
                joint[b, a] += 1
        joint /= joint.sum()
        signs = joint - np.outer(joint.sum(axis=1), joint.sum(axis=0)) > 0
        for place, (item, mine, answer) in enumerate(rows):
            if mine != worker:
                continue
            here = [signs[answer, b] for j, _, b in others if j == item]
            there = [signs[answer, b] for j, _, b in others if j != item]
            assert found.label[place] == pytest.approx(np.mean(here) - np.mean(there))


def test_the_determinants_are_those_of_a_plain_loop() -> None:
    crowd = simulate(items=30, workers=6, classes=2, per_item=4, skills=np.full(6, 0.7), seed=2).votes
    given = {(int(i), int(w)): int(a) for i, w, a in zip(crowd.item, crowd.worker, crowd.answer, strict=True)}
    total, partners = np.zeros(6), np.zeros(6, dtype=int)
    for one, other in combinations(range(6), 2):
        common = [item for item in range(30) if (item, one) in given and (item, other) in given]
        if len(common) < 4:
            continue
        pay = 1.0
        for half in (common[::2], common[1::2]):
            joint = np.zeros((2, 2))
            for item in half:
                joint[given[item, one], given[item, other]] += 1
            pay *= (joint[0, 0] * joint[1, 1] - joint[0, 1] * joint[1, 0]) / (len(half) * (len(half) - 1))
        for worker in (one, other):
            total[worker] += pay
            partners[worker] += 1
    found = determinant_payments(crowd)
    assert found.partners.tolist() == partners.tolist()
    assert found.worker == pytest.approx(total / np.maximum(partners, 1))


def test_a_determinant_is_without_bias_from_2_k_items_on() -> None:
    from reputation.peer.correlated import _half

    share = np.array([[0.4, 0.1], [0.1, 0.4]])
    drawn = np.random.default_rng(1).multinomial(2, share.ravel(), size=40_000).reshape(-1, 2, 2)
    assert np.mean([_half(joint, 2) for joint in drawn]) == pytest.approx(np.linalg.det(share), abs=0.01)


def test_leave_one_out_is_bayes_rule_without_the_vote() -> None:
    random = np.random.default_rng(3)
    crowd = simulate(items=40, workers=6, classes=3, per_item=3, skills=np.full(6, 0.7), seed=3).votes
    prevalence, confusion = random.dirichlet(np.ones(3)), random.dirichlet(np.ones(3) * 3, (6, 3))

    def posterior(item: int, but: int) -> Floats:
        weight = prevalence.copy()
        for i, w, a in zip(crowd.item, crowd.worker, crowd.answer, strict=True):
            if i == item and w != but:
                weight *= confusion[w, :, a]
        return np.asarray(weight / weight.sum())

    def fit(part: Votes) -> TruthRun:
        return TruthRun("given", np.full((40, 3), 1 / 3), confusion, prevalence, (0.0,), 1, 0.0, True)

    found = leave_one_out(crowd, fit, groups=6)
    for place, (i, w, a) in enumerate(zip(crowd.item, crowd.worker, crowd.answer, strict=True)):
        others = [posterior(j, w)[a] for j in crowd.item[crowd.worker == w]]
        assert found.label[place] == pytest.approx(posterior(i, w)[a] - np.mean(others))


@settings(deadline=None, max_examples=5)
@given(st.integers(0, 24), st.integers(0, 2**32))
def test_nothing_a_worker_answers_elsewhere_moves_what_an_answer_earns_by_leave_one_out(
    worker: int, seed: int
) -> None:
    crowd = crowd_of(items=60).votes
    mine = np.flatnonzero(crowd.worker == worker)
    other = np.random.default_rng(seed).integers(0, 3, len(crowd))
    kept = mine[0]
    other[kept] = crowd.answer[kept]
    honest, changed = leave_one_out(crowd), leave_one_out(answering(crowd, worker, other))
    assert changed.label[kept] == pytest.approx(honest.label[kept], abs=1e-9)


def test_guessers_earn_nothing_by_leave_one_out_where_labels_are_few() -> None:
    """12.5 labels each, the honest right in 65 %: dividing a vote out of the posterior paid a third of it."""
    earned = np.array([_guessers_and_honest(seed) for seed in range(12)])
    guessers, honest = earned.mean(axis=0)
    error = earned[:, 0].std(ddof=1) / np.sqrt(len(earned))
    assert abs(guessers) < 3 * error
    assert 3 * error < 0.02 < honest


def _guessers_and_honest(seed: int) -> tuple[float, float]:
    skills = np.repeat([0.5, 0.65], [20, 80])
    crowd = simulate(items=250, workers=100, classes=2, per_item=5, skills=skills, seed=seed).votes
    pay = leave_one_out(crowd, partial(hierarchical, tolerance_ppm=1000)).worker
    return float(pay[:20].mean()), float(pay[20:].mean())


@pytest.mark.parametrize(
    ("pay", "what"),
    [
        (peer_truth_serum, "labels"),
        (correlated_agreement, "pairs of answers"),
        (robust_peer_truth_serum, "items with answers"),
        (determinant_payments, "items in common"),
        (leave_one_out, "labels"),
    ],
)
def test_with_too_few_labels_nothing_is_paid_and_it_is_said_how_many_are_needed(
    pay: Callable[[Votes], object], what: str
) -> None:
    few = simulate(items=3, workers=4, classes=2, per_item=2, skills=np.full(4, 0.8), seed=1).votes
    with pytest.raises(TooFewLabels, match=rf"{what}.* at least \d+"):
        pay(few)


def test_a_worker_is_no_peer_of_its_own() -> None:
    item, worker = np.repeat(np.arange(90), 2), np.zeros(180, dtype=np.int64)
    twice = Votes(item, worker, item % 2, 90, 1, 2, repeats=True)
    for pay in (output_agreement, peer_truth_serum, correlated_agreement, leave_one_out):
        with pytest.raises(ValueError, match="more than once"):
            pay(twice)


def test_tables_beyond_the_memory_there_is_are_refused() -> None:
    wide = Votes(np.repeat(np.arange(2), 2), np.array([0, 1, 0, 1]), np.zeros(4, dtype=np.int64), 2, 2, 10**7)
    with pytest.raises(ValueError, match="this machine has"):
        correlated_agreement(wide)


def test_nobody_to_compare_with_is_refused() -> None:
    alone = Votes(np.arange(90), np.zeros(90, dtype=np.int64), np.arange(90) % 2, 90, 1, 2)
    for pay in (output_agreement, peer_truth_serum, correlated_agreement, determinant_payments):
        with pytest.raises(TooFewLabels):
            pay(alone)
