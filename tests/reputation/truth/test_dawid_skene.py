from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from reputation import ConfusionPrior, TruthRun, Votes, dawid_skene, judge, majority_vote, quantise
from reputation.committed.dawid_skene import residual
from tests.reputation.conftest import read_crowd, simulate
from tests.reputation.strategies import votes

# Real crowds on which the inferred answers must be at least as good as the majority's. On the other three
# with truth the figures are within chance of each other, or (fact_eval) the judged items are no fair sample.
BETTER = [
    "bluebirds",
    "rte",
    "sp",
    "d_product",
    "mozafari",
    "dog",
    "face",
    "labelme",
    "trec2011",
    "med_treat",
    "s_adult",
    "trec",
    "s_rel",
]
DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")),
]


Rows = list[list[float]]


def naive_m_step(crowd: Votes, prior: ConfusionPrior, posterior: Rows) -> tuple[list[float], list[Rows]]:
    """The model's M-step as plain loops over lists: prevalence, and a confusion matrix per worker."""
    classes, workers = range(crowd.classes), range(crowd.workers)
    counts = [[[0.0 for _ in classes] for _ in classes] for _ in workers]
    for i, w, a in zip(crowd.item, crowd.worker, crowd.answer, strict=True):
        for k in classes:
            counts[w][k][a] += posterior[i][k]
    confusion: list[Rows] = [[] for _ in workers]
    for k in classes:
        coin = [prior.community_correct if a == k else prior.community_wrong for a in classes]
        pooled = [sum(counts[w][k][a] for w in workers) + crowd.workers * coin[a] for a in classes]
        for w in workers:
            raw = [counts[w][k][a] + prior.worker_labels * pooled[a] / sum(pooled) for a in classes]
            confusion[w].append([x / sum(raw) for x in raw])
    weight = [prior.prevalence + sum(row[k] for row in posterior) for k in classes]
    return [x / sum(weight) for x in weight], confusion


def naive_e_step(crowd: Votes, prevalence: list[float], confusion: list[Rows]) -> Rows:
    joint = [list(prevalence) for _ in range(crowd.items)]
    for i, w, a in zip(crowd.item, crowd.worker, crowd.answer, strict=True):
        joint[i] = [p * confusion[w][k][a] for k, p in enumerate(joint[i])]
    return [[p / sum(row) for p in row] for row in joint]


def naive(crowd: Votes, prior: ConfusionPrior, steps: int) -> tuple[list[float], list[Rows]]:
    shares = [[float(n) + 1e-9 for n in row] for row in crowd.tally()]
    prevalence, confusion = naive_m_step(crowd, prior, [[p / sum(row) for p in row] for row in shares])
    for _ in range(steps):
        posterior = naive_e_step(crowd, prevalence, confusion)
        prevalence, confusion = naive_m_step(crowd, prior, posterior)
    return prevalence, confusion


@settings(deadline=None, max_examples=60)
@given(votes(), st.integers(1, 5))
def test_the_sparse_steps_are_those_of_a_plain_loop(crowd: Votes, steps: int) -> None:
    prior = ConfusionPrior(worker_labels=2, community_correct=3, community_wrong=1, prevalence=1)
    prevalence, confusion = naive(crowd, prior, steps)
    run = dawid_skene(crowd, prior=prior, tolerance_ppm=1, max_iterations=steps)
    if run.iterations == steps:
        assert run.prevalence == pytest.approx(np.array(prevalence), abs=1e-9)
        assert run.confusion == pytest.approx(np.array(confusion), abs=1e-9)


@settings(deadline=None, max_examples=60)
@given(votes())
def test_a_run_is_made_of_distributions(crowd: Votes) -> None:
    run = dawid_skene(crowd)
    for rows in (run.posterior, run.confusion, run.prevalence):
        assert (rows >= 0).all()
        assert rows.sum(axis=-1) == pytest.approx(1, abs=1e-12)


def same(one: TruthRun, other: TruthRun) -> bool:
    pairs: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = [
        (one.posterior, other.posterior),
        (one.confusion, other.confusion),
        (one.prevalence, other.prevalence),
    ]
    return all(a.tobytes() == b.tobytes() for a, b in pairs) and one.log_likelihood == other.log_likelihood


