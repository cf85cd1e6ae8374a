from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reputation import LabelFact, PaymentRule, Verdict, label_amounts, worker_totals

ITEMS = [bytes([n]) * 32 for n in range(4)]
rows = st.lists(
    st.tuples(st.sampled_from(ITEMS), st.sampled_from("abc"), st.none() | st.integers(0, 1), st.booleans()),
    max_size=30,
)
money = st.integers(0, 2**96)
truths = st.dictionaries(st.sampled_from(ITEMS), st.integers(0, 1))


def facts(table: list[tuple[bytes, str, int | None, bool]]) -> tuple[list[LabelFact], list[Verdict]]:
    labels = [
        LabelFact(n.to_bytes(32, "big"), item, worker, answer, 0, 0)
        for n, (item, worker, answer, _) in enumerate(table)
    ]
    reasons = ({"rule": "accepted" if row[3] else "speed"} for row in table)
    verdicts = [
        Verdict(label.leaf, row[3], reason) for label, row, reason in zip(labels, table, reasons, strict=True)
    ]
    return labels, verdicts


@given(rows, truths, money, money)
def test_money_is_what_the_rule_says_to_the_last_unit(
    table: list[tuple[bytes, str, int | None, bool]], truth: dict[bytes, int], base: int, bonus: int
) -> None:
    labels, verdicts = facts(table)
    pays = label_amounts(labels, verdicts, truth, PaymentRule(base, bonus))
    accepted = sum(row[3] for row in table)
    agreeing = sum(row[3] and row[2] is not None and truth.get(row[0]) == row[2] for row in table)
    totals = worker_totals(pays)
    assert sum(totals.values()) == accepted * base + agreeing * bonus
    assert list(totals) == list(dict.fromkeys(row[1] for row in table))
    assert all(pay.amount == 0 for pay, row in zip(pays, table, strict=True) if not row[3])


def test_verdicts_about_other_labels_are_refused() -> None:
    labels, verdicts = facts([(ITEMS[0], "a", 0, True), (ITEMS[1], "a", 0, True)])
    with pytest.raises(ValueError, match="same leaves"):
        label_amounts(labels, verdicts[::-1], {}, PaymentRule(1))


def test_negative_amounts_are_refused() -> None:
    with pytest.raises(ValueError, match="not negative"):
        PaymentRule(-1)
