from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reputation import ConfusionPrior, Parameters, TruthRun, Votes, dawid_skene, judge, quantise, skill
from reputation.committed.dawid_skene import (
    method_document,
    parameters_document,
    parameters_from_document,
    residual,
)
from tests.reputation.conftest import simulate
from tests.reputation.strategies import PPM, parameters, votes


@st.composite
def judged(draw: st.DrawFn) -> tuple[Votes, Parameters]:
    crowd = draw(votes(at_least=0))
    return crowd, draw(parameters(crowd.workers, crowd.classes))


@settings(deadline=None)
@given(votes())
def test_rounding_moves_no_parameter_by_more_than_the_classes(crowd: Votes) -> None:
    run = dawid_skene(crowd, max_iterations=5)
    rounded = quantise(run)
    assert np.abs(rounded.confusion - run.confusion * PPM).max() <= crowd.classes
    assert np.abs(rounded.prevalence - run.prevalence * PPM).max() <= crowd.classes


@given(st.lists(st.floats(0, 1), min_size=2, max_size=9).filter(lambda row: sum(row) > 0.01))
def test_rounded_rows_are_positive_and_sum_to_a_million(row: list[float]) -> None:
    share = np.array(row) / sum(row)
    matrix = np.tile(share, (1, share.size, 1))
    rounded = quantise(TruthRun("dawid-skene", share[None], matrix, share, (), 1, 0.0, True))
    assert rounded.prevalence.sum() == PPM
    assert rounded.prevalence.min() >= 1


@given(judged())
def test_judging_is_bayes_rule(case: tuple[Votes, Parameters]) -> None:
    crowd, committed = case
    verdict = judge(crowd, committed)
    for item in range(crowd.items):
        mine = crowd.item == item
        joint = [
            math.log(committed.prevalence[k])
            + sum(math.log(c / PPM) for c in committed.confusion[crowd.worker[mine], k, crowd.answer[mine]])
            for k in range(crowd.classes)
        ]
        weights = [math.exp(x - max(joint)) for x in joint]
        assert weights[verdict.answer[item]] == pytest.approx(1, abs=1e-6)
        assert verdict.confidence_ppm[item] == pytest.approx(PPM / sum(weights), abs=1)


@given(judged(), st.randoms(use_true_random=False))
def test_judging_does_not_depend_on_the_order_of_votes(
    case: tuple[Votes, Parameters], random: object
) -> None:
    crowd, committed = case
    order = np.arange(len(crowd))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = Votes(
        crowd.item[order], crowd.worker[order], crowd.answer[order], crowd.items, crowd.workers, crowd.classes
    )
    one, other = judge(crowd, committed), judge(shuffled, committed)
    assert one.answer.tolist() == other.answer.tolist()
    assert one.confidence_ppm.tolist() == other.confidence_ppm.tolist()


def test_equal_evidence_goes_to_the_lowest_class() -> None:
    fair = np.array([[700_000, 300_000], [300_000, 700_000]])
    committed = Parameters(np.array([500_000, 500_000]), np.stack([fair, fair]))
    crowd = Votes(np.array([0, 0]), np.array([0, 1]), np.array([1, 0]), 1, 2, 2)
    assert judge(crowd, committed).answer.tolist() == [0]
    assert judge(crowd, committed).confidence_ppm.tolist() == [500_000]


@given(judged())
def test_skill_is_exact_integer_arithmetic(case: tuple[Votes, Parameters]) -> None:
    crowd, committed = case
    found = skill(crowd, committed)
    for worker in range(crowd.workers):
        products = [
            int(committed.prevalence[k]) * int(committed.confusion[worker, k, k])
            for k in range(crowd.classes)
        ]
        score = sum(products) // PPM
        labels = int((crowd.worker == worker).sum())
        assert found.score_ppm[worker] == score
        assert found.standard_error_ppm[worker] == math.isqrt(score * (PPM - score) // (labels + 1))


def test_the_certificate_passes_a_finished_run_and_fails_a_changed_one() -> None:
    crowd = simulate(
        items=500, workers=15, classes=3, per_item=5, skills=np.linspace(0.5, 0.9, 15), seed=4
    ).votes
    prior = ConfusionPrior()
    committed = quantise(dawid_skene(crowd, prior=prior, tolerance_ppm=10))
    assert residual(crowd, committed, prior) <= 30
    forged = committed.confusion.copy()
    forged[3] = forged[3][:, ::-1]
    assert residual(crowd, Parameters(committed.prevalence, forged), prior) > 10_000
    assert residual(crowd, committed, ConfusionPrior(worker_labels=60)) > 1_000


def test_the_certificate_is_the_next_step_of_the_run() -> None:
    crowd = simulate(
        items=200, workers=9, classes=4, per_item=4, skills=np.linspace(0.4, 0.9, 9), seed=6
    ).votes
    after_3, after_4 = (dawid_skene(crowd, tolerance_ppm=1, max_iterations=n) for n in (3, 4))
    moved = np.abs(after_4.confusion - after_3.confusion).max() * PPM
    # Rounding moves each parameter by up to the number of classes, before the step and in the comparison.
    assert residual(crowd, quantise(after_3), ConfusionPrior()) == pytest.approx(moved, abs=20)


@given(judged())
def test_documents_are_json_and_come_back(case: tuple[Votes, Parameters]) -> None:
    crowd, committed = case
    workers = [f"0x{w:040x}" for w in range(committed.confusion.shape[0])]
    document = json.loads(json.dumps(parameters_document(committed, workers)))
    again = parameters_from_document(document, workers, crowd.classes)
    assert again.confusion.tolist() == committed.confusion.tolist()
    assert again.prevalence.tolist() == committed.prevalence.tolist()
    backwards = parameters_from_document(document, workers[::-1], crowd.classes)
    assert backwards.confusion.tolist() == committed.confusion[::-1].tolist()


@pytest.mark.parametrize(
    "change",
    [
        {"format": "crowdledger-parameters@v2"},
        {"more": 1},
        {"prevalence": [600_000, 400_001]},
        {"prevalence": [1_000_000, 0]},
        {"prevalence": [0.5, 0.5]},
        {"workers": {"0xb": [[999_999, 1], [1, 999_999]]}},
        {"workers": {"0xa": [[999_999, 2], [1, 999_999]]}},
        {"workers": {"0xa": [[999_999, 1]]}},
    ],
)
def test_a_damaged_document_is_refused(change: dict[str, object]) -> None:
    sound = {
        "format": "crowdledger-parameters@v1",
        "prevalence": [600_000, 400_000],
        "workers": {"0xa": [[999_999, 1], [1, 999_999]]},
    }
    parameters_from_document(sound, ["0xa"], 2)
    with pytest.raises(ValueError, match=r"."):
        parameters_from_document(sound | change, ["0xa"], 2)


def test_names_of_workers_must_be_distinct_and_complete() -> None:
    committed = Parameters(np.array([500_000, 500_000]), np.full((2, 2, 2), 500_000))
    for names in (["0xa"], ["0xa", "0xa"]):
        with pytest.raises(ValueError, match="distinct"):
            parameters_document(committed, names)


def test_the_method_is_described_in_integers() -> None:
    described = method_document(prior=ConfusionPrior(worker_labels=3), tolerance_ppm=50)
    assert described["prior"]["worker_labels"] == 3
    assert described["tolerance_ppm"] == 50
    assert json.loads(json.dumps(described)) == described
    assert method_document() != described
