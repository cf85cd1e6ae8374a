"""Review rules as integer functions: schema, speed, gold. What decides is said in the verdict."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reputation.votes import PPM


@dataclass(frozen=True)
class LabelFact:
    """One label as the rules see it.

    Attributes:
        leaf: the label's leaf hash in the log, 32 bytes.
        item: the item's id, 32 bytes.
        worker: the worker's address.
        answer_index: the answer's position in the schema, None where it is not in the schema.
        made_at, assigned_at: seconds since the epoch.
    """

    leaf: bytes
    item: bytes
    worker: str
    answer_index: int | None
    made_at: int
    assigned_at: int


@dataclass(frozen=True)
class ReviewRules:
    """The thresholds of a campaign; zero switches a rule off.

    Attributes:
        min_seconds_per_label: a label made sooner than this after the worker's previous one is rejected.
        gold_min_answers: the gold rule judges a worker from this many gold answers on; 0 for never.
        gold_min_accuracy_ppm: a worker less accurate than this on gold loses all its labels.

    Raises:
        ValueError: a threshold is negative, or an accuracy above 1,000,000.
    """

    min_seconds_per_label: int = 0
    gold_min_answers: int = 0
    gold_min_accuracy_ppm: int = 0

    def __post_init__(self) -> None:
        if min(vars(self).values()) < 0 or self.gold_min_accuracy_ppm > PPM:
            raise ValueError("thresholds are not negative, and an accuracy is at most 1,000,000 ppm")


@dataclass(frozen=True)
class Verdict:
    """Whether a label is accepted, and the reason's content, ready to be committed."""

    leaf: bytes
    accepted: bool
    reason: dict[str, Any]


def review(
    labels: Sequence[LabelFact], gold: Mapping[bytes, int], rules: ReviewRules, classes: int
) -> tuple[Verdict, ...]:
    """Judge each label of one campaign; the first rule that fails, in this order, is the reason.

    1. schema: the answer is one of the schema's.
    2. speed: at least `min_seconds_per_label` since the worker's previous label of this campaign (in order
       of `made_at`, equal times in the order given), or since the assignment for its first.
    3. gold: the worker has fewer than `gold_min_answers` answers to gold items, or an accuracy on them of
       at least `gold_min_accuracy_ppm`. An answer outside the schema counts as a wrong one.

    Args:
        labels: in log order.
        gold: item id to answer index.
        classes: how many answers the schema has.
    """
    seconds = _seconds_taken(labels)
    record = _gold_record(labels, gold)
    return tuple(
        _verdict(label, seconds[position], record[label.worker], rules, classes)
        for position, label in enumerate(labels)
    )


def _seconds_taken(labels: Sequence[LabelFact]) -> list[int]:
    """Seconds from the worker's previous label, or from the assignment of its first, aligned with labels."""
    seconds = [0] * len(labels)
    previous: dict[str, int] = {}
    for position in sorted(range(len(labels)), key=lambda p: (labels[p].made_at, p)):
        label = labels[position]
        seconds[position] = label.made_at - previous.get(label.worker, label.assigned_at)
        previous[label.worker] = label.made_at
    return seconds


def _gold_record(labels: Sequence[LabelFact], gold: Mapping[bytes, int]) -> dict[str, tuple[int, int]]:
    """(answers, correct) on gold items per worker."""
    record: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for label in labels:
        if label.item in gold:
            answers, correct = record[label.worker]
            record[label.worker] = answers + 1, correct + (label.answer_index == gold[label.item])
    return record


def _verdict(
    label: LabelFact, seconds: int, record: tuple[int, int], rules: ReviewRules, classes: int
) -> Verdict:
    answers, correct = record
    if label.answer_index is None or not 0 <= label.answer_index < classes:
        return Verdict(label.leaf, False, {"rule": "schema", "answers": classes})
    if seconds < rules.min_seconds_per_label:
        figures = {"seconds": seconds, "min_seconds": rules.min_seconds_per_label}
        return Verdict(label.leaf, False, {"rule": "speed", **figures})
    judged = 0 < rules.gold_min_answers <= answers
    # Compared by multiplication: rounding must not decide.
    if judged and correct * PPM < rules.gold_min_accuracy_ppm * answers:
        figures = {
            "answers": answers,
            "correct": correct,
            "min_answers": rules.gold_min_answers,
            "min_accuracy_ppm": rules.gold_min_accuracy_ppm,
        }
        return Verdict(label.leaf, False, {"rule": "gold", **figures})
    return Verdict(label.leaf, True, {"rule": "accepted"})