@pytest.mark.parametrize("device", DEVICES)
def test_a_rerun_gives_the_same_bits_whatever_the_order_of_votes(device: str) -> None:
    skills = np.linspace(0.5, 0.95, 20)
    crowd = simulate(items=400, workers=20, classes=3, per_item=5, skills=skills, seed=1).votes
    order = np.random.default_rng(2).permutation(len(crowd))
    shuffled = Votes(crowd.item[order], crowd.worker[order], crowd.answer[order], 400, 20, 3)
    run = dawid_skene(crowd, device=device)
    assert same(run, dawid_skene(crowd, device=device))
    assert same(run, dawid_skene(shuffled, device=device))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_the_gpu_finds_what_the_processor_finds() -> None:
    skills = np.linspace(0.4, 0.95, 50)
    crowd = simulate(items=3000, workers=50, classes=4, per_item=5, skills=skills, seed=5).votes
    on_gpu, on_cpu = quantise(dawid_skene(crowd, device="cuda")), quantise(dawid_skene(crowd))
    assert np.abs(on_gpu.confusion - on_cpu.confusion).max() <= 1
    assert residual(crowd, on_gpu, ConfusionPrior()) <= 50


def test_it_recovers_a_simulated_crowd_and_sees_through_its_spammers() -> None:
    skills = np.array([0.9] * 8 + [1 / 3] * 12)
    crowd = simulate(items=1500, workers=20, classes=3, per_item=7, skills=skills, seed=7)
    run = dawid_skene(crowd.votes)
    inferred = crowd.accuracy(judge(crowd.votes, quantise(run)).answer)
    assert run.converged
    assert inferred > crowd.accuracy(majority_vote(crowd.votes).answer) + 0.03
    diagonal = np.diagonal(run.confusion, axis1=1, axis2=2).mean(axis=1)
    assert np.abs(diagonal - skills).max() < 0.06


def test_a_worker_with_one_label_is_taken_for_an_average_one() -> None:
    skills = np.full(11, 0.8)
    full = simulate(items=300, workers=10, classes=2, per_item=6, skills=skills[:10], seed=3).votes
    answer = 1 - int(majority_vote(full).answer[0])
    crowd = Votes(
        np.append(full.item, 0), np.append(full.worker, 10), np.append(full.answer, answer), 300, 11, 2
    )
    newcomer = np.diagonal(dawid_skene(crowd).confusion[10])
    assert (newcomer > 0.6).all()


def test_nothing_is_inferred_from_nothing() -> None:
    none = np.empty(0, dtype=np.int64)
    with pytest.raises(ValueError, match="no votes"):
        dawid_skene(Votes(none, none, none, 1, 1, 2))


def test_dawid_and_skenes_own_example_gives_their_figures() -> None:
    """Dawid & Skene (1979), table 4: class marginals 0.40, 0.42, 0.11, 0.07, by maximum likelihood.

    Our prior is set as weak as it goes; the workers' rows then carry a single pseudo-label.
    """
    crowd = read_crowd("ds1979", repeats=True).votes
    run = dawid_skene(crowd, prior=ConfusionPrior(1, 1, 1, 1), tolerance_ppm=1)
    assert run.converged
    assert run.prevalence == pytest.approx([0.40, 0.42, 0.11, 0.07], abs=0.02)
    # Patient 1 is class 1 and patient 3 class 2 beyond doubt in their table of posteriors.
    assert run.posterior[0, 0] > 0.99


@pytest.mark.parametrize("name", BETTER)
def test_on_a_real_crowd_it_is_at_least_as_good_as_the_majority(name: str) -> None:
    crowd = read_crowd(name)
    run = dawid_skene(crowd.votes)
    parameters = quantise(run)
    inferred = crowd.accuracy(judge(crowd.votes, parameters).answer)
    assert run.converged
    assert inferred >= crowd.accuracy(majority_vote(crowd.votes).answer)
    assert residual(crowd.votes, parameters, ConfusionPrior()) <= 100


@pytest.mark.parametrize("name", ["temp", "sp_amt", "fact_eval"])
def test_where_it_does_not_help_it_does_little_harm(name: str) -> None:
    crowd = read_crowd(name)
    inferred = crowd.accuracy(judge(crowd.votes, quantise(dawid_skene(crowd.votes))).answer)
    assert inferred >= crowd.accuracy(majority_vote(crowd.votes).answer) - 0.03


def test_importing_the_package_does_not_load_torch() -> None:
    program = "import sys, reputation; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
