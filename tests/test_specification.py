"""A specification is read strictly, and held to what can be paid, inferred and audited."""

from __future__ import annotations

import copy
from typing import Any

import pytest

import reputation
from ledger_service import specification
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
    spec = Specification.from_json(DOCUMENT, 0)
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
        Specification.from_json(changed(path, value), 0)


def test_a_document_has_a_size() -> None:
    with pytest.raises(BadInput, match="65536 bytes"):
        Specification.from_json(changed("skills", ["x" * 400] * 199) | {"licence": "y" * 19_000}, 0)


def test_many_classes_leave_room_for_fewer_workers() -> None:
    spec = Specification.from_json(changed("schema.labels", [str(n) for n in range(200)]), 0)
    assert spec.most_workers == 100
    document = changed("schema.labels", [str(n) for n in range(200)])
    with pytest.raises(BadInput, match="at most 100 workers"):
        Specification.from_json(document | {"labels_per_item": 101}, 0)
    default = document | {"inference": {"method": "latent-class-mean", "tolerance_ppm": 100}}
    assert Specification.from_json(default, 0).most_workers == 25


def test_the_methods_are_those_that_can_be_committed() -> None:
    assert set(specification.MAX_PARAMETERS) == set(reputation.COMMITTED_METHODS)


def parts(count: int = 3) -> list[dict[str, Any]]:
    return [
        {"items": {"count": 10 + n, "root": f"0x{n:064x}"}, "gold": {"count": n, "root": ROOT}}
        for n in range(count)
    ]


def in_parts(listed: Any) -> dict[str, Any]:
    document = {name: value for name, value in DOCUMENT.items() if name not in ("items", "gold")}
    return document | {"parts": listed}


def test_each_part_is_a_campaign_of_its_own() -> None:
    whole = Specification.from_json(DOCUMENT, 0)
    assert (whole.part, whole.parts) == (0, 1)
    read = [Specification.from_json(in_parts(parts()), number) for number in range(3)]
    assert [(spec.part, spec.parts) for spec in read] == [(0, 3), (1, 3), (2, 3)]
    assert [(spec.items.count, spec.gold.count) for spec in read] == [(10, 0), (11, 1), (12, 2)]
    assert [spec.items.root for spec in read] == [n.to_bytes(32, "big") for n in range(3)]
    assert [spec.most for spec in read] == [spec.items.count * 3 * 60_000 for spec in read]
    assert len({spec.digest for spec in read}) == len({spec.reviewer for spec in read}) == 1


@pytest.mark.parametrize("part", [-1, 3])
def test_there_is_no_part_beyond_the_last(part: int) -> None:
    with pytest.raises(BadInput, match="parts 0 to 2"):
        Specification.from_json(in_parts(parts()), part)
    with pytest.raises(BadInput, match="parts 0 to 0"):
        Specification.from_json(DOCUMENT, 1)


@pytest.mark.parametrize(
    "listed",
    [
        {},
        parts(1),
        parts(201),
        [*parts(2), parts(1)[0]],
        [*parts(2), "part"],
        [*parts(2), {"items": parts(1)[0]["items"]}],
        [*parts(2), {"items": {"count": 0, "root": ROOT}, "gold": {"count": 0, "root": ROOT}}],
        [*parts(2), {"items": {"count": 1, "root": ROOT}, "gold": {"count": 2, "root": ROOT}}],
        [*parts(2), {"items": {"count": 1, "root": ROOT}, "gold": {"count": 1, "root": ROOT}, "more": 1}],
    ],
)
def test_parts_are_read_as_strictly_also_those_of_other_campaigns(listed: Any) -> None:
    with pytest.raises(BadInput):
        Specification.from_json(in_parts(listed), 0)


def test_a_document_has_parts_or_items_and_gold_of_its_own() -> None:
    Specification.from_json(in_parts(parts(200)), 199)
    with pytest.raises(BadInput, match="not known: items"):
        Specification.from_json(in_parts(parts()) | {"items": DOCUMENT["items"]}, 0)
