"""What each label and each worker has earned: integers in token minor units, from verdicts and truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reputation.review import LabelFact, Verdict


@dataclass(frozen=True)
class PaymentRule:
    """Token minor units for an accepted label, and on top when it agrees with the inferred answer.

    Raises:
        ValueError: an amount is negative.
    """

    per_label: int
    agreement_bonus: int = 0

    def __post_init__(self) -> None:
        if self.per_label < 0 or self.agreement_bonus < 0:
            raise ValueError("amounts are not negative")


@dataclass(frozen=True)
class LabelPay:
    """What one label earned, in token minor units."""

    leaf: bytes
    worker: str
    amount: int


def label_amounts(
    labels: Sequence[LabelFact],
    verdicts: Sequence[Verdict],
    truth: Mapping[bytes, int],
    rule: PaymentRule,
) -> tuple[LabelPay, ...]:
    """Amount per label, in the order given.

    Accepted: `per_label`, plus `agreement_bonus` when the answer equals the inferred answer of its item.
    Rejected: nothing. An item without an inferred answer brings no bonus.

    Raises:
        ValueError: labels and verdicts are not about the same leaves in the same order.
    """
    if [label.leaf for label in labels] != [verdict.leaf for verdict in verdicts]:
        raise ValueError("labels and verdicts must be about the same leaves in the same order")
    return tuple(
        LabelPay(label.leaf, label.worker, _amount(label, verdict, truth, rule))
        for label, verdict in zip(labels, verdicts, strict=True)
    )


def _amount(label: LabelFact, verdict: Verdict, truth: Mapping[bytes, int], rule: PaymentRule) -> int:
    if not verdict.accepted:
        return 0
    agrees = label.answer_index is not None and truth.get(label.item) == label.answer_index
    return rule.per_label + (rule.agreement_bonus if agrees else 0)


def worker_totals(pays: Sequence[LabelPay]) -> dict[str, int]:
    """Sum per worker, in order of first appearance; a worker who earned nothing is there with 0."""
    totals: dict[str, int] = {}
    for pay in pays:
        totals[pay.worker] = totals.get(pay.worker, 0) + pay.amount
    return totals
