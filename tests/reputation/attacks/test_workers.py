"""Spam, timing, copying and the one score."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from scipy.stats import norm

from reputation import Votes
from reputation.attacks import find_copying, spam_figures, suspicions, timing_figures
from tests.reputation.conftest import Crowd, simulate
from tests.reputation.strategies import votes


def crowd_of_30(seed: int = 2) -> Crowd:
    return simulate(items=240, workers=30, classes=3, per_item=8, skills=np.full(30, 0.75), seed=seed)


def certain(crowd: Crowd) -> np.ndarray:
    return np.eye(crowd.votes.classes)[crowd.truth]


def answering(crowd: Crowd, worker: int, answer: np.ndarray) -> Votes:
    """The crowd with one worker's answers, per item, in place of its own."""
    votes = crowd.votes
    return replace(votes, answer=np.where(votes.worker == worker, answer[votes.item], votes.answer))


@settings(deadline=None, max_examples=40)
@given(votes(at_least=1))
def test_the_spammer_score_is_the_papers_double_sum(crowd: Votes) -> None:
    random = np.random.default_rng(3)
    figures = spam_figures(crowd, random.dirichlet(np.ones(crowd.classes), crowd.items))
    assert ((figures.spammer_score >= 0) & (figures.spammer_score <= 1)).all()
    assert (figures.information >= -1e-12).all()
    for p_value in (figures.random_p, figures.constant_p):
        assert ((p_value >= 0) & (p_value <= 1)).all()


def test_perfect_and_always_confused_workers_score_one_and_guessers_nothing() -> None:
    from reputation.attacks.spam import _spammer_score

    perfect, swapped, lazy = np.eye(3), np.eye(3)[[1, 2, 0]], np.tile([0.2, 0.5, 0.3], (3, 1))
    assert _spammer_score(np.stack([perfect, swapped, lazy])) == pytest.approx([1, 1, 0])
    rows = np.random.default_rng(1).dirichlet(np.ones(4), 4)
    pairs = sum(((rows[c] - rows[d]) ** 2).sum() for c in range(4) for d in range(c))
    assert _spammer_score(rows[None])[0] == pytest.approx(pairs / 12)


def test_one_who_guesses_and_one_who_never_changes_its_answer_stand_out() -> None:
    crowd = crowd_of_30()
    guess = np.random.default_rng(4).integers(0, 3, 240)
    guessing = spam_figures(answering(crowd, 5, guess), certain(crowd))
    assert guessing.random_p[5] > 0.01 > np.delete(guessing.random_p, 5).max()
    assert guessing.information.argmin() == 5
    lazy = spam_figures(answering(crowd, 5, np.full(240, 1)), certain(crowd))
    assert lazy.constant_p[5] < 1e-6 < np.delete(lazy.constant_p, 5).min()
    assert lazy.concentration.argmax() == 5
    assert lazy.spammer_score.argmin() == 5


def test_a_worker_alone_with_its_items_does_not_confirm_itself() -> None:
    item, worker = np.arange(40), np.zeros(40, dtype=np.int64)
    alone = Votes(item, worker, np.random.default_rng(1).integers(0, 2, 40), 40, 1, 2)
    posterior = np.full((40, 2), 0.05)
    posterior[item, alone.answer] = 0.95
    assert spam_figures(alone, posterior).accuracy[0] < 0.9


def test_the_score_names_the_attackers_and_says_why() -> None:
    crowd = crowd_of_30()
    attacked = answering(crowd, 3, np.random.default_rng(7).integers(0, 3, 240))
    attacked = replace(attacked, answer=np.where(attacked.worker == 4, 2, attacked.answer))
    found = suspicions(attacked)
    assert set(np.argsort(found.score)[-2:].tolist()) == {3, 4}
    assert found.score[[3, 4]].min() > 0.4 > np.delete(found.score, [3, 4]).max()
    assert found.reasons(4)[0].figure == "constant"
    assert {reason.figure for reason in found.reasons(3)} >= {"accuracy"}
    assert all("%" in reason.words or "answer" in reason.words for reason in found.reasons(3))


def test_further_evidence_raises_a_score_and_never_lowers_it() -> None:
    crowd = crowd_of_30()
    p_value = np.ones(30)
    p_value[6] = 1e-6
    plain, timed = suspicions(crowd.votes), suspicions(crowd.votes, p_values={"speed": p_value})
    assert timed.score[6] > plain.score[6]
    assert np.delete(timed.score, 6) == pytest.approx(np.delete(plain.score, 6))
    assert timed.reasons(6)[0].figure == "speed"
    with pytest.raises(ValueError, match="speed"):
        suspicions(crowd.votes, p_values={"speed": np.full(30, 2.0)})


