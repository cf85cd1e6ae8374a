"""Steps 6 and 7 for labels: the specification, its parts and the campaign's terms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ledger_service.errors import VerificationError
from ledger_service.signing import Wallet
from ledger_service.verify.verifier import verify_bundle
from tests.verify.refusals import change, refused
from tests.verify.world import ESCROW, World, seeded, show

OTHER = Wallet(seeded("somebody else"))


def test_the_specification_is_the_one_committed_to(world: World) -> None:
    other = world.specification | {"title": "Which letter is it?"}
    refused(world, 7, "specification", {"specification": other})


@pytest.mark.parametrize("name", ["items", "gold"])
def test_the_specification_has_the_campaigns_roots(name: str) -> None:
    built = World({"campaign": change(**{name: seeded("other root")})})
    refused(built, 7, f"{name}", {"specification": built.specification})


@pytest.mark.parametrize("name", ["item_count", "gold_count"])
def test_the_specification_has_the_campaigns_counts(name: str) -> None:
    built = World({"campaign": change(**{name: 77})})
    refused(built, 7, name.split("_")[0], {"specification": built.specification})


def test_a_specification_of_another_format_is_refused() -> None:
    built = World({"specification": lambda document: document | {"format": "crowdledger-specification@v2"}})
    refused(built, 7, "format of the specification")


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"schema": {"type": "free", "labels": ["0", "1"]}}, "type of the schema"),
        ({"schema": {"type": "categorical", "labels": ["0", "1"], "more": 1}}, "members of the schema"),
        ({"schema": {"type": "categorical", "labels": ["0", 1]}}, "labels of the schema"),
        ({"schema": {"type": "categorical", "labels": ["1", "1"]}}, "labels of the schema"),
        ({"schema": {"type": "categorical", "labels": ["1"]}}, "labels of the schema"),
        ({"schema": {"type": "categorical", "labels": "01"}}, "labels of the schema"),
        ({"schema": None}, "the schema"),
        ({"payment": {"per_label": "50000"}}, "members of payment"),
        ({"payment": {"per_label": 50_000, "agreement_bonus": "0"}}, "is not an amount"),
        ({"payment": {"per_label": str(1 << 64), "agreement_bonus": "0"}}, "is not an amount"),
        ({"items": {"count": 3.5, "root": "0x" + "00" * 32}}, "number of the items"),
        ({"items": {"count": 3, "root": "0x" + "AA" * 32}}, "root of the items"),
        ({"gold": [1]}, "gold of the specification"),
    ],
)
def test_what_is_read_of_a_specification_has_its_form(changes: dict[str, Any], what: str) -> None:
    built = World({"specification": lambda document: document | changes})
    refused(built, 7, what)
    with pytest.raises(VerificationError, match="step 7"):
        verify_bundle(built.payment_bundle({"specification": built.specification}))


def test_true_is_not_the_number_one() -> None:
    """Python takes them for equal; no other verifier would."""

    def miscounted(document: Any) -> Any:
        return document | {"gold": document["gold"] | {"count": True}}

    refused(World({"specification": miscounted}), 7, "number of the gold")


def in_parts(place: int = 1, **changes: Any) -> Callable[[Any], Any]:
    """The specification as a document of three parts, this world's campaign at one of the places."""

    def split(document: Any) -> Any:
        shared = {name: value for name, value in document.items() if name not in ("items", "gold")}
        others = [
            {"items": {"count": 3, "root": show(seeded(name))}, "gold": document["gold"]}
            for name in ("one", "two")
        ]
        own = {"items": document["items"], "gold": document["gold"]} | changes
        return shared | {"parts": [*others[:place], own, *others[place:]]}

    return split


def test_a_campaign_is_the_part_that_its_terms_name() -> None:
    built = World({"specification": in_parts(), "terms": change(part=1)})
    verify_bundle(built.label_bundle())
    verify_bundle(built.payment_bundle())
    verify_bundle(built.label_bundle({"specification": built.specification}))
    for part in (0, 2):
        other = World({"specification": in_parts(), "terms": change(part=part)})
        refused(other, 7, "root of the items in the specification")
        verify_bundle(other.label_bundle({"specification": other.specification}))
    refused(World({"specification": in_parts(), "terms": change(part=3)}), 7, "part in the terms")
    refused(World({"terms": change(part=1)}), 7, "part in the terms")


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        (in_parts(items={"count": 3, "root": "0x" + "11" * 32}), "with the campaign's items"),
        (in_parts(items={"count": 4, "root": "0x" + "11" * 32}), "with the campaign's items"),
        (in_parts(gold={"count": 0, "root": "0x" + "11" * 32}), "number of gold answers"),
        (in_parts(more=1), "members of a part"),
        (lambda document: in_parts()(document) | {"items": document["items"]}, "specification in parts"),
        (
            lambda document: in_parts()(document) | {"parts": in_parts()(document)["parts"][1:2]},
            "parts of the specification",
        ),
        (lambda document: in_parts()(document) | {"parts": {}}, "parts of the specification"),
        (
            lambda document: in_parts()(document) | {"parts": in_parts()(document)["parts"][1:2] * 2},
            "with the campaign's items",
        ),
    ],
)
def test_without_terms_exactly_one_part_has_the_campaigns_items(changed: Any, what: str) -> None:
    built = World({"specification": changed})
    refused(built, 7, what, {"specification": built.specification})


def test_the_terms_give_the_campaigns_id(world: World) -> None:
    terms = replace(world.terms, fee_bps=501).to_json()
    refused(world, 7, "campaign of the terms", {"terms": terms, "escrow": ESCROW})
    elsewhere = {"terms": world.terms.to_json(), "escrow": OTHER.address}
    refused(world, 7, "campaign of the terms", elsewhere)


def test_the_terms_name_the_requester() -> None:
    built = World({"campaign": change(requester=OTHER.address)}, signers={"campaign": OTHER})
    refused(built, 7, "requester in the terms")


def test_the_terms_name_the_specification() -> None:
    built = World({"terms": change(brief=seeded("another brief"))})
    refused(built, 7, "brief in the terms")
