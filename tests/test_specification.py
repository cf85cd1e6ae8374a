"""A specification is read strictly, and held to what can be paid, inferred and audited."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ledger_service.errors import BadInput
from ledger_service.specification import Specification

ROOT = "0x" + "11" * 32
DOCUMENT: dict[str, Any] = {
    "format": "crowdledger-specification@v1",
    "title": "Which digit is it?",
    "instructions": "Name the digit.",
    "domain": "image/digits",
    "languages": ["en"],
    "skills": ["digits"],
    "licence": "CC-BY-4.0",
    "schema": {"type": "categorical", "labels": ["0", "1"]},
    "labels_per_item": 3,
    "payment": {"per_label": "50000", "agreement_bonus": "10000"},
    "review": {"min_seconds_per_label": 1, "gold": {"min_answers": 3, "min_accuracy_ppm": 600_000}},
    "inference": {"method": "dawid-skene", "tolerance_ppm": 1000},
    "assignment_seconds": 3600,
    "opens_at": 1_800_000_000,
    "closes_at": 1_800_086_400,
    "items": {"count": 10, "root": ROOT},
    "gold": {"count": 2, "root": ROOT},
}


def changed(path: str, value: Any) -> dict[str, Any]:
    document = copy.deepcopy(DOCUMENT)
    *inner, last = path.split(".")
    place = document
    for name in inner:
        place = place[name]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return document


def test_a_whole_specification_is_read() -> None:
    spec = Specification.from_json(DOCUMENT)
    assert (spec.most, spec.budget(250)) == (1_800_000, 1_845_000)
    assert spec.answer_index({"label": "1"}) == 1
    assert spec.answer_index({"label": "2"}) is spec.answer_index("1") is spec.answer_index({}) is None
    assert spec.most_workers == 3_000


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("title", None),
        ("title", ""),
        ("title", "a\x00b"),
        ("unknown", 1),
        ("schema.unknown", 1),
        ("schema.type", "numeric"),
        ("schema.labels", ["0"]),
        ("schema.labels", ["0", "0"]),
        ("schema.labels", ["0", "a\x00"]),
        ("schema.labels", [str(n) for n in range(201)]),
        ("labels_per_item", 0),
        ("labels_per_item", True),
        ("labels_per_item", 1.0),
        ("payment.per_label", 50000),
        ("payment.per_label", "-1"),
        ("payment.per_label", "01"),
        ("payment.per_label", str((1 << 64) - 1)),
        ("review.gold.min_accuracy_ppm", 1_000_001),
        ("inference.method", "majority"),
        ("inference.tolerance_ppm", 99),
        ("closes_at", 1_800_000_000),
        ("items.count", 0),
        ("items.count", 90_001),
        ("items.root", "0x11"),
        ("gold.count", 11),
        ("instructions", "x" * 20_001),
        ("skills", ["x" * 400] * 199),
    ],
)
def test_what_is_out_of_bounds_is_refused(path: str, value: Any) -> None:
    with pytest.raises(BadInput):
        Specification.from_json(changed(path, value))


def test_a_document_has_a_size() -> None:
    with pytest.raises(BadInput, match="65536 bytes"):
        Specification.from_json(changed("skills", ["x" * 400] * 199) | {"licence": "y" * 19_000})


def test_many_classes_leave_room_for_fewer_workers() -> None:
    spec = Specification.from_json(changed("schema.labels", [str(n) for n in range(200)]))
    assert spec.most_workers == 100
    with pytest.raises(BadInput, match="at most 100 workers"):
        Specification.from_json(
            changed("schema.labels", [str(n) for n in range(200)]) | {"labels_per_item": 101}
        )
