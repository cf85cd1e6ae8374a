from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reputation import Votes
from reputation.truth.hierarchical import hierarchical
from reputation.truth.online import OnlineTruth
from tests.reputation.conftest import Crowd, read_crowd, simulate
from tests.reputation.strategies import votes
from tests.reputation.truth import plain

CROWD = simulate(items=300, workers=15, classes=3, per_item=5, skills=np.linspace(0.5, 0.95, 15), seed=2)


def fed(crowd: Votes, step: int, *, seed: int = 0, half_life: float | None = None) -> OnlineTruth:
    """All votes in a random order, so many at a time."""
    truth = OnlineTruth(crowd.classes, half_life=half_life)
    order = np.random.default_rng(seed).permutation(len(crowd))
    for start in range(0, len(crowd), step):
        at = order[start : start + step]
        truth.add(crowd.item[at], crowd.worker[at], crowd.answer[at])
    return truth


def counts_by_hand(truth: OnlineTruth, half_life: float | None) -> plain.Array:
    """[W, K, K] from the items' posteriors, each label as old as the labels its worker gave since."""
    crowd = truth.votes()
    posterior = truth.posterior(np.arange(crowd.items))
    counts = np.zeros((crowd.workers, crowd.classes, crowd.classes))
    for at in range(len(crowd)):
        i, w, a = crowd.item[at], crowd.worker[at], crowd.answer[at]
        since = truth._given[w] - truth._turn[at]
        counts[w, :, a] += posterior[i] * (0.5 ** (since / half_life) if half_life else 1.0)
    return counts


@settings(deadline=None, max_examples=30)
@given(votes(), st.integers(1, 5), st.sampled_from([None, 1.0, 7.5]))
def test_counts_are_always_the_sum_of_what_the_items_say(
    crowd: Votes, step: int, half_life: float | None
) -> None:
    truth = fed(crowd, step, half_life=half_life)
    expected = counts_by_hand(truth, half_life)
    assert truth._counts[: truth.workers] == pytest.approx(expected, abs=1e-9)
    assert truth._pooled == pytest.approx(expected.sum(axis=0), abs=1e-9)
    labelled = np.unique(crowd.item)
    assert truth._totals == pytest.approx(truth.posterior(labelled).sum(axis=0), abs=1e-9)


@settings(deadline=None, max_examples=20)
@given(votes(), st.integers(1, 5))
def test_a_label_gives_its_item_the_posterior_of_the_workers_rows(crowd: Votes, step: int) -> None:
    truth = fed(crowd, step)
    coin = np.where(np.eye(crowd.classes) > 0, 4.0, 1.0)
    new = crowd.workers  # somebody nobody has met
    pooled = truth._pooled + (new + 1) * coin
    prior = 2.0 * pooled / pooled.sum(axis=1, keepdims=True)
    counts = np.zeros((new + 1, crowd.classes, crowd.classes))
    counts[: truth.workers] = truth._counts[: truth.workers]
    table, joint = plain.logs(counts + prior), plain.logs(truth._totals + 1)
    (item,) = truth.add([int(crowd.item[0])], [new], [0])
    votes_on_it = [
        (w, a) for i, w, a in zip(crowd.item, crowd.worker, crowd.answer, strict=True) if i == item
    ]
    for w, a in [*votes_on_it, (new, 0)]:
        joint = joint + table[w, :, a]
    share = np.exp(joint) / np.exp(joint).sum()
    assert truth.posterior([int(item)])[0] == pytest.approx(share, abs=1e-9)


@pytest.mark.parametrize("step", [1, 64])
def test_as_labels_come_in_the_answers_are_nearly_those_of_the_batch(step: int) -> None:
    truth, batch = fed(CROWD.votes, step), hierarchical(CROWD.votes)
    online = truth.posterior(np.arange(300)).argmax(axis=1)
    assert (online == batch.posterior.argmax(axis=1)).mean() > 0.93
    assert CROWD.accuracy(online) > CROWD.accuracy(batch.posterior.argmax(axis=1)) - 0.03


