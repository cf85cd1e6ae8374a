from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reputation import LabelFact, ReviewRules, review

CLASSES = 2
ITEMS = [bytes([n]) * 32 for n in range(6)]
RULES = ReviewRules(min_seconds_per_label=5, gold_min_answers=3, gold_min_accuracy_ppm=600_000)


def fact(number: int, item: int, answer: int | None, made_at: int, worker: str = "0xa") -> LabelFact:
    return LabelFact(number.to_bytes(32, "big"), ITEMS[item], worker, answer, made_at, 1_000)


facts = st.lists(
    st.tuples(
        st.integers(0, 5), st.none() | st.integers(0, 2), st.integers(1_000, 1_050), st.sampled_from("abc")
    ),
    max_size=30,
).map(lambda rows: [fact(n, *row) for n, row in enumerate(rows)])
golds = st.dictionaries(st.sampled_from(ITEMS), st.integers(0, CLASSES - 1))


@given(facts, golds)
def test_every_label_gets_one_verdict_with_a_reason_that_fits(
    labels: list[LabelFact], gold: dict[bytes, int]
) -> None:
    verdicts = review(labels, gold, RULES, CLASSES)
    assert [v.leaf for v in verdicts] == [f.leaf for f in labels]
    for verdict in verdicts:
        assert verdict.accepted == (verdict.reason["rule"] == "accepted")
        assert all(isinstance(figure, (int, str)) for figure in verdict.reason.values())


@given(facts, golds)
def test_workers_do_not_influence_each_other(labels: list[LabelFact], gold: dict[bytes, int]) -> None:
    together = {v.leaf: v for v in review(labels, gold, RULES, CLASSES)}
    for worker in "abc":
        alone = [label for label in labels if label.worker == worker]
        for verdict in review(alone, gold, RULES, CLASSES):
            assert verdict == together[verdict.leaf]


@given(facts, golds)
def test_rules_at_zero_reject_only_what_is_outside_the_schema(
    labels: list[LabelFact], gold: dict[bytes, int]
) -> None:
    verdicts = review([replace(label, assigned_at=0) for label in labels], gold, ReviewRules(), CLASSES)
    for label, verdict in zip(labels, verdicts, strict=True):
        assert verdict.accepted == (label.answer_index in (0, 1))


@given(facts, golds)
def test_the_gold_rule_takes_all_labels_of_a_worker_or_none(
    labels: list[LabelFact], gold: dict[bytes, int]
) -> None:
    rules = ReviewRules(gold_min_answers=2, gold_min_accuracy_ppm=500_000)
    valid = [label for label in labels if label.answer_index in (0, 1)]
    timely = [replace(label, assigned_at=0) for label in valid]
    outcome: dict[str, set[bool]] = {}
    for label, verdict in zip(timely, review(timely, gold, rules, CLASSES), strict=True):
        outcome.setdefault(label.worker, set()).add(verdict.accepted)
    for worker, accepted in outcome.items():
        hits = [gold[f.item] == f.answer_index for f in timely if f.worker == worker and f.item in gold]
        assert accepted == {not (len(hits) >= 2 and sum(hits) * 2 < len(hits))}


def test_an_answer_outside_the_schema_is_rejected() -> None:
    for answer in (None, 2, -1):
        (verdict,) = review([fact(1, 0, answer, 2_000)], {}, RULES, CLASSES)
        assert verdict.reason == {"rule": "schema", "answers": 2}


def test_speed_is_measured_from_the_previous_label_and_first_from_the_assignment() -> None:
    labels = [fact(1, 0, 1, 1_004), fact(2, 1, 1, 1_009), fact(3, 2, 1, 1_013), fact(4, 3, 1, 1_004, "0xb")]
    verdicts = review(labels, {}, RULES, CLASSES)
    assert [v.accepted for v in verdicts] == [False, True, False, False]
    assert verdicts[2].reason == {"rule": "speed", "seconds": 4, "min_seconds": 5}


def test_speed_follows_the_clock_and_not_the_log() -> None:
    late_first = [fact(1, 0, 1, 1_020), fact(2, 1, 1, 1_010)]
    assert [v.accepted for v in review(late_first, {}, RULES, CLASSES)] == [True, True]


def test_gold_is_compared_exactly_at_the_threshold() -> None:
    gold = {ITEMS[n]: 1 for n in range(5)}
    right = [fact(n, n, 1, 1_100 * (n + 1)) for n in range(3)]
    wrong = [fact(n, n, 0, 1_100 * (n + 1)) for n in range(3, 5)]
    assert all(v.accepted for v in review(right + wrong, gold, RULES, CLASSES))
    stricter = replace(RULES, gold_min_accuracy_ppm=600_001)
    rejected = review(right + wrong, gold, stricter, CLASSES)
    assert {v.reason["rule"] for v in rejected} == {"gold"}
    assert rejected[0].reason["answers"] == 5
    assert rejected[0].reason["correct"] == 3


def test_negative_thresholds_are_refused() -> None:
    with pytest.raises(ValueError, match="not negative"):
        ReviewRules(min_seconds_per_label=-1)
