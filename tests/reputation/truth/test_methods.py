from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reputation import METHODS, Known, Votes, majority_vote
from reputation.truth.default import WEIGHTS, default
from reputation.truth.run import TruthRun
from tests.reputation.conftest import Crowd, read_crowd, simulate
from tests.reputation.strategies import votes
from tests.reputation.truth import plain

# Without randomness in where they begin, so that numbering the items differently is nothing to them.
MINE = ["majority", "dawid-skene-ml", "dawid-skene", "hierarchical", "difficulty", "one-coin", "subtypes"]
STEADY = MINE[:-1]
SIMULATED = simulate(items=250, workers=15, classes=3, per_item=5, skills=np.linspace(0.5, 0.95, 15), seed=2)
CROWD = SIMULATED.votes

# Real crowds that are small; crowd-kit 1.4.2's Dawid-Skene is right on so many percent.
CROWD_KIT = {
    "bluebirds": 88.89,
    "rte": 92.75,
    "temp": 94.16,
    "sp_amt": 94.40,
    "mozafari": 70.90,
    "dog": 84.26,
    "face": 64.04,
    "labelme": 79.20,
}


@pytest.mark.parametrize("name", MINE)
@settings(deadline=None, max_examples=15)
@given(crowd=votes())
def test_a_run_of_any_method_is_made_of_distributions(name: str, crowd: Votes) -> None:
    run = METHODS[name](crowd, max_iterations=20)
    k = crowd.classes
    assert run.method == name
    assert run.posterior.shape == (crowd.items, k)
    assert run.confusion.shape == (crowd.workers, k, k)
    for rows in (run.posterior, run.confusion, run.prevalence):
        assert (rows >= 0).all()
        assert rows.sum(axis=-1) == pytest.approx(1, abs=1e-9)


def renumbered(
    crowd: Votes, item: list[int], worker: list[int], answer: list[int], order: list[int]
) -> Votes:
    parts = (np.array(item)[crowd.item], np.array(worker)[crowd.worker], np.array(answer)[crowd.answer])
    shuffled = [part[order] for part in parts]
    return Votes(shuffled[0], shuffled[1], shuffled[2], crowd.items, crowd.workers, crowd.classes)


@pytest.mark.parametrize("name", STEADY[1:])
def test_neither_numbers_nor_order_mean_anything(name: str) -> None:
    random = np.random.default_rng(5)
    sizes = (CROWD.items, CROWD.workers, CROWD.classes, len(CROWD))
    item, worker, answer, order = (random.permutation(size).tolist() for size in sizes)
    one = METHODS[name](CROWD)
    other = METHODS[name](renumbered(CROWD, item, worker, answer, order))
    assert other.posterior[np.ix_(item, answer)] == pytest.approx(one.posterior, abs=1e-4)
    assert other.confusion[np.ix_(worker, answer, answer)] == pytest.approx(one.confusion, abs=1e-4)


@pytest.mark.parametrize("name", MINE)
def test_a_rerun_and_another_order_of_votes_give_the_same_bits(name: str) -> None:
    order = np.random.default_rng(6).permutation(len(CROWD))
    moved = Votes(CROWD.item[order], CROWD.worker[order], CROWD.answer[order], 250, 15, 3)
    one, again, other = (METHODS[name](crowd, max_iterations=50) for crowd in (CROWD, CROWD, moved))
    for run in (again, other):
        assert run.posterior.tobytes() == one.posterior.tobytes()
        assert run.confusion.tobytes() == one.confusion.tobytes()
        assert run.log_likelihood == one.log_likelihood


@pytest.mark.parametrize("name", STEADY)
def test_known_items_are_certain_and_teach_about_their_workers(name: str) -> None:
    truth = SIMULATED.truth
    known = Known(np.arange(60), truth[:60])
    free, taught = METHODS[name](CROWD), METHODS[name](CROWD, known=known)
    assert taught.posterior[np.arange(60), truth[:60]] == pytest.approx(np.ones(60))
    assert not np.array_equal(taught.confusion, free.confusion)
    right = [(run.posterior[60:].argmax(axis=1) == truth[60:]).mean() for run in (free, taught)]
    assert right[1] >= right[0] - 0.02


@pytest.mark.parametrize("name", STEADY)
def test_a_known_item_needs_no_votes(name: str) -> None:
    crowd = Votes(CROWD.item, CROWD.worker, CROWD.answer, 251, 15, 3)
    run = METHODS[name](crowd, known=Known(np.array([250]), np.array([2])))
    assert run.posterior[250].tolist() == [0, 0, 1]


@pytest.mark.parametrize("name", MINE)
def test_one_worker_alone_is_believed(name: str) -> None:
    answer = np.array([0, 1, 1, 0, 1])
    crowd = Votes(np.arange(5), np.zeros(5, dtype=np.int64), answer, 5, 1, 2)
    assert METHODS[name](crowd).posterior.argmax(axis=1).tolist() == answer.tolist()


@pytest.mark.parametrize("name", MINE)
def test_a_class_that_nobody_answers_is_no_items_class(name: str) -> None:
    crowd = Votes(CROWD.item, CROWD.worker, CROWD.answer, 250, 15, 4)
    run = METHODS[name](crowd)
    assert run.posterior.shape == (250, 4)
    assert (run.posterior.argmax(axis=1) < 3).all()