def times(seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """30 labels each of 20 people, some 30 s apart, with pauses."""
    random = np.random.default_rng(seed)
    gaps = np.exp(random.normal(np.log(30), 0.6, (20, 30))) + (random.random((20, 30)) < 0.03) * 5_000
    return np.repeat(np.arange(20), 30), np.cumsum(gaps, axis=1).ravel()


def test_haste_bursts_and_clockwork_are_told_from_people() -> None:
    worker, made_at = times()
    people = timing_figures(worker, made_at, 20)
    assert min(people.fast_p.min(), people.regular_p.min()) > 1e-4
    hasty, regular, bursting = made_at.copy(), made_at.copy(), made_at.copy()
    hasty[worker == 2] = np.cumsum(np.exp(np.random.default_rng(5).normal(np.log(2), 0.6, 30)))
    regular[worker == 2] = np.arange(30) * 30.0
    bursting[worker == 2] = np.r_[np.arange(15) * 900.0, 15 * 900 + np.arange(15) * 1.0]
    assert timing_figures(worker, hasty, 20).fast_p[2] < 1e-6
    assert timing_figures(worker, regular, 20).regular_p[2] < 1e-6
    found = timing_figures(worker, bursting, 20)
    assert found.burst[2] == 15
    assert found.burst_p[2] < 1e-6 < np.delete(people.burst_p, 2).min()


def test_a_burst_is_the_most_labels_in_any_window() -> None:
    random = np.random.default_rng(2)
    worker, made_at = random.integers(0, 4, 200), random.uniform(0, 3_000, 200)
    found = timing_figures(worker, made_at, 4, window=50.0)
    for one in range(4):
        own = np.sort(made_at[worker == one])
        assert found.burst[one] == max(int(((own >= t) & (own < t + 50)).sum()) for t in own)


def test_times_that_are_none_are_refused() -> None:
    worker = np.zeros(2, dtype=np.int64)
    with pytest.raises(ValueError, match="finite"):
        timing_figures(worker, np.array([0.0, np.nan]), 1)
    with pytest.raises(ValueError, match="length"):
        timing_figures(worker, np.zeros(3), 1)
    with pytest.raises(ValueError, match="negative"):
        timing_figures(worker, np.zeros(2), 1, duration=np.array([1.0, -1.0]))


def test_a_copier_is_found_with_its_source_and_not_the_other_way_round() -> None:
    crowd = simulate(items=120, workers=12, classes=4, per_item=6, skills=np.full(12, 0.6), seed=3)
    votes, random = crowd.votes, np.random.default_rng(3)
    given = np.full(120, -1)
    given[votes.item[votes.worker == 7]] = votes.answer[votes.worker == 7]
    copies = (votes.worker == 2) & (given[votes.item] >= 0)
    copied = replace(votes, answer=np.where(copies, given[votes.item], votes.answer))
    made_at = random.uniform(0, 1_000, len(votes))
    made_at[votes.worker == 2] += 1_000
    found = find_copying(copied, made_at, certain(crowd))
    assert [(one.copier, one.source) for one in found] == [(2, 7)]
    assert found[0].alike == found[0].items == found[0].run == found[0].later
    assert found[0].mistakes > 0
    assert find_copying(votes, made_at, certain(crowd)) == ()


def test_a_run_is_as_likely_as_its_bound_allows() -> None:
    from reputation.attacks.copying import _run_p

    random = np.random.default_rng(1)
    flips = random.random((20_000, 30)) < 0.5
    longest = np.array(
        [max(map(len, "".join("x" if f else " " for f in row).split()), default=0) for row in flips]
    )
    for run in (5, 8, 11):
        assert (longest >= run).mean() <= _run_p(run, 30, 0.5) + 3 * norm.pdf(0) / np.sqrt(20_000)
        assert _run_p(run, 30, 0.5) < 4 * max((longest >= run).mean(), 1e-3)


def test_importing_the_attacks_loads_nothing_heavy() -> None:
    heavy = "{'torch', 'sklearn', 'scipy.stats', 'matplotlib'}"
    program = f"import sys, reputation.attacks, reputation.peer; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
