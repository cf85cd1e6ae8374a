"""Bundles that one single check refuses, or would refuse wrongly: found by leaving out each check in turn."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ledger_service import entries, payroll
from ledger_service.entries import ZERO32, Statement
from ledger_service.log.cosignature import WitnessKey
from ledger_service.log.receipts import sign_statement
from ledger_service.signing import keccak256
from tests.vectors.cases import PLAIN, Case, Document, but, content, edited, in_parts, member, setting
from tests.vectors.parts import WITNESSES, high_s, show
from tests.verify.world import World, seeded

LARGE = 1 << 64


def edges() -> Iterator[Case]:
    """All of them."""
    yield from _holding()
    yield from _orders()
    yield from _labels()
    yield from _specifications()
    yield from _payments()


def _holding() -> Iterator[Case]:
    namesake = WitnessKey(WITNESSES[0].name, seeded("a namesake"))
    both = World(witnesses=(WITNESSES[0], namesake))
    yield Case("two witnesses of one name", both.label_bundle({}, judged=False))
    names = f"witness A {WITNESSES[0].verifier}\nwitness N {namesake.verifier}\n"
    one = World(witnesses=WITNESSES[:1]).label_bundle({}, judged=False)
    policy = names + "group g any A N\nquorum g\n"
    yield Case("the policy knows a namesake of the witness, who did not cosign", one, policy=policy)
    yield Case("the policy asks for a namesake of the witness", one, 3, policy=names + "quorum N\n")
    given = PLAIN.label_openings()
    yield Case(
        "answers without the specification", PLAIN.label_bundle(_some(given, "answer", "truth", "reason"))
    )
    due = PLAIN.payment_openings()
    yield Case("a statement without the specification", PLAIN.payment_bundle(_some(due, "statement")))
    yield Case("a payroll's path of 64 hashes", _deep_payroll(64))


def _some(openings: Document, *names: str) -> Document:
    return {name: openings[name] for name in names}


def _orders() -> Iterator[Case]:
    # What refers to a later entry's leaf was signed late, and logged late.
    for name, moved, before, kind in (
        ("the grant stands right after the label", "grant", "other label", "label"),
        ("the review stands before its label", "review", "label", "label"),
        ("the settlement stands before the run", "settlement", "run", "payment"),
    ):
        order = [role for role in World.order if role != moved]
        order.insert(order.index(before), moved)
        world = World(order=tuple(order))
        yield Case(name, world.label_bundle({}) if kind == "label" else world.payment_bundle({}), 6)


def _labels() -> Iterator[Case]:
    other = {"grant": but(scope=ZERO32), "label": but(campaign=seeded("other"))}
    yield Case(
        "a label of another campaign, under a grant for all", World(other).label_bundle({}, judged=False), 10
    )
    yield Case("an s in the upper half of the order, by the key that the grant names", _high_s(), 9)
    for verdict in (0, 3):
        world = World({"review": but(verdict=verdict)})
        yield Case(f"a verdict of {verdict}, and no reason opened", world.label_bundle({}), 12)
    listed = World({"opened item": content(["text"])})
    yield Case(
        "an item that was committed to and is no object", listed.label_bundle({"item": listed.item}), 11
    )
    for name, changes in (
        ("accepted, with a member beside the label", {"opened answer": content({"label": "1", "more": 1})}),
        ("a figure below zero", _rejected(answers=3, correct=-1)),
        ("a figure that is a text", _rejected(answers="3", correct=1)),
    ):
        world = World(changes)
        yield Case(name, world.label_bundle(_some(world.label_openings(), "answer", "reason")), 12)


@dataclass(frozen=True)
class _Fixed:
    """Signs everything with the same bytes."""

    signature: bytes

    def sign(self, _: bytes) -> bytes:
        return self.signature


def _high_s() -> bytes:
    """A label with a high s, and a grant for the very address that it recovers to."""
    digest = entries.digest(PLAIN.entries["label"].struct, PLAIN.domain)
    signature, address = high_s(digest)
    signers: dict[str, Any] = {"label": _Fixed(signature)}
    return World({"grant": but(session_key=address)}, signers).label_bundle({}, judged=False)


def _rejected(**figures: Any) -> dict[str, Any]:
    reason = {"rule": "gold", "min_answers": 3, "min_accuracy_ppm": 600_000, **figures}
    return {"review": but(verdict=2), "opened reason": content(reason)}


def _specifications() -> Iterator[Case]:
    alone = PLAIN.label_bundle({"specification": PLAIN.specification}, judged=False)
    title = setting("openings", "specification", "title", to="Another title")
    yield Case("another specification than was committed to", edited(alone, title), 7)
    brief = World({"terms": but(brief=seeded("other"))})
    terms = _some(brief.label_openings(), "terms", "escrow")
    yield Case("terms of another specification", brief.label_bundle(terms, judged=False), 7)
    opened = PLAIN.label_bundle(_some(PLAIN.label_openings(), "terms", "escrow"), judged=False)
    more = setting("openings", "terms", "more", to=1)
    yield Case("terms with a member too many", edited(opened, more), 7)
    yield Case(
        "terms without a bond", edited(opened, lambda found: found["openings"]["terms"].pop("bond")), 7
    )
    for name, change in (
        ("a specification that is a list", lambda _: ["x"]),
        ("a specification that is a text", lambda _: "x"),
        ("no format", lambda found: _without(found, "format")),
        ("no items and no parts", lambda found: _without(found, "items")),
        ("parts, and items of its own", lambda found: in_parts(found) | {"items": found["items"]}),
        ("one part", lambda found: in_parts(found) | {"parts": in_parts(found)["parts"][1:]}),
        ("parts that are no list", lambda found: in_parts(found) | {"parts": {}}),
        ("two parts with the campaign's items", lambda found: in_parts(found) | {"parts": _twice(found)}),
        ("no part with the campaign's items", lambda found: in_parts(found) | {"parts": _strange(found)}),
        ("a part with a member too many", lambda found: in_parts(found) | {"parts": _more(found)}),
        ("another type of schema", _schema(type="free")),
        ("labels that are no list", _schema(labels="01")),
        ("a label that is empty", _schema(labels=["", "1"])),
        ("a label that is a number", _schema(labels=[0, "1"])),
        ("a schema with a member too many", _schema(more=1)),
        ("a count that is a text", lambda found: found | {"items": found["items"] | {"count": "3"}}),
        ("a root of 31 bytes", lambda found: found | {"gold": found["gold"] | {"root": "0x" + "00" * 31}}),
        ("an amount that is a number", member(payment={"per_label": 50_000, "agreement_bonus": "10000"})),
        ("no bonus", member(payment={"per_label": "50000"})),
    ):
        world = World({"specification": change})
        opened = {"specification": world.specification}
        yield Case(f"signed by the requester: {name}", world.label_bundle(opened, judged=False), 7)


def _without(found: Document, name: str) -> Document:
    return {other: value for other, value in found.items() if other != name}


def _twice(found: Document) -> list[Document]:
    return [in_parts(found)["parts"][1]] * 2


def _strange(found: Document) -> list[Document]:
    return [in_parts(found)["parts"][0]] * 2


def _more(found: Document) -> list[Document]:
    first, second = in_parts(found)["parts"]
    return [first, second | {"more": 1}]


def _schema(**values: Any) -> Any:
    return lambda found: found | {"schema": found["schema"] | values}


def _payments() -> Iterator[Case]:
    other = seeded("other")
    for step, name, changes in (
        (8, "a run of another campaign, of a payment", {"run": but(campaign=other)}),
        (8, "a settlement by another run", {"settlement": but(run=other)}),
        (9, "a statement of another campaign", {"statement": member(campaign=show(other))}),
        (9, "a statement by another run", {"statement": member(run=show(other))}),
        (9, "labels that are an object", {"statement": member(labels={})}),
        (9, "one label for two amounts that add up", {"statement": _one_label}),
        (9, "a label of 31 bytes", {"statement": _short_label}),
        (9, "an amount with a leading zero, of a label", {"statement": _padded}),
    ):
        world = World(changes)
        opened = _some(world.payment_openings(), "statement", "specification")
        yield Case(name, world.payment_bundle(opened), step)
    yield Case("a payroll's path of 65 hashes that leads to its root", _deep_payroll(65), 10)
    yield Case("an amount beyond 64 bits in a payroll", _large_payroll(), 10)
    object_path = setting("openings", "payroll", "path", to={})
    yield Case("a path that is no list", edited(PLAIN.payment_bundle(), object_path), 10)
    yield Case("a statement signed for epoch 0", _epoch_zero(), 11)


def _one_label(found: Document) -> Document:
    first, second = found["labels"]
    return found | {"labels": [first, second | {"label": first["label"]}]}


def _short_label(found: Document) -> Document:
    first, second = found["labels"]
    return found | {"labels": [first | {"label": first["label"][:-2]}, second]}


def _padded(found: Document) -> Document:
    first, second = found["labels"]
    return found | {"labels": [first | {"amount": "060000"}, second]}


def _deep_payroll(depth: int) -> bytes:
    """The worker alone in a tree of this depth, all else padding."""
    path = [bytes(32)] * depth
    root = payroll.leaf(PLAIN.campaign, 0, PLAIN.worker.address, 110_000)
    for sibling in path:
        root = keccak256(root + sibling)
    opening = {"index": 0, "path": [show(value) for value in path], "root": show(root)}
    return PLAIN.payment_bundle(_some(PLAIN.payment_openings(), "terms", "escrow") | {"payroll": opening})


def _large_payroll() -> bytes:
    """A payout that no payroll can hold, and a tree that would owe it."""
    world = World({"payout": but(amount=LARGE), "settlement": but(total=LARGE)})
    root = payroll.leaf(world.campaign, 0, world.worker.address, LARGE)
    opening = {"index": 0, "path": [], "root": show(root)}
    return world.payment_bundle(_some(world.payment_openings(), "terms", "escrow") | {"payroll": opening})


def _epoch_zero() -> bytes:
    run = json.loads(PLAIN.payment_bundle())["openings"]["statement"]["run"]
    statement = Statement(PLAIN.campaign, PLAIN.worker.address, 110_000, 0, bytes.fromhex(run[2:]))
    signature = show(sign_statement(statement, PLAIN.domain, PLAIN.operator))
    opening = {"epoch": 0, "operator": PLAIN.operator.address, "signature": signature}
    opened = _some(PLAIN.payment_openings(), "terms", "escrow") | {"signed_statement": opening}
    return PLAIN.payment_bundle(opened)