def test_reconciling_makes_it_the_batch_run_and_says_what_moved() -> None:
    truth = fed(CROWD.votes, 16)
    before = truth.posterior(np.arange(300)).argmax(axis=1), truth.confusion()
    made = truth.reconcile(tolerance_ppm=1)
    after = truth.posterior(np.arange(300))
    assert after == pytest.approx(hierarchical(CROWD.votes, tolerance_ppm=1).posterior, abs=1e-12)
    assert made.answers_changed == (before[0] != after.argmax(axis=1)).sum()
    assert made.moved_ppm >= 1e6 * np.abs(made.run.confusion - before[1]).max() - 1
    assert truth.confusion() == pytest.approx(made.run.confusion, abs=1e-5)
    # The batch is a fixed point of the online step: running it again changes nothing.
    again = truth.reconcile(tolerance_ppm=1)
    assert again.answers_changed == 0
    assert again.moved_ppm < 20


def test_labels_go_on_after_reconciling() -> None:
    truth = fed(CROWD.votes, 50)
    truth.reconcile()
    truth.add([300, 300], [0, 14], [1, 1])
    assert counts_by_hand(truth, None) == pytest.approx(truth._counts[: truth.workers], abs=1e-9)
    assert truth.posterior([300]).argmax() == 1


def test_with_a_half_life_a_worker_who_turns_bad_is_found_out_sooner() -> None:
    good = simulate(items=600, workers=12, classes=2, per_item=6, skills=np.full(12, 0.85), seed=1).votes
    answer = good.answer.copy()
    late = (good.worker == 0) & (good.item >= 400)
    answer[late] = np.random.default_rng(0).integers(2, size=int(late.sum()))
    skill = {}
    for half_life in (None, 40.0):
        truth = OnlineTruth(2, half_life=half_life)
        for start in range(0, len(answer), 6):
            at = slice(start, start + 6)
            truth.add(good.item[at], good.worker[at], answer[at])
        skill[half_life] = float(np.diagonal(truth.confusion()[0]).mean())
    assert skill[40.0] < skill[None] - 0.05


def test_an_item_without_labels_has_the_prevalence() -> None:
    truth = fed(CROWD.votes, 100)
    assert truth.posterior([299, 5_000])[1] == pytest.approx(truth.prevalence())
    truth.add([400], [0], [0])
    assert truth.posterior([350])[0] == pytest.approx(truth.prevalence())


@pytest.mark.parametrize(
    ("item", "worker", "answer", "message"),
    [
        ([0, 0], [1, 1], [0, 1], "worker 1 answered item 0 more than once"),
        ([7], [0], [0], "worker 0 answered item 7 more than once"),
        ([1], [-1], [0], "worker indices start at 0"),
        ([1], [1], [2], "answer indices must be in"),
        ([1, 2], [1], [0], "same length"),
        ([], [], [], "at least one"),
        ([0.5], [1], [0], "integers"),
    ],
)
def test_impossible_labels_are_refused_and_change_nothing(
    item: list[int], worker: list[int], answer: list[int], message: str
) -> None:
    truth = OnlineTruth(2)
    truth.add([7, 8], [0, 0], [0, 1])
    before = truth.posterior([7, 8]).tobytes(), truth.confusion().tobytes(), truth.labels, truth.items
    with pytest.raises(ValueError, match=message):
        truth.add(item, worker, answer)
    after = truth.posterior([7, 8]).tobytes(), truth.confusion().tobytes(), truth.labels, truth.items
    assert after == before


def test_there_are_two_classes_at_least_and_half_lives_are_positive() -> None:
    with pytest.raises(ValueError, match="at least 2 classes"):
        OnlineTruth(1)
    with pytest.raises(ValueError, match="half_life"):
        OnlineTruth(2, half_life=0.0)


def test_a_label_takes_milliseconds_however_large_the_campaign() -> None:
    truth = OnlineTruth(4)
    item = np.arange(200_000)
    truth.add(item, item % 500, item % 4)
    spent = []
    for n in range(60):
        begun = time.process_time()
        truth.add([n * 3_000], [501], [n % 4])
        spent.append(time.process_time() - begun)
    assert np.median(spent) < 0.005


@pytest.mark.parametrize("name", ["bluebirds", "sp_amt"])
def test_a_real_crowd_streams(name: str) -> None:
    crowd: Crowd = read_crowd(name)
    truth = fed(crowd.votes, 8)
    online = crowd.accuracy(truth.posterior(np.arange(crowd.votes.items)).argmax(axis=1))
    made = truth.reconcile()
    assert online > crowd.accuracy(made.run.posterior.argmax(axis=1)) - 0.03
