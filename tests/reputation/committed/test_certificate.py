"""A finished run is certified in one pass, and whatever is changed about it is refused."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reputation import (
    COMMITTED_METHODS,
    Certificate,
    CommittedRun,
    MeanParameters,
    States,
    Votes,
    certify,
    commit,
    compare,
    judge,
)
from reputation.committed import Counts, mean
from reputation.priors import DIFFICULTY, HIERARCHICAL, StatesPrior
from reputation.truth.default import default
from reputation.truth.difficulty import Difficulty
from reputation.truth.hierarchical import Hierarchical
from reputation.votes import PPM
from tests.reputation.conftest import read_crowd, simulate
from tests.reputation.strategies import votes

TOLERANCE = 100  # the least that a specification may ask for
CROWD = simulate(items=80, workers=8, classes=3, per_item=4, skills=np.linspace(0.5, 0.95, 8), seed=3).votes
QUICK = settings(deadline=None, max_examples=25)


@cache
def honest() -> CommittedRun:
    """The run of CROWD; made once, and not while tests are collected."""
    return commit(CROWD)


def certified(run: CommittedRun, crowd: Votes = CROWD) -> Certificate:
    return certify(run, crowd, tolerance_ppm=TOLERANCE)


def changed(run: CommittedRun, member: int, labels: np.ndarray) -> CommittedRun:
    assert isinstance(run.parameters, MeanParameters)
    members = list(run.parameters.members)
    members[member] = Counts(members[member].items, labels)
    return replace(run, parameters=MeanParameters(tuple(members)))


@pytest.mark.parametrize("method", COMMITTED_METHODS)
def test_an_honest_run_holds_and_runs_again_to_the_same(method: str) -> None:
    run = commit(CROWD, method)
    assert certified(run).holds
    assert compare(run, commit(CROWD, method), tolerance_ppm=TOLERANCE) == ()


@QUICK
@given(votes())
def test_every_small_crowd_that_converges_is_certified(crowd: Votes) -> None:
    run = commit(crowd)
    assume(run.iterations < 4000)
    certificate = certified(run, crowd)
    assert certificate.holds, certificate.faults
    assert certificate.residual_ppm == run.residual_ppm


@QUICK
@given(st.integers(0, len(CROWD) - 1))
def test_a_dropped_vote_is_refused(place: int) -> None:
    kept = np.delete(np.arange(len(CROWD)), place)
    fewer = Votes(CROWD.item[kept], CROWD.worker[kept], CROWD.answer[kept], 80, 8, 3)
    assert not certified(honest(), fewer).holds
    # Nor does it help to state one label less.
    faults = certified(replace(honest(), labels=len(fewer)), fewer).faults
    assert [fault.what for fault in faults] == ["votes that the parameters count"]


@QUICK
@given(st.integers(0, len(CROWD) - 1), st.integers(1, 2))
def test_another_answer_is_refused_whatever_the_tolerance(place: int, by: int) -> None:
    answer = CROWD.answer.copy()
    answer[place] = (answer[place] + by) % 3
    changed_votes = Votes(CROWD.item, CROWD.worker, answer, 80, 8, 3)
    assert not certify(honest(), changed_votes, tolerance_ppm=PPM).holds


@QUICK
@given(st.data())
def test_two_answers_of_a_worker_exchanged_are_refused_where_a_parameter_moves(data: st.DataObject) -> None:
    """Every sum stays, so only the step can show it; it does beyond the tolerance, and nowhere else."""
    first = data.draw(st.integers(0, len(CROWD) - 1))
    same = (CROWD.worker == CROWD.worker[first]) & (CROWD.answer != CROWD.answer[first])
    second = data.draw(st.sampled_from(np.flatnonzero(same).tolist()))
    swapped = exchanged(CROWD, first, second)
    parameters = honest().parameters
    assert isinstance(parameters, MeanParameters)
    assert mean.miscounted(swapped, parameters) == ""
    moved = mean.residual(swapped, parameters)
    restated = replace(honest(), residual_ppm=moved)
    assert certified(restated, swapped).holds == (moved <= TOLERANCE)
    assert certified(honest(), swapped).holds == (abs(moved - honest().residual_ppm) <= 1)


def exchanged(crowd: Votes, first: int, second: int) -> Votes:
    answer = crowd.answer.copy()
    answer[[first, second]] = answer[[second, first]]
    return replace(crowd, answer=answer)


def test_most_exchanges_in_a_small_crowd_are_refused_even_if_the_residual_is_restated() -> None:
    random = np.random.default_rng(7)
    refused = []
    for _ in range(100):
        first = int(random.integers(len(CROWD)))
        same = (CROWD.worker == CROWD.worker[first]) & (CROWD.answer != CROWD.answer[first])
        swapped = exchanged(CROWD, first, int(random.choice(np.flatnonzero(same))))
        certificate = certified(honest(), swapped)
        assert certificate.residual_ppm is not None
        refused.append(certificate.residual_ppm > TOLERANCE)
    assert np.mean(refused) > 0.95


@pytest.mark.parametrize(
    ("made", "said"), [*zip(COMMITTED_METHODS, reversed(COMMITTED_METHODS), strict=True)]
)
def test_parameters_of_one_method_are_refused_under_the_name_of_another(made: str, said: str) -> None:
    (fault,) = certified(replace(commit(CROWD, made), method=said)).faults
    assert fault.what == f"form of the parameters of {said}"
    assert {fault.expected, fault.found} == {"Parameters", "MeanParameters"}


def test_a_method_that_nobody_knows_is_a_fault() -> None:
    (fault,) = certified(replace(honest(), method="magic")).faults
    assert (fault.what, fault.found) == ("method of the run", "magic")


@QUICK
@given(st.data())
def test_labels_moved_between_states_are_refused_beyond_the_tolerance(data: st.DataObject) -> None:
    member = data.draw(st.integers(0, 1))
    labels = honest().parameters.members[member].labels.copy()  # type: ignore[union-attr]
    worker, answer = data.draw(st.integers(0, 7)), data.draw(st.integers(0, 2))
    column = labels[worker, :, answer]
    source = int(column.argmax())
    target = (source + data.draw(st.integers(1, column.size - 1))) % column.size
    moved = int(column[source] * data.draw(st.floats(0.05, 1)))
    assume(moved > 0)
    column[source] -= moved
    column[target] += moved
    assert [fault.what for fault in certified(changed(honest(), member, labels)).faults] == [
        "movement of one more step, in ppm"
    ]


@QUICK
@given(st.integers(0, 1), st.integers(0, 7), st.integers(0, 2), st.sampled_from([-1, 1]))
def test_a_millionth_of_a_label_too_many_or_too_few_is_refused(
    member: int, worker: int, answer: int, by: int
) -> None:
    labels = honest().parameters.members[member].labels.copy()  # type: ignore[union-attr]
    labels[worker, int(labels[worker, :, answer].argmax()), answer] += by
    assert [fault.what for fault in certified(changed(honest(), member, labels)).faults] == [
        "votes that the parameters count"
    ]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"labels": len(CROWD) - 1}, "labels that the run read"),
        ({"residual_ppm": 12_345}, "residual that the run states"),
        ({"iterations": 0}, "iterations of the run"),
        ({"iterations": 4001}, "iterations of the run"),
    ],
)
def test_what_a_run_says_of_itself_has_to_be_so(change: dict[str, int], what: str) -> None:
    (fault,) = certified(replace(honest(), **change)).faults
    assert what in fault.what
    assert fault.expected != fault.found


def test_forged_iterations_are_found_by_a_rerun() -> None:
    forged = replace(honest(), iterations=honest().iterations + 3)
    assert certified(forged).holds
    (fault,) = compare(forged, honest(), tolerance_ppm=TOLERANCE)
    assert fault.what == "iterations of the run"


def test_a_run_that_was_broken_off_says_so_and_is_refused() -> None:
    runs = default(CROWD, max_iterations=1)
    parameters = mean.quantise(CROWD, [run.states for run in runs if run.states])
    residual = mean.residual(CROWD, parameters)
    assert residual > TOLERANCE
    run = CommittedRun(honest().method, parameters, len(CROWD), 2, residual)
    assert [fault.what for fault in certified(run).faults] == ["movement of one more step, in ppm"]


def test_runs_of_other_workers_or_classes_are_refused_in_words() -> None:
    other = Votes(CROWD.item, CROWD.worker, CROWD.answer, 80, 9, 3)
    (fault,) = certified(honest(), other).faults
    assert "hierarchical of shape (8, 3, 3)" in str(fault.found)
    with pytest.raises(ValueError, match="no committed method"):
        commit(CROWD, "majority")
    with pytest.raises(ValueError, match="runs of"):
        compare(honest(), commit(CROWD, "dawid-skene"), tolerance_ppm=1)


@QUICK
@given(st.integers(0, 2**32))
def test_what_another_device_adds_up_in_another_order_is_certified_here(seed: int) -> None:
    """A GPU's sums differ in the last bits; what is committed is made on the CPU, from its parameters."""
    random = np.random.default_rng(seed)
    shaken = [
        States(*(part * (1 + 1e-13 * random.standard_normal(part.shape)) for part in _parts(run.states)))
        for run in default(CROWD)
    ]
    parameters = mean.quantise(CROWD, shaken)
    run = replace(honest(), parameters=parameters, residual_ppm=mean.residual(CROWD, parameters))
    assert certified(run).holds
    assert compare(run, honest(), tolerance_ppm=1) == ()


