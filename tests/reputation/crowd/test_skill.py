"""Skills and confusion matrices: planted crowds, brute force, coverage by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betaln, expit, logit

from reputation import Votes
from reputation.crowd.skill import SkillPrior, beta_interval, confusions, effective, gather, skills
from reputation.truth.run import Known
from tests.reputation.conftest import Crowd, simulate
from tests.reputation.strategies import votes as some_votes


def known(crowd: Crowd, count: int) -> Known:
    return Known(crowd.item[:count], crowd.truth[:count])


def told(crowd: Crowd, sure: float = 1.0) -> np.ndarray:
    """A posterior that gives the truth this probability."""
    classes = crowd.votes.classes
    posterior = np.full((crowd.votes.items, classes), (1 - sure) / (classes - 1))
    posterior[crowd.item, crowd.truth] = sure
    return posterior


def planted(seed: int, per_item: int = 5) -> tuple[Crowd, np.ndarray]:
    skill = np.random.default_rng(seed).beta(12, 4, size=30)
    crowd = simulate(items=150, workers=30, classes=3, per_item=per_item, skills=skill, seed=seed)
    return crowd, skill


def vote_posterior(votes: Votes) -> np.ndarray:
    """Each item's shares of the votes, without any model."""
    tally = votes.tally() + 0.5
    return tally / tally.sum(axis=1, keepdims=True)


def test_the_mean_is_near_the_planted_skill_where_the_truth_is_known() -> None:
    crowd, skill = planted(1)
    found = skills(crowd.votes, told(crowd), gold=known(crowd, 150))
    assert np.abs(found.mean - skill).mean() < 0.08
    assert np.corrcoef(found.mean, skill)[0, 1] > 0.7


def test_intervals_cover_planted_skills_of_which_only_some_answers_are_gold() -> None:
    covered = []
    for seed in range(25):
        crowd, skill = planted(seed)
        low, high = skills(crowd.votes, vote_posterior(crowd.votes), gold=known(crowd, 50)).interval()
        covered.append((low <= skill) & (skill <= high))
    assert 0.85 <= np.mean(covered) <= 0.97


def test_gold_mends_the_intervals_of_a_crowd_that_inference_overrates() -> None:
    covered, naive, shifts = [], [], []
    for seed in range(25):
        skill = np.random.default_rng(seed).beta(9, 7, size=30)
        crowd = simulate(items=300, workers=30, classes=3, per_item=3, skills=skill, seed=seed)
        sure = np.eye(3)[crowd.votes.tally().argmax(axis=1)]  # the majority, taken for certain
        found = skills(crowd.votes, sure, gold=known(crowd, 100))
        shifts.append(found.shift)
        evidence = gather(crowd.votes, sure)
        trials = beta_interval(evidence.expected / evidence.labels, evidence.labels.astype(float), 0.9)
        for (low, high), into in ((found.interval(), covered), (trials, naive)):
            into.append(((low <= skill) & (skill <= high)).mean())
    assert np.mean(shifts) < -0.2
    assert np.mean(covered) >= 0.85
    assert np.mean(naive) < 0.7  # labels on inferred items counted as trials


def test_the_grid_agrees_with_brute_force_integration_for_one_worker() -> None:
    item = np.arange(12)
    answer = np.array([0, 1] * 6)
    votes = Votes(item, np.zeros(12, int), answer, 12, 1, 2)
    posterior = np.where(answer[:, None] == np.arange(2), 0.8, 0.2)
    gold = Known(item[:4], np.array([0, 1, 0, 0]))
    found = skills(votes, posterior, gold=gold)
    prior = SkillPrior()
    mean, labels = found.crowd_mean, found.crowd_labels
    u = (8 * 0.8 + labels * mean) / (8 + labels)
    skill = np.linspace(0, 1, 4001)[1:-1]
    total = np.zeros_like(skill)
    for shift in np.linspace(-3, 3, 121) * prior.shift:
        for rho in prior.systematic * np.exp(prior.systematic_spread * np.linspace(-2.5, 2.5, 31)):
            worth = (8 + labels) / (1 + (7 + labels) * rho)
            a, b = expit(logit(u) + shift) * worth, expit(-logit(u) - shift) * worth
            weight = -0.5 * (shift / prior.shift) ** 2
            weight += -0.5 * (np.log(rho / prior.systematic) / prior.systematic_spread) ** 2
            # Three of the four answers to gold items are right.
            total += np.exp(weight + (a + 2) * np.log(skill) + b * np.log1p(-skill) - betaln(a, b))
    total /= total.sum()
    first = total @ skill
    spread = total @ skill**2 - first**2
    # The design effect of the four residuals is 1 here: one label an item.
    assert found.mean[0] == pytest.approx(first, abs=0.004)
    assert found.mean[0] * (1 - found.mean[0]) / (found.strength[0] + 1) == pytest.approx(spread, rel=0.05)


def test_labels_on_inferred_items_never_count_for_more_than_their_bound() -> None:
    assert effective(np.array([0, 1, 10**9]), 0.05).tolist() == pytest.approx([0, 1, 20], rel=1e-6)
    crowd, _ = planted(3)
    assert (skills(crowd.votes, told(crowd)).strength < 40).all()


