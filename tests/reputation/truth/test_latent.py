from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaln

from reputation import Votes
from reputation.truth.core import Layout
from reputation.truth.dawid_skene_ml import MaximumLikelihood, dawid_skene_ml
from reputation.truth.difficulty import Difficulty, difficulty
from reputation.truth.hierarchical import Hierarchical, hierarchical
from reputation.truth.latent import Fit, climb, divergence
from reputation.truth.subtypes import Subtypes, subtypes
from tests.reputation.conftest import read_crowd, simulate
from tests.reputation.strategies import votes
from tests.reputation.truth import plain
from tests.reputation.truth.plain import Array

CROWD = simulate(items=300, workers=15, classes=3, per_item=5, skills=np.linspace(0.4, 0.9, 15), seed=4).votes


@settings(deadline=None, max_examples=30)
@given(votes(), st.integers(1, 4))
def test_the_hierarchical_model_is_that_of_a_plain_loop(crowd: Votes, steps: int) -> None:
    here = plain.answered(crowd)
    posterior = plain.shares(crowd)
    for _ in range(steps + 1):
        rows = plain.hierarchical_rows(plain.expected_counts(crowd, posterior), 2.0, 4.0, 1.0)
        weight = posterior[here].sum(axis=0) + 1
        table, prior = plain.logs(rows), plain.logs(weight)
        joint = np.tile(prior, (crowd.items, 1))
        for i, w, a in zip(crowd.item, crowd.worker, crowd.answer, strict=True):
            joint[i] += table[w, :, a]
        posterior = np.exp(joint) / np.exp(joint).sum(axis=1, keepdims=True)
    run = hierarchical(crowd, tolerance_ppm=1, max_iterations=steps)
    if run.iterations == steps:
        assert run.posterior == pytest.approx(posterior, abs=1e-8)
        assert run.confusion == pytest.approx(rows / rows.sum(axis=2, keepdims=True), abs=1e-8)


@settings(deadline=None, max_examples=20)
@given(votes(), st.integers(1, 3))
def test_the_difficulty_model_is_that_of_a_plain_loop(crowd: Votes, steps: int) -> None:
    k, shares = crowd.classes, plain.shares(crowd)
    entropy = -(shares * np.log(shares)).sum(axis=1, keepdims=True) / np.log(k)
    posterior = np.concatenate([shares * (1 - 0.3 * entropy), shares * 0.3 * entropy], axis=1)
    for _ in range(steps + 1):
        counts = plain.expected_counts(crowd, posterior)
        easy = plain.hierarchical_rows(counts[:, :k], 2.0, 4.0, 1.0)
        pooled = counts[:, k:].sum(axis=0) + np.where(np.eye(k) > 0, 20.0, 10.0)
        hard = counts[:, k:] + 2.0 * pooled / pooled.sum(axis=1, keepdims=True)
        table = plain.logs(np.concatenate([easy, hard], axis=1))
        joint = np.tile(plain.logs(posterior[plain.answered(crowd)].sum(axis=0) + 1), (crowd.items, 1))
        for i, w, a in zip(crowd.item, crowd.worker, crowd.answer, strict=True):
            joint[i] += table[w, :, a]
        posterior = np.exp(joint) / np.exp(joint).sum(axis=1, keepdims=True)
    run = difficulty(crowd, tolerance_ppm=1, max_iterations=steps)
    if run.iterations == steps:
        assert run.posterior == pytest.approx(posterior[:, :k] + posterior[:, k:], abs=1e-8)


def likelihood(crowd: Votes, prevalence: Array, confusion: Array) -> float:
    """By enumeration, over the items that have votes."""
    _, total = plain.by_enumeration(crowd, np.log(np.maximum(prevalence, 1e-300)), np.log(confusion))
    return total