def _parts(states: States | None) -> tuple[np.ndarray, np.ndarray]:
    assert states is not None
    return states.prevalence, states.emission


def test_a_run_made_on_a_gpu_passes_on_a_processor() -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no GPU")
    made = commit(CROWD, device="cuda")
    assert certified(made).holds
    assert compare(made, honest(), tolerance_ppm=TOLERANCE) == ()


@pytest.mark.parametrize("name", ["rte", "d_product", "face", "trec2011"])
def test_a_real_crowd_is_certified_and_judged_as_the_models_found(name: str) -> None:
    crowd = read_crowd(name).votes
    run = commit(crowd)
    assert certified(run, crowd).holds
    posterior = sum(member.posterior for member in default(crowd)) / 2
    found = judge(crowd, run.parameters)
    assert np.abs(found.confidence_ppm / PPM - posterior.max(axis=1)).max() < 2e-3
    # Where the best two classes are all but equal, the rounding decides; nowhere else.
    best = np.sort(posterior, axis=1)
    clear = best[:, -1] - best[:, -2] > 2e-3
    assert (found.answer == posterior.argmax(axis=1))[clear].all()


@pytest.mark.parametrize(("model", "prior"), [(Hierarchical(), HIERARCHICAL), (Difficulty(), DIFFICULTY)])
def test_the_committed_priors_are_those_of_the_models(
    model: Hierarchical | Difficulty, prior: StatesPrior
) -> None:
    easy, *hard = prior.levels
    assert (model.name, model.copies, model.prevalence) == (prior.name, len(prior.levels), prior.prevalence)
    assert (easy.correct_per_worker, easy.wrong_per_worker) == (
        model.community_correct,
        model.community_wrong,
    )
    assert all(level.worker_labels == model.strength for level in prior.levels)
    if isinstance(model, Difficulty):
        assert [(level.correct, level.wrong) for level in hard] == [(model.hard_correct, model.hard_wrong)]


def test_certifying_needs_no_torch() -> None:
    program = (
        "import sys, numpy as np, reputation as r\n"
        "from reputation.committed import Counts, mean\n"
        "v = r.Votes(np.array([0]), np.array([0]), np.array([0]), 1, 1, 2)\n"
        "m = [Counts(np.array([10**6] + [0] * (s - 1)), np.array([[[10**6, 0]] + [[0, 0]] * (s - 1)]))"
        " for s in (2, 4)]\n"
        "run = r.CommittedRun(r.DEFAULT_METHOD, r.MeanParameters(tuple(m)), 1, 1, 0)\n"
        "assert r.certify(run, v, tolerance_ppm=100).residual_ppm > 0\n"
        "r.skill(v, run.parameters)\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
