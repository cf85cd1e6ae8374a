"""Bundles in which a fact is not what it has to be, although signatures and proofs are true to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from ledger_service import entries
from tests.vectors.cases import (
    PLAIN,
    WORDS,
    Case,
    Change,
    Document,
    but,
    content,
    edited,
    in_parts,
    setting,
)
from tests.vectors.parts import negated, show
from tests.verify.world import NOW, World, opened, seeded


def _swapped(first: str, second: str) -> tuple[str, ...]:
    order = list(World.order)
    one, two = order.index(first), order.index(second)
    order[one], order[two] = order[two], order[one]
    return tuple(order)


def facts() -> Iterator[Case]:
    """Steps 6 to 13: what is true of its own kind only from the beginning, with all signatures true to it."""
    yield Case(
        "the label stands before its assignment",
        World(order=_swapped("label", "assignment")).label_bundle({}),
        6,
    )
    yield Case(
        "the grant stands after the label", World(order=_swapped("grant", "label")).label_bundle({}), 6
    )
    yield Case("the truth stands before its run", World(order=_swapped("run", "truth")).label_bundle({}), 6)
    yield from _campaign_facts()
    yield from _label_facts()
    yield from _judgement_facts()


def _campaign_facts() -> Iterator[Case]:
    strangers = {"campaign": PLAIN.worker}
    strange = World(signers=strangers).label_bundle({}, judged=False)
    yield Case("somebody else signed the campaign", strange, 7)
    yield Case("n - s for s under the campaign", _negated("campaign"), 7)
    for name, changes in (
        ("another specification than the campaign's", {"campaign": but(specification=seeded("other"))}),
        ("another number of items", {"campaign": but(item_count=4)}),
        ("another root of gold answers", {"campaign": but(gold=seeded("other"))}),
        ("another format of specification", {"specification": lambda found: found | {"format": "other"}}),
        ("a schema of one label", {"specification": _schema(["0"])}),
        ("a schema with a label twice", {"specification": _schema(["0", "0"])}),
        ("an amount with a leading zero", {"specification": _prices("050000")}),
        ("an amount beyond 64 bits", {"specification": _prices(str(2**64))}),
        ("a part that there is not", {"specification": in_parts, "terms": but(part=2)}),
        ("a part with the items of another", {"specification": in_parts, "terms": but(part=0)}),
    ):
        yield Case(name, World(changes).label_bundle(judged=False), 7)
    escrow = edited(PLAIN.label_bundle(judged=False), setting("openings", "escrow", to="0x" + "11" * 20))
    yield Case("another escrow", escrow, 7)
    for name, value in (
        ("feeBps", 501),
        ("feeBps", 65_536),
        ("bond", "025000000"),
        ("bond", 25),
        ("part", -1),
    ):
        raw = edited(PLAIN.label_bundle(), setting("openings", "terms", name, to=value))
        yield Case(f"terms with {name} {value!r}", raw, 7)
    requester = World({"campaign": but(requester=PLAIN.worker.address)}, {"campaign": PLAIN.worker})
    yield Case("the terms name another requester", requester.label_bundle(judged=False), 7)


def _schema(labels: list[str]) -> Callable[[Any], Any]:
    return lambda found: found | {"schema": {"type": "categorical", "labels": labels}}


def _prices(per_label: str) -> Callable[[Any], Any]:
    return lambda found: found | {"payment": {"per_label": per_label, "agreement_bonus": "10000"}}


def _negated(role: str) -> bytes:
    """A bundle whose role was logged with the other form of its signature."""
    world = World()
    sound = world.entries[role]
    raw = sound.raw[:-64] + negated(sound.signature)

    class Logged(World):
        def entry(self, wanted: str) -> entries.Entry:
            found = super().entry(wanted)
            if wanted == role:
                self.entries[wanted] = entries.decode(raw)
            return self.entries[wanted] if wanted == role else found

    return Logged().label_bundle({}, judged=False)


def _label_facts() -> Iterator[Case]:
    by_session = World(signers={"grant": PLAIN.session})
    yield Case("somebody else signed the grant", by_session.label_bundle({}, judged=False), 8)
    yield Case("n - s for s under the grant", _negated("grant"), 8)
    yield Case(
        "the worker's wallet signed the label", World(signers={"label": PLAIN.worker}).label_bundle({}), 9
    )
    yield Case("n - s for s under the label", _negated("label"), 9)
    for step, name, role, change in (
        (9, "a grant for another campaign", "grant", but(scope=seeded("other"))),
        (9, "before the grant", "label", but(made_at=NOW - 1)),
        (9, "a second after the grant", "grant", but(valid_until=NOW + 99)),
        (9, "the label is another worker's", "label", but(worker=PLAIN.requester.address)),
        (10, "a matching of another campaign", "matching", but(campaign=seeded("other"))),
        (10, "an assignment of another campaign", "assignment", but(campaign=seeded("other"))),
        (10, "an assignment of another item", "assignment", but(item=seeded("other"))),
        (10, "an assignment to another worker", "assignment", but(worker=PLAIN.requester.address)),
        (10, "an assignment by another run", "assignment", but(run=seeded("other"))),
        (10, "a second before the assignment", "assignment", but(assigned_at=NOW + 101)),
        (10, "a second too late", "assignment", but(due_at=NOW + 99)),
    ):
        yield Case(name, World({role: change}).label_bundle({}, judged=False), step)
    for name, change in (
        ("another answer", setting("openings", "answer", "content", "label", to="0")),
        ("another salt", setting("openings", "answer", "salt", to=show(seeded("other salt")))),
        ("a salt of 31 bytes", setting("openings", "answer", "salt", to="0x" + "00" * 31)),
        ("another item", setting("openings", "item", to=opened({"text": "another"}, "item"))),
        ("an item that is no object", setting("openings", "item", "content", to=["text"])),
        ("an opening with a member too many", setting("openings", "item", "more", to=1)),
    ):
        yield Case(name, edited(PLAIN.label_bundle(WORDS, judged=False), change), 11)


def _judgement_facts() -> Iterator[Case]:
    slow = {"rule": "speed", "seconds": 0, "min_seconds": 1}
    for step, name, changes in (
        (12, "a review of another label", {"review": but(label=seeded("other"))}),
        (12, "accepted, for a reason that rejects", {"opened reason": content(slow)}),
        (12, "rejected, for the reason accepted", {"review": but(verdict=2)}),
        (12, "an unknown rule", {"opened reason": content({"rule": "mood"})}),
        (
            12,
            "a rule without its figures",
            {"review": but(verdict=2), "opened reason": content({"rule": "speed"})},
        ),
        (12, "accepted, but not in the schema", {"opened answer": content({"label": "2"})}),
        (12, "accepted, but no label", {"opened answer": content({"label": 1})}),
        (13, "a truth of another item", {"truth": but(item=seeded("other"))}),
        (13, "a truth of another campaign", {"truth": but(campaign=seeded("other"))}),
        (13, "a truth by another run", {"truth": but(run=seeded("other"))}),
        (13, "a run of another campaign", {"run": but(campaign=seeded("other"))}),
        (13, "a run that did not read the label", {"run": but(log_size=PLAIN.indices["label"])}),
        (13, "a run that read itself", {"run": but(log_size=PLAIN.indices["run"] + 1)}),
        (13, "a truth outside the schema", {"opened truth": content({"label": "2"})}),
    ):
        yield Case(name, _judged(World(changes)), step)
    for step, name in ((12, "reason"), (13, "truth")):
        raw = edited(PLAIN.label_bundle({}, judged=False), setting("openings", name, to=PLAIN.reason))
        yield Case(f"a {name} of a label that is not judged", raw, step)
    other = edited(_judged(PLAIN), setting("openings", "truth", "content", "label", to="0"))
    yield Case("another truth than was committed to", other, 13)


def _judged(world: World) -> bytes:
    """What a judgement needs opened, and no more."""
    given = world.label_openings()
    return world.label_bundle({name: given[name] for name in ("specification", "answer", "reason", "truth")})


def payments() -> Iterator[Case]:
    """A payment's steps 6 to 11."""
    swapped = World(order=_swapped("payout", "run"))
    yield Case("the payout stands before its run", swapped.payment_bundle({}), 6)
    strangers = World(signers={"campaign": PLAIN.worker})
    yield Case("somebody else signed the campaign of a payment", strangers.payment_bundle({}), 7)
    for step, name, changes in (
        (8, "a payout of another campaign", {"payout": but(campaign=seeded("other"))}),
        (8, "a settlement of another campaign", {"settlement": but(campaign=seeded("other"))}),
        (8, "a payout by another run", {"payout": but(run=seeded("other"))}),
        (8, "more than the settlement", {"settlement": but(total=109_999)}),
        (8, "a run that read itself, of a payment", {"run": but(log_size=PLAIN.indices["run"] + 1)}),
        (9, "another statement than was committed to", {"payout": but(statement=seeded("other"))}),
        (9, "a statement of another format", {"statement": lambda found: found | {"format": "other"}}),
        (
            9,
            "a statement of another worker",
            {"statement": lambda found: found | {"worker": PLAIN.requester.address}},
        ),
        (9, "a statement of another amount", {"statement": lambda found: found | {"amount": "110001"}}),
        (9, "a statement with a member too many", {"statement": lambda found: found | {"more": 1}}),
        (9, "a label twice", {"statement": lambda found: found | {"labels": found["labels"][:1] * 2}}),
        (
            9,
            "labels that do not add up",
            {"statement": lambda found: found | {"labels": found["labels"][:1]}},
        ),
        (9, "a label that earned what none can", {"statement": _split}),
    ):
        yield Case(name, World(changes).payment_bundle(), step)
    payment = PLAIN.payment_bundle()
    statement, root = ("openings", "signed_statement"), ("openings", "payroll")
    own = json.loads(payment)["openings"]
    signature = bytes.fromhex(own["signed_statement"]["signature"][2:])
    for step, name, change in (
        (10, "another position", setting(*root, "index", to=0)),
        (10, "a position beyond the tree", setting(*root, "index", to=4)),
        (10, "another root", setting(*root, "root", to=show(seeded("other")))),
        (10, "a path that is too short", setting(*root, "path", to=own["payroll"]["path"][:1])),
        (10, "a path of 65 hashes", setting(*root, "path", to=[show(bytes(32))] * 65)),
        (10, "another evidence", setting(*root, "evidence", to=43)),
        (11, "another epoch", setting(*statement, "epoch", to=2)),
        (11, "epoch 0", setting(*statement, "epoch", to=0)),
        (11, "an epoch beyond 32 bits", setting(*statement, "epoch", to=2**32)),
        (11, "another operator", setting(*statement, "operator", to=PLAIN.worker.address)),
        (11, "a signature of 65 bytes", setting(*statement, "signature", to=show(signature + b"\x1b"))),
        (
            11,
            "n - s for s under the statement",
            setting(*statement, "signature", to=show(negated(signature))),
        ),
    ):
        yield Case(name, edited(payment, change), step)


def _times(count: int) -> Change:
    """The first label alone, so many times."""
    return lambda found: found | {"labels": found["labels"][:1] * count}


def _split(found: Document) -> Document:
    first, second = found["labels"]
    return found | {"labels": [first | {"amount": "59999"}, second | {"amount": "50001"}]}
