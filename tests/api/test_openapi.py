"""The OpenAPI document: every operation is described, and every example in it is whole and valid."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter

from api import examples, routes, siwe
from api.app import create_app
from api.example_campaign import CHAIN_ID, ESCROW, LOG
from api.models import ReceiptBody
from api.routes.campaigns import Draft
from api.routes.labels import LabelsBody
from api.routes.workers import Grant
from ledger_service import commitments, entries
from ledger_service.entries import Domain
from ledger_service.log.checkpoint import open_checkpoint
from ledger_service.log.tree import root_of_data
from ledger_service.service import Service
from ledger_service.specification import Specification
from ledger_service.terms import Terms, campaign_id
from ledger_service.verify.verifier import verify_bundle

JSON = "application/json"
TEXTS = ("application/x-ndjson", "text/plain; charset=utf-8")
DOMAIN = Domain(CHAIN_ID, LOG)
LOG_KEY = examples.INFO["log_key"]


@dataclass(frozen=True)
class Example:
    """One example and where it stands; `model` is what its route reads or writes, None for raw bytes."""

    name: str
    value: Any
    model: Any


# The document needs no service: nothing is asked of it.
APP: FastAPI = create_app(cast(Service, None))
DOCUMENT: dict[str, Any] = APP.openapi()


def operations() -> Iterator[tuple[str, dict[str, Any], APIRoute]]:
    """Every operation by name, as documented and as routed."""
    for module in pkgutil.iter_modules(routes.__path__):
        for route in importlib.import_module(f"api.routes.{module.name}").router.routes:
            assert isinstance(route, APIRoute)
            for method in route.methods:
                name = f"{method} {route.path_format}"
                yield name, DOCUMENT["paths"][route.path_format][method.lower()], route


def examples_of(content: dict[str, Any]) -> list[Any]:
    """The examples of one media type: its own, or those of the schema that it names."""
    own = [content["example"]] if "example" in content else []
    own += [one["value"] for one in content.get("examples", {}).values()]
    schema = content.get("schema", {})
    if "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return own or list(schema.get("examples", []))


def successes(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from (one for status, one in operation["responses"].items() if status.startswith("2"))


def bodies() -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Every JSON body, asked for or given: its name, its media type object, its route's model."""
    for name, operation, route in operations():
        if "requestBody" in operation:
            assert route.body_field is not None
            model = route.body_field.field_info.annotation
            yield f"{name} request", operation["requestBody"]["content"][JSON], model
        for response in successes(operation):
            if JSON in response.get("content", {}):
                yield f"{name} response", response["content"][JSON], route.response_model


BODIES = list(bodies())
EXAMPLES = [
    Example(f"{name} {number}", value, model)
    for name, content, model in BODIES
    for number, value in enumerate(examples_of(content))
]


def inside(value: Any, key: str) -> Iterator[Any]:
    """Every value of a member, however deep."""
    if isinstance(value, dict):
        yield from (found for name, found in value.items() if name == key)
        for one in value.values():
            yield from inside(one, key)
    elif isinstance(value, list):
        for one in value:
            yield from inside(one, key)


def all_values() -> list[Any]:
    lines = [*examples.BUNDLE_LINES.splitlines(), *examples.OPENING_LINES.splitlines()]
    return [one.value for one in EXAMPLES] + [commitments.parse_canonical(line.encode()) for line in lines]


def test_nothing_that_is_routed_is_left_out() -> None:
    assert {(path, method) for path, found in DOCUMENT["paths"].items() for method in found} == {
        (route.path_format, method.lower()) for _, _, route in operations() for method in route.methods
    }
    assert len(list(operations())) >= 27
    assert sum("request" in name for name, _, _ in BODIES) >= 8
    assert sum("response" in name for name, _, _ in BODIES) >= 20


@pytest.mark.parametrize(("name", "operation"), [(name, one) for name, one, _ in operations()])
def test_every_operation_says_what_it_does_and_what_comes_back(name: str, operation: dict[str, Any]) -> None:
    assert operation["tags"]
    assert re.fullmatch(r"[A-Z].{5,60}[^.]", operation["summary"])
    assert len(operation["description"]) > 10
    assert operation["description"].rstrip(".") != operation["summary"]
    for status, response in operation["responses"].items():
        assert response["description"].strip(), (name, status)
    for parameter in operation.get("parameters", []):
        assert parameter["in"] != "path" or parameter["schema"].get("examples"), parameter["name"]


def test_no_two_operations_have_one_summary() -> None:
    summaries = [operation["summary"] for _, operation, _ in operations()]
    assert len(summaries) == len(set(summaries))


@pytest.mark.parametrize(("name", "content"), [(name, content) for name, content, _ in BODIES])
def test_every_json_body_has_an_example(name: str, content: dict[str, Any]) -> None:
    assert examples_of(content), name


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.name)
def test_every_example_is_what_its_route_reads_or_writes(example: Example) -> None:
    if example.model is None:  # bytes that are made elsewhere
        assert verify_bundle(commitments.canonical(example.value), log_key=LOG_KEY, log_address=LOG)
        return
    adapter: TypeAdapter[BaseModel] = TypeAdapter(example.model)
    read = adapter.validate_python(example.value)
    assert adapter.dump_python(read, mode="json") == example.value


