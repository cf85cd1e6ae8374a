"""Skill by domain: what pooling must and must not do, on planted crowds."""

from __future__ import annotations

import numpy as np
import pytest

from reputation import Votes
from reputation.crowd.domains import domain_skills
from reputation.truth.run import Known

ITEMS, WORKERS, DOMAINS = 400, 25, 4


def planted(
    seed: int, between: float, per_worker: int = 100
) -> tuple[Votes, np.ndarray, np.ndarray, np.ndarray]:
    """Votes, truth, domain of each item, skill [W, D], which differs by `between` log-odds."""
    draw = np.random.default_rng(seed)
    easy = np.array([-0.8, 0.0, 0.4, 0.8])
    logit = draw.normal(1.2, 0.7, size=(WORKERS, 1)) + easy + draw.normal(0, between, size=(WORKERS, DOMAINS))
    skill = 1 / (1 + np.exp(-logit))
    truth, domain = draw.integers(2, size=ITEMS), np.arange(ITEMS) % DOMAINS
    item = np.concatenate([draw.permutation(ITEMS)[:per_worker] for _ in range(WORKERS)])
    worker = np.repeat(np.arange(WORKERS), per_worker)
    right = draw.random(item.size) < skill[worker, domain[item]]
    votes = Votes(item, worker, np.where(right, truth[item], 1 - truth[item]), ITEMS, WORKERS, 2)
    return votes, truth, domain, skill


def all_gold(truth: np.ndarray) -> Known:
    return Known(np.arange(truth.size), truth)


@pytest.mark.parametrize("between", [0.1, 1.2])
def test_pooled_skills_are_nearer_than_each_domains_own_share_and_than_one_skill_for_all(
    between: float,
) -> None:
    errors = np.zeros(3)
    for seed in range(8):
        votes, truth, domain, skill = planted(seed, between, per_worker=60)
        found = domain_skills(votes, np.eye(2)[truth], domain, DOMAINS, gold=all_gold(truth))
        right = np.zeros((WORKERS, DOMAINS))
        np.add.at(right, (votes.worker, domain[votes.item]), truth[votes.item] == votes.answer)
        own = right / found.labels
        overall = (right.sum(1) / found.labels.sum(1))[:, None]
        errors += [((guess - skill) ** 2).mean() for guess in (found.mean, own, overall)]
    assert errors[0] < errors[1]
    assert errors[0] < errors[2]


def test_domains_that_differ_more_are_pooled_less() -> None:
    pooling = []
    for between in (0.1, 1.5):
        votes, truth, domain, _ = planted(3, between)
        pooling.append(domain_skills(votes, np.eye(2)[truth], domain, DOMAINS, gold=all_gold(truth)).pooling)
    assert pooling[0] > 2 * pooling[1]


def test_intervals_cover_also_where_a_worker_has_not_worked() -> None:
    covered, unseen = [], []
    for seed in range(20):
        votes, truth, domain, skill = planted(seed, 0.5)
        away = (domain[votes.item] == 3) & (votes.worker < 8)
        kept = Votes(
            votes.item[~away], votes.worker[~away], votes.answer[~away], votes.items, votes.workers, 2
        )
        low, high = domain_skills(kept, np.eye(2)[truth], domain, DOMAINS, gold=all_gold(truth)).interval()
        inside = (low <= skill) & (skill <= high)
        covered.append(inside.mean())
        unseen.append(inside[:8, 3].mean())
    assert 0.85 <= np.mean(covered) <= 0.97
    assert 0.8 <= np.mean(unseen) <= 0.99


def test_an_easy_domain_is_easy_for_everybody() -> None:
    votes, truth, domain, _ = planted(5, 0.2)
    offset = domain_skills(votes, np.eye(2)[truth], domain, DOMAINS, gold=all_gold(truth)).offset
    assert (np.diff(offset) > 0).all()


def test_order_of_votes_and_names_of_workers_and_domains_change_nothing() -> None:
    votes, truth, domain, _ = planted(6, 0.5)
    draw = np.random.default_rng(0)
    order, name, place = draw.permutation(len(votes)), draw.permutation(WORKERS), draw.permutation(DOMAINS)
    other = Votes(votes.item[order], name[votes.worker[order]], votes.answer[order], ITEMS, WORKERS, 2)
    posterior = np.where(np.eye(2)[truth] == 1, 0.9, 0.1)
    here = domain_skills(votes, posterior, domain, DOMAINS)
    there = domain_skills(other, posterior, place[domain], DOMAINS)
    np.testing.assert_allclose(here.mean, there.mean[np.ix_(name, place)], rtol=1e-9)
    np.testing.assert_allclose(here.strength, there.strength[np.ix_(name, place)], rtol=1e-9)


def test_domains_that_do_not_fit_the_items_are_refused() -> None:
    votes, truth, domain, _ = planted(7, 0.5)
    with pytest.raises(ValueError, match="domains of items"):
        domain_skills(votes, np.eye(2)[truth], domain[:-1], DOMAINS)
    with pytest.raises(ValueError, match="domain indices"):
        domain_skills(votes, np.eye(2)[truth], domain, 2)