@settings(deadline=None, max_examples=15)
@given(votes(at_least=4).filter(lambda c: c.items <= 5 and c.classes == 2), st.integers(0, 2**32 - 1))
def test_at_the_maximum_no_small_change_makes_the_votes_likelier(crowd: Votes, seed: int) -> None:
    run = dawid_skene_ml(crowd, tolerance_ppm=1)
    confusion = run.confusion + 1e-9
    best = likelihood(crowd, run.prevalence, confusion / confusion.sum(axis=2, keepdims=True))
    # Items without votes have probability one under any parameters, so they change nothing.
    assert run.log_likelihood[-1] == pytest.approx(best, abs=1e-3)
    random = np.random.default_rng(seed)
    for _ in range(5):
        moved = confusion * np.exp(random.normal(0, 1e-3, confusion.shape))
        weight = run.prevalence * np.exp(random.normal(0, 1e-3, 2)) + 1e-12
        there = likelihood(crowd, weight / weight.sum(), moved / moved.sum(axis=2, keepdims=True))
        # Saddles are possible; a step of a thousandth gains second order at most.
        assert there < best + 1e-4


def log_dirichlet(x: Array, parameters: Array) -> float:
    norm = gammaln(parameters.sum(axis=-1)) - gammaln(parameters).sum(axis=-1)
    return float((norm + ((parameters - 1) * np.log(x)).sum(axis=-1)).sum())


def test_the_divergence_is_the_mean_of_the_log_ratio_over_draws() -> None:
    random = np.random.default_rng(0)
    q, p = np.array([3.0, 1.5, 0.7]), np.array([1.0, 2.0, 0.5])
    draws = random.dirichlet(q, 200_000)
    ratios = [gammaln(v.sum()) - gammaln(v).sum() + ((v - 1) * np.log(draws)).sum(axis=1) for v in (q, p)]
    found = divergence(torch.from_numpy(q), torch.from_numpy(p))
    assert found == pytest.approx(float((ratios[0] - ratios[1]).mean()), abs=0.01)


class Frozen(Hierarchical):
    """The hierarchical model with a community that does not move: then every step must raise the bound."""

    def maximise(self, counts: torch.Tensor, totals: torch.Tensor) -> Fit:
        fit = super().maximise(torch.zeros_like(counts), totals)
        emission = counts + fit.emission
        logs = torch.digamma(emission) - torch.digamma(emission.sum(2, keepdim=True))
        weight = torch.ones_like(totals)
        penalty = divergence(emission, fit.emission) + divergence(fit.prevalence, weight)
        return Fit(fit.prevalence, emission, fit.log_prevalence, logs, penalty)


def test_with_the_community_held_the_lower_bound_never_falls() -> None:
    course = climb(Frozen(), Layout.of(CROWD), 1e-6, 500)
    assert len(course.objective) > 5
    assert np.diff(course.objective).min() > -1e-3


@settings(deadline=None, max_examples=10)
@given(votes(at_least=3).filter(lambda c: c.items <= 4 and c.classes == 2))
def test_the_bound_is_below_the_evidence_of_every_possible_truth(crowd: Votes) -> None:
    """The exact evidence sums over all truths, each with its Dirichlet-multinomial probability."""
    course = climb(Frozen(), Layout.of(crowd), 1e-6, 200)
    oc = np.array([[4.0, 1.0], [1.0, 4.0]])
    prior = 2.0 * oc / oc.sum(axis=1, keepdims=True)
    here = np.flatnonzero(plain.answered(crowd))
    total = []
    for code in range(2**here.size):
        truth = np.zeros((crowd.items, 2))
        truth[here, [(code >> n) & 1 for n in range(here.size)]] = 1
        counts = plain.expected_counts(crowd, truth)
        total.append(
            marginal(truth[here].sum(axis=0), np.ones(2))
            + sum(marginal(counts[w, k], prior[k]) for w in range(crowd.workers) for k in range(2))
        )
    exact = float(np.logaddexp.reduce(total))
    assert course.objective[-1] <= exact + 1e-4
    assert course.objective[-1] > exact - 3 * crowd.workers - crowd.items


def marginal(counts: Array, prior: Array) -> float:
    return float(
        gammaln(prior.sum())
        - gammaln(prior.sum() + counts.sum())
        + (gammaln(prior + counts) - gammaln(prior)).sum()
    )