def test_bytes_and_lines_say_what_they_are() -> None:
    found = {}
    for _, operation, _ in operations():
        for response in successes(operation):
            for media, content in response.get("content", {}).items():
                if media != JSON:
                    assert len(response["description"]) > 10
                    assert content["schema"]["type"] == "string"
                    found.setdefault(media, []).append(content)
    assert set(found) == {*TEXTS, "application/octet-stream"}
    assert all("example" in content for media in TEXTS for content in found[media])


def test_specifications_and_terms_in_examples_are_accepted_and_belong_together() -> None:
    specifications = [one for value in all_values() for one in inside(value, "specification")]
    terms = [one for value in all_values() for one in inside(value, "terms")]
    assert len(specifications) == len(terms) >= 8
    read = [Specification.from_json(one, 0) for one in specifications]
    agreed = [Terms.from_json(one) for one in terms]
    assert {one.digest for one in read} == {one.brief for one in agreed}
    assert {"0x" + campaign_id(one, CHAIN_ID, ESCROW).hex() for one in agreed} == {examples.CAMPAIGN_ID}
    campaigns = {one for value in all_values() for one in inside(value, "campaign") if isinstance(one, str)}
    assert campaigns == {examples.CAMPAIGN_ID}


def test_the_examples_of_items_and_gold_answers_have_the_roots_of_the_specification() -> None:
    spec = Specification.from_json(examples.DRAFT["specification"], 0)
    salted = [(one["content"], bytes.fromhex(one["salt"][2:])) for one in examples.ITEMS["items"]]
    ids = [commitments.commit(*one) for one in salted]
    assert (root_of_data(ids), len(ids)) == (spec.items.root, spec.items.count)
    assert [one["item"] for one in examples.ITEM_PAGE["items"]] == ["0x" + item.hex() for item in ids]
    (gold,) = examples.GOLD["gold"]
    answer = commitments.commit(gold["content"], bytes.fromhex(gold["salt"][2:]))
    assert root_of_data([bytes.fromhex(gold["item"][2:]) + answer]) == spec.gold.root
    assert spec.answer_index(gold["content"]) is not None


def test_what_has_to_be_signed_is_signed_by_whom_it_names() -> None:
    draft = Draft.model_validate(examples.DRAFT)
    terms = Terms.from_json(draft.terms)
    spec = Specification.from_json(draft.specification, terms.part)
    campaign = entries.Campaign(
        bytes.fromhex(examples.CAMPAIGN_ID[2:]), terms.requester, spec.digest, spec.items.root,
        spec.items.count, spec.gold.root, spec.gold.count, draft.created_at,
    )  # fmt: skip
    entries.check_signer(campaign, draft.signature, DOMAIN, terms.requester)
    worker, grant = examples.SESSION["address"], Grant.model_validate(examples.GRANT)
    given = entries.SessionGrant(worker, grant.session_key, grant.scope, grant.valid_from, grant.valid_until)
    entries.check_signer(given, grant.signature, DOMAIN, worker)
    receipts = [ReceiptBody.model_validate(one) for one in examples.RECEIPTS["receipts"]]
    labels = LabelsBody.model_validate(examples.LABELS).labels
    for label, receipt in zip(labels, receipts, strict=True):
        answer = commitments.commit(label.content, label.salt)
        said = entries.Label(label.campaign, label.item, worker, answer, entries.ZERO32, label.made_at)
        entries.check_signer(said, label.signature, DOMAIN, grant.session_key)
        assert entries.encode(said, label.signature).leaf == receipt.leaf
        promise = entries.Receipt(receipt.leaf, receipt.index, receipt.deadline)
        entries.check_signer(promise, receipt.signature, DOMAIN, terms.operator)


def test_the_example_of_a_login_is_one() -> None:
    message, signature = examples.LOGIN["message"], examples.LOGIN["signature"]
    now = siwe.timestamp("2026-05-04T12:00:05Z")
    found = siwe.verify(message, signature, domain="ledger.example", nonce=examples.NONCE["nonce"], now=now)
    assert found == examples.SESSION["address"]


def test_the_lines_are_bundles_and_openings_of_what_is_in_the_log() -> None:
    for line in examples.BUNDLE_LINES.splitlines():
        verify_bundle(line.encode(), log_key=LOG_KEY, log_address=LOG)
    lines = [commitments.parse_canonical(line.encode()) for line in examples.OPENING_LINES.splitlines()]
    kinds = [line["kind"] for line in lines]
    assert kinds == ["Campaign", "Label", "Review", "InferenceRun", "Truth", "Payout"]
    assert [line["index"] for line in lines] == sorted(line["index"] for line in lines)
    size = open_checkpoint(examples.CHECKPOINT, LOG_KEY).size
    assert all(line["index"] < size for line in lines)
    assert all(set(line) == {"index", "leaf", "kind", "openings"} for line in lines)


def test_examples_keep_their_nulls() -> None:
    offers = DOCUMENT["components"]["schemas"]["Offer"]["examples"]
    assert offers == [{"items": None}, examples.OFFER_SOME]
    assert DOCUMENT["components"]["schemas"]["ItemPage"]["examples"][0]["next"] is None


def test_fastapis_own_pages_which_load_from_elsewhere_are_off() -> None:
    assert (APP.docs_url, APP.redoc_url) == (None, None)