def test_more_gold_makes_intervals_narrower() -> None:
    crowd, _ = planted(4)
    widths = []
    for count in (0, 20, 60, 150):
        low, high = skills(crowd.votes, vote_posterior(crowd.votes), gold=known(crowd, count)).interval()
        widths.append((high - low).mean())
    assert widths == sorted(widths, reverse=True)


def test_what_the_posterior_says_about_gold_items_is_not_looked_at() -> None:
    crowd, _ = planted(5)
    posterior = vote_posterior(crowd.votes)
    before = skills(crowd.votes, posterior, gold=known(crowd, 20))
    posterior[:20] = 1 / 3
    after = skills(crowd.votes, posterior, gold=known(crowd, 20))
    np.testing.assert_array_equal(before.mean, after.mean)
    np.testing.assert_array_equal(before.strength, after.strength)


def test_gathered_evidence_equals_counting_by_hand() -> None:
    votes = Votes(np.array([0, 0, 1, 2]), np.array([0, 1, 0, 0]), np.array([1, 0, 0, 1]), 3, 2, 2)
    posterior = np.array([[0.25, 0.75], [0.9, 0.1], [0.5, 0.5]])
    evidence = gather(votes, posterior, Known(np.array([2]), np.array([1])))
    assert evidence.labels.tolist() == [2, 1]
    assert evidence.expected.tolist() == pytest.approx([1.65, 0.25])
    assert evidence.gold.tolist() == [1, 0]
    assert evidence.right.tolist() == [1, 0]


@settings(max_examples=40, deadline=None)
@given(some_votes(), st.randoms(use_true_random=False))
def test_order_and_names_of_workers_change_no_skill(votes: Votes, random: object) -> None:
    seed = random.randint(0, 2**32 - 1)  # type: ignore[attr-defined]
    draw = np.random.default_rng(seed)
    order, name = draw.permutation(len(votes)), draw.permutation(votes.workers)
    other = Votes(
        votes.item[order], name[votes.worker[order]], votes.answer[order],
        votes.items, votes.workers, votes.classes,
    )  # fmt: skip
    posterior = vote_posterior(votes)
    gold = Known(np.array([0]), np.array([0]))
    here, there = (skills(which, posterior, gold=gold) for which in (votes, other))
    np.testing.assert_allclose(here.mean, there.mean[name], rtol=1e-9)
    np.testing.assert_allclose(here.strength, there.strength[name], rtol=1e-6)
    low, high = here.interval()
    assert ((low >= 0) & (low <= here.mean) & (here.mean <= high) & (high <= 1)).all()
    matrices = [confusions(which, posterior, gold=gold).mean for which in (votes, other)]
    np.testing.assert_allclose(matrices[0], matrices[1][name], rtol=1e-9)


def test_a_confusion_matrix_has_the_gold_counts_and_the_crowds_prior() -> None:
    crowd, _ = planted(6)
    votes, truth = crowd.votes, crowd.truth
    belief = confusions(votes, vote_posterior(votes), gold=known(crowd, 150), prior=SkillPrior())
    counts = np.zeros((votes.workers, 3, 3))
    np.add.at(counts, (votes.worker, truth[votes.item], votes.answer), 1)
    added = belief.alpha - counts
    np.testing.assert_allclose(added, np.broadcast_to(added[0], added.shape), atol=1e-9)
    np.testing.assert_allclose(added.sum(axis=2), 2.0)


def test_cells_of_confusion_matrices_are_covered() -> None:
    draw = np.random.default_rng(0)
    covered = []
    for _ in range(20):
        true = np.stack([draw.dirichlet(np.eye(3)[row] * 12 + 2, size=20) for row in range(3)], axis=1)
        item, worker = np.divmod(np.arange(90 * 20), 20)
        truth = draw.integers(3, size=90)
        chosen = draw.random((90 * 20, 1)) < true[worker, truth[item]].cumsum(axis=1)
        votes = Votes(item, worker, chosen.argmax(axis=1), 90, 20, 3)
        low, high = confusions(votes, np.eye(3)[truth]).interval()
        covered.append((low <= true) & (true <= high))
    assert np.mean(covered) >= 0.88


def test_a_silent_worker_is_an_average_colleague() -> None:
    crowd, _ = planted(7)
    votes = crowd.votes
    more = Votes(votes.item, votes.worker, votes.answer, votes.items, votes.workers + 1, votes.classes)
    found = skills(more, told(crowd, 0.9))
    assert found.mean[-1] == pytest.approx(found.crowd_mean, abs=0.03)
    assert found.strength[-1] <= found.strength.min() * 1.05


def test_what_does_not_fit_is_refused() -> None:
    crowd, _ = planted(8)
    with pytest.raises(ValueError, match="posterior is"):
        skills(crowd.votes, np.ones((3, 3)) / 3)
    with pytest.raises(ValueError, match="sum to 1"):
        skills(crowd.votes, np.ones((150, 3)))
    with pytest.raises(ValueError, match="known item"):
        skills(crowd.votes, told(crowd), gold=Known(np.array([150]), np.array([0])))
    with pytest.raises(ValueError, match="positive"):
        SkillPrior(systematic=0)
    with pytest.raises(ValueError, match="level"):
        skills(crowd.votes, told(crowd)).interval(1.0)