def test_one_subtype_with_the_papers_prior_is_the_plain_bayesian_combination() -> None:
    run = subtypes(CROWD, model=Subtypes(copies=1), restarts=1, tolerance_ppm=1, max_iterations=4)
    posterior = plain.shares(CROWD)
    for _ in range(5):
        rows = plain.expected_counts(CROWD, posterior) + np.where(np.eye(3) > 0, 4.0, 1.0)
        joint = np.tile(plain.logs(posterior.sum(axis=0) + 1), (CROWD.items, 1))
        for i, w, a in zip(CROWD.item, CROWD.worker, CROWD.answer, strict=True):
            joint[i] += plain.logs(rows)[w, :, a]
        posterior = np.exp(joint) / np.exp(joint).sum(axis=1, keepdims=True)
    assert run.iterations == 4
    assert run.posterior == pytest.approx(posterior, abs=1e-8)


def test_subtypes_take_the_best_of_their_starts_and_repeat_it() -> None:
    runs = [subtypes(CROWD, restarts=1, seed=seed, max_iterations=60) for seed in range(3)]
    best = subtypes(CROWD, restarts=3, seed=0, max_iterations=60)
    assert best.log_likelihood[-1] == max(run.log_likelihood[-1] for run in runs)
    again = subtypes(CROWD, restarts=3, seed=0, max_iterations=60)
    assert best.posterior.tobytes() == again.posterior.tobytes()
    assert len({run.log_likelihood[-1] for run in runs}) > 1


def test_where_some_items_are_hard_for_everybody_the_difficulty_model_is_less_surprised() -> None:
    random = np.random.default_rng(6)
    items, workers = 1500, 25
    truth, hard = random.integers(3, size=items), random.random(items) < 0.4
    item = np.repeat(np.arange(items), 7)
    worker = np.concatenate([random.permutation(workers)[:7] for _ in range(items)])
    right = random.random(item.size) < np.where(hard[item], 0.45, 0.97)
    wrong = (truth[item] + 1 + (random.random(item.size) < 0.2)) % 3
    crowd = Votes(item, worker, np.where(right, truth[item], wrong), items, workers, 3)
    surprise = {
        run.method: -np.log(np.maximum(run.posterior[np.arange(items), truth], 1e-12)).mean()
        for run in (hierarchical(crowd), difficulty(crowd))
    }
    assert surprise["difficulty"] < surprise["hierarchical"] - 0.1


def test_maximum_likelihood_finds_the_tables_of_1979() -> None:
    """Dawid & Skene (1979): the marginals, and the error rates of their first observer, who read thrice."""
    run = dawid_skene_ml(read_crowd("ds1979", repeats=True).votes, tolerance_ppm=1)
    assert run.converged
    assert run.prevalence == pytest.approx([0.40, 0.42, 0.11, 0.07], abs=0.005)
    first = [[0.89, 0.11, 0, 0], [0.07, 0.88, 0.05, 0], [0, 0.34, 0.66, 0], [0, 0, 0.56, 0.44]]
    assert run.confusion[0] == pytest.approx(np.array(first), abs=0.0051)
    assert (np.diff(run.log_likelihood) > -1e-4).all()


def test_maximum_likelihood_leaves_a_row_uniform_on_which_nothing_bears() -> None:
    silent = Votes(CROWD.item, CROWD.worker, CROWD.answer, CROWD.items, 16, 3)
    assert dawid_skene_ml(silent, max_iterations=3).confusion[15] == pytest.approx(np.full((3, 3), 1 / 3))


@pytest.mark.parametrize("model", [Hierarchical(), Difficulty(), Subtypes(), MaximumLikelihood()])
def test_every_model_begins_with_distributions(model: Hierarchical) -> None:
    shares = plain.shares(CROWD)
    first = model.start(shares, np.arange(CROWD.items))
    by_class = first.reshape(CROWD.items, model.copies, 3).sum(axis=1)
    assert by_class == pytest.approx(shares, abs=1e-8)
    assert (first >= 0).all()
