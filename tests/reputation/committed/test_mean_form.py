"""What follows from the counts of the default method, against the page's formulas in plain Python."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import digamma as reference

from reputation import (
    MeanParameters,
    Votes,
    commit,
    judge,
    method_document,
    parameters_document,
    parameters_from_document,
    skill,
)
from reputation.committed import Counts, mean, steps
from reputation.committed.counts import MICRO, emission, whole
from reputation.committed.digamma import digamma
from reputation.committed.judgement import LOG_SCALE
from reputation.priors import HIERARCHICAL, LevelPrior
from tests.audit import second_audit
from tests.reputation.strategies import PPM, votes

METHOD = "latent-class-mean"


@st.composite
def judged(draw: st.DrawFn) -> tuple[Votes, MeanParameters]:
    """Votes, and arbitrary counts that sum to them."""
    crowd = draw(votes())
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    made = []
    for prior in mean.MEMBERS:
        states = len(prior.levels) * crowd.classes
        share = random.dirichlet(np.full(states, 0.3), size=crowd.items)
        items, labels = np.zeros(states), np.zeros((crowd.workers, states, crowd.classes))
        items += share[np.unique(crowd.item)].sum(axis=0)
        np.add.at(labels, (crowd.worker, slice(None), crowd.answer), share[crowd.item])
        made.append(whole(crowd, items, labels))
    return crowd, MeanParameters(tuple(made))


def second(crowd: Votes, parameters: MeanParameters) -> second_audit.Run:
    names = [f"w{worker}" for worker in range(crowd.workers)]
    labels = [
        second_audit.Label(b"", int(i).to_bytes(4, "big"), names[w], int(a), 0, 0)
        for i, w, a in zip(crowd.item, crowd.worker, crowd.answer, strict=True)
    ]
    document = parameters_document(METHOD, parameters, names)
    return second_audit.Run(labels, document, method_document(METHOD))


@settings(deadline=None, max_examples=60)
@given(judged())
def test_answers_confidence_residual_and_skill_are_those_of_the_page(
    case: tuple[Votes, MeanParameters],
) -> None:
    crowd, committed = case
    plain, found = second(crowd, committed), judge(crowd, committed)
    assert plain.sums()
    for item, (answer, confidence) in plain.truth().items():
        place = int.from_bytes(item, "big")
        assert found.answer[place] == answer
        assert abs(int(found.confidence_ppm[place]) - confidence) <= 1
    assert abs(mean.residual(crowd, committed) - plain.residual()) <= 1
    standing, scored = plain.standing(), skill(crowd, committed)
    for name, (score, error) in standing.items():
        assert scored.score_ppm[int(name[1:])] == score
        assert abs(int(scored.standard_error_ppm[int(name[1:])]) - error) <= 2


@settings(deadline=None)
@given(judged(), st.randoms(use_true_random=False))
def test_judging_does_not_depend_on_the_order_of_votes(
    case: tuple[Votes, MeanParameters], random: Any
) -> None:
    crowd, committed = case
    order = np.arange(len(crowd))
    random.shuffle(order)
    shuffled = Votes(
        crowd.item[order], crowd.worker[order], crowd.answer[order], crowd.items, crowd.workers, crowd.classes
    )
    one, other = judge(crowd, committed), judge(shuffled, committed)
    assert one.answer.tolist() == other.answer.tolist()
    assert one.confidence_ppm.tolist() == other.confidence_ppm.tolist()


def test_items_in_blocks_are_judged_as_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(5)
    crowd = Votes(
        np.repeat(np.arange(50), 3), np.tile(np.arange(3), 50), random.integers(2, size=150), 50, 3, 2
    )
    run = commit(crowd)
    whole_crowd, residual = judge(crowd, run.parameters), run.residual_ppm
    monkeypatch.setattr(steps, "_BLOCK", 9)
    assert judge(crowd, run.parameters).confidence_ppm.tolist() == whole_crowd.confidence_ppm.tolist()
    assert commit(crowd).residual_ppm == residual


def test_equal_evidence_goes_to_the_lowest_class() -> None:
    crowd = Votes(np.array([0, 0]), np.array([0, 1]), np.array([1, 0]), 1, 2, 2)
    run = commit(crowd)
    assert judge(crowd, run.parameters).answer.tolist() == [0]
    assert judge(crowd, run.parameters).confidence_ppm.tolist() == [500_000]


@given(st.floats(1e-6, 1e12))
def test_digamma_is_exact_to_what_is_kept_of_it(x: float) -> None:
    found, known = float(digamma(np.array([x]))[0]), float(reference(x))
    assert found == pytest.approx(known, rel=1e-14, abs=1e-14)
    if x >= 0.03:  # below, the floor speaks
        assert abs(found - known) * LOG_SCALE < 0.01


@settings(deadline=None)
@given(votes(), st.integers(0, 2**32))
def test_rounded_counts_sum_exactly_and_move_by_less_than_a_millionth(crowd: Votes, seed: int) -> None:
    random = np.random.default_rng(seed)
    share = random.dirichlet(np.full(crowd.classes, 0.5), size=crowd.items)
    labels = np.zeros((crowd.workers, crowd.classes, crowd.classes))
    np.add.at(labels, (crowd.worker, slice(None), crowd.answer), share[crowd.item])
    items = share[np.unique(crowd.item)].sum(axis=0)
    counts = whole(crowd, items, labels)
    assert np.abs(counts.labels - labels * MICRO).max() <= 1
    assert counts.items.sum() == MICRO * np.unique(crowd.item).size
    given_ = np.zeros((crowd.workers, crowd.classes), dtype=np.int64)
    np.add.at(given_, (crowd.worker, crowd.answer), MICRO)
    assert counts.labels.sum(axis=1).tolist() == given_.tolist()


def test_no_vote_outweighs_more_than_the_floor_and_a_million_fit_an_int64() -> None:
    labels = np.zeros((1, 2, 2), dtype=np.int64)
    labels[0, 0, 0] = labels[0, 1, 1] = 9 * 10**11
    logs = steps.tables(Counts(np.array([MICRO, MICRO]), labels), HIERARCHICAL)
    assert logs.answer.min() == round(-32 * LOG_SCALE)
    assert abs(int(logs.answer.min())) * (steps.MOST_VOTES + 1) < 2**63
    assert emission(Counts(np.array([0, 0]), labels), HIERARCHICAL).min() >= 1


@settings(deadline=None)
@given(judged())
def test_documents_are_json_and_come_back(case: tuple[Votes, MeanParameters]) -> None:
    crowd, committed = case
    workers = [f"0x{w:040x}" for w in range(crowd.workers)]
    document = json.loads(json.dumps(parameters_document(METHOD, committed, workers)))
    for names, order in ((workers, slice(None)), (workers[::-1], slice(None, None, -1))):
        again = parameters_from_document(METHOD, document, names, crowd.classes)
        assert isinstance(again, MeanParameters)
        for one, other in zip(again.members, committed.members, strict=True):
            assert one.items.tolist() == other.items.tolist()
            assert one.labels.tolist() == other.labels[order].tolist()


SOUND: dict[str, Any] = {
    "format": "crowdledger-parameters@v2",
    "members": [
        {"items": [900_000, 100_000], "workers": {"0xa": {"1": [900_000, 100_000]}}},
        {"items": [900_000, 0, 0, 100_000], "workers": {"0xa": {"1": [900_000, 0, 0, 100_000]}}},
    ],
}


def member(**change: Any) -> dict[str, Any]:
    return {"members": [SOUND["members"][0] | change, SOUND["members"][1]]}


@pytest.mark.parametrize(
    "change",
    [
        {"format": "crowdledger-parameters@v1"},
        {"more": 1},
        {"members": SOUND["members"][:1]},
        {"members": SOUND["members"][::-1]},
        member(more=1),
        member(items=[900_000, 50_000, 50_000]),
        member(items=[1_000_001, -1]),
        member(items=[0.5, 0.5]),
        member(items=[True, 999_999]),
        member(items=[10**13, 0]),
        member(items="no list"),
        member(workers={"0xb": {"1": [900_000, 100_000]}}),
        member(workers={"0xa": {"2": [900_000, 100_000]}}),
        member(workers={"0xa": {"01": [900_000, 100_000]}}),
        member(workers={"0xa": {"-1": [900_000, 100_000]}}),
        member(workers={"0xa": {"1": [900_000]}}),
        member(workers={"0xa": {"1": [0, 0]}}),
    ],
)
def test_a_damaged_document_is_refused(change: dict[str, Any]) -> None:
    parameters_from_document(METHOD, SOUND, ["0xa"], 2)
    with pytest.raises(ValueError, match=r"."):
        parameters_from_document(METHOD, SOUND | change, ["0xa"], 2)


def test_documents_name_each_worker_once_and_are_of_their_method() -> None:
    committed = parameters_from_document(METHOD, SOUND, ["0xa"], 2)
    for names in ([], ["0xa", "0xb"]):
        with pytest.raises(ValueError, match="distinct"):
            parameters_document(METHOD, committed, names)
    with pytest.raises(ValueError, match="no parameters of dawid-skene"):
        parameters_document("dawid-skene", committed, ["0xa"])
    assert parameters_document(METHOD, None, ()) == {"format": "crowdledger-parameters@v2", "members": []}


def test_doubt_about_the_answers_widens_a_score() -> None:
    random = np.random.default_rng(2)
    item, worker = np.repeat(np.arange(60), 4), np.tile(np.arange(4), 60)
    agreed = Votes(item, worker, np.repeat(random.integers(2, size=60), 4), 60, 4, 2)
    guessed = Votes(item, worker, random.integers(2, size=240), 60, 4, 2)
    sure, unsure = (skill(crowd, commit(crowd).parameters) for crowd in (agreed, guessed))
    assert (sure.score_ppm > 950_000).all()
    binomial = np.sqrt(unsure.score_ppm * (PPM - unsure.score_ppm) / 61)
    assert (unsure.standard_error_ppm > 1.5 * binomial).all()
    assert (sure.standard_error_ppm < 30_000).all()


def test_a_prior_is_of_whole_numbers_and_leaves_no_cell_empty() -> None:
    for wrong in (
        {"correct": 1.5, "wrong": 1},
        {"wrong": -1},
        {"correct": 4},
        {"worker_labels": 0, "wrong": 1},
    ):
        with pytest.raises(ValueError, match="at least"):
            LevelPrior(**wrong)  # type: ignore[arg-type]