@pytest.mark.parametrize("name", MINE)
def test_items_and_workers_without_votes_are_no_trouble(name: str) -> None:
    crowd = Votes(CROWD.item, CROWD.worker, CROWD.answer, 260, 17, 3)
    run, usual = METHODS[name](crowd), METHODS[name](CROWD)
    assert run.posterior[250:].max() < 0.9
    assert (run.posterior[:250].argmax(axis=1) == usual.posterior.argmax(axis=1)).mean() > 0.99


@pytest.mark.parametrize("name", MINE)
def test_nothing_is_inferred_from_no_votes_or_in_no_steps(name: str) -> None:
    none = np.empty(0, dtype=np.int64)
    with pytest.raises(ValueError, match="no votes"):
        METHODS[name](Votes(none, none, none, 1, 1, 2))
    with pytest.raises(ValueError, match="at least 1"):
        METHODS[name](CROWD, max_iterations=0)


@pytest.mark.parametrize("name", [name for name in MINE if name not in ("majority", "one-coin")])
def test_a_matrix_per_worker_of_a_hundred_thousand_classes_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"100000 workers: about .* TiB.*one_coin_sparse work"):
        METHODS[name](singletons())


def singletons() -> Votes:
    """A hundred thousand classes, each of which got one vote."""
    many = np.arange(100_000)
    return Votes(many // 2, many, many, 50_000, 100_000, 100_000)


def test_majority_and_one_coin_say_what_works_instead_of_large_arrays() -> None:
    with pytest.raises(ValueError, match="majority_vote gives the answers without"):
        METHODS["majority"](singletons())
    with pytest.raises(ValueError, match="one_coin_sparse gives the same run without"):
        METHODS["one-coin"](singletons())


def test_the_majority_of_a_hundred_thousand_classes_is_found_sparsely() -> None:
    crowd = singletons()
    run = majority_vote(crowd)
    assert run.tied.all()
    assert (run.answer // 2 == np.arange(50_000)).all()
    # The lottery between two answers is fair: within six standard deviations of a half.
    assert abs((run.answer % 2).mean() - 0.5) < 6 * 0.5 / np.sqrt(50_000)


def test_majority_as_a_method_draws_the_same_lots() -> None:
    run = METHODS["majority"](CROWD)
    assert (run.posterior.argmax(axis=1) == majority_vote(CROWD).answer).all()


@settings(deadline=None, max_examples=20)
@given(votes(), st.integers(1, 30))
def test_movement_and_convergence_say_what_happened(crowd: Votes, limit: int) -> None:
    run = METHODS["hierarchical"](crowd, max_iterations=limit)
    assert run.iterations == len(run.log_likelihood) <= limit
    assert run.converged == (run.movement_ppm <= 10)
    assert run.converged or run.iterations == limit


def test_the_committed_states_give_the_posterior_again() -> None:
    """Whoever has the states can repeat the E-step: that is what a certificate rests on."""
    for name in ("hierarchical", "difficulty"):
        run = METHODS[name](CROWD)
        assert run.states is not None
        joint = np.tile(plain.logs(run.states.prevalence), (CROWD.items, 1))
        table = plain.logs(run.states.emission)
        for i, w, a in zip(CROWD.item, CROWD.worker, CROWD.answer, strict=True):
            joint[i] += table[w, :, a]
        weight = np.exp(joint - joint.max(axis=1, keepdims=True))
        weight = weight.reshape(CROWD.items, -1, 3).sum(axis=1)
        assert weight / weight.sum(axis=1, keepdims=True) == pytest.approx(run.posterior, abs=1e-8)


def averaged(runs: tuple[TruthRun, ...]) -> plain.Array:
    return np.asarray(sum(weight * run.posterior for weight, run in zip(WEIGHTS, runs, strict=True)))


@pytest.fixture(scope="module")
def real() -> dict[str, tuple[Crowd, tuple[TruthRun, TruthRun]]]:
    crowds = {name: read_crowd(name) for name in CROWD_KIT}
    return {name: (crowd, default(crowd.votes)) for name, crowd in crowds.items()}


def test_on_real_crowds_the_default_is_better_than_crowd_kits_best(
    real: dict[str, tuple[Crowd, tuple[TruthRun, TruthRun]]],
) -> None:
    right = {
        name: 100 * crowd.accuracy(averaged(runs).argmax(axis=1)) for name, (crowd, runs) in real.items()
    }
    gain = {name: right[name] - CROWD_KIT[name] for name in right}
    assert np.mean(list(gain.values())) > 0.3
    assert min(gain.values()) > -1.0


def test_on_real_crowds_both_members_converge(
    real: dict[str, tuple[Crowd, tuple[TruthRun, TruthRun]]],
) -> None:
    for _, runs in real.values():
        assert [run.method for run in runs] == ["hierarchical", "difficulty"]
        assert all(run.converged for run in runs)


def test_importing_the_methods_does_not_load_what_they_compute_with() -> None:
    heavy = ["torch", "sklearn", "matplotlib", "pyarrow", "scipy"]
    program = f"import sys, reputation; sys.exit(any(name in sys.modules for name in {heavy}))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
