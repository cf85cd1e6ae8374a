"""Cases of bundles: what is changed in them, and which step has to refuse them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ledger_service import commitments
from ledger_service.errors import BadInput, VerificationError
from ledger_service.log.policy import parse_policy
from ledger_service.verify.verifier import verify_bundle
from tests.vectors.parts import WITNESSES, Vector, b64, show
from tests.verify.world import World, seeded

Document = dict[str, Any]
Change = Callable[[Document], Any]


@dataclass(frozen=True)
class Case:
    """A bundle, what the caller trusts, and the step that refuses it (0: it holds; None: it is no bundle)."""

    name: str
    raw: bytes
    step: int | None = 0
    log_key: str | None = None
    log_address: str | None = None
    policy: str | None = None


def vector(case: Case) -> Vector:
    """One line of bundles.ndjson."""
    ok, step, what = outcome(case)
    assert (ok, step) == (None if case.step is None else not case.step, case.step or 0), (
        case.name,
        step,
        what,
    )
    trusted = {"logKey": case.log_key, "logAddress": case.log_address, "policy": case.policy}
    given = {name: value for name, value in trusted.items() if value is not None}
    try:
        text = {"bundle": case.raw.decode()}
    except UnicodeDecodeError:
        text = {"bundleBase64": b64(case.raw)}
    found = {} if ok else {"what": what}
    return {"name": case.name, "ok": ok, "step": step, **found, **given, **text}


def outcome(case: Case) -> tuple[bool | None, int, str]:
    policy = parse_policy(case.policy.encode()) if case.policy is not None else None
    try:
        verify_bundle(case.raw, log_key=case.log_key, log_address=case.log_address, policy=policy)
    except VerificationError as error:
        return False, error.step, error.what
    except BadInput as error:
        return None, 0, str(error)
    return True, 0, ""


def edited(raw: bytes, change: Change) -> bytes:
    """The bundle with something else in it, in canonical form."""
    document = json.loads(raw)
    change(document)
    return commitments.canonical(document)


def setting(*place: Any, to: Any) -> Change:
    """A change that puts a value in a place."""

    def change(document: Document) -> None:
        for key in place[:-1]:
            document = document[key]
        document[place[-1]] = to

    return change


def proofs(change: Callable[[str], str], *, of: str | None = None) -> Change:
    """A change of the proof of one role, or of all."""

    def made(document: Document) -> None:
        for role, part in document["entries"].items():
            if of in (None, role):
                part["proof"] = change(part["proof"])

    return made


PLAIN = World()
WITNESSED = World(witnesses=WITNESSES[:2])
WORDS = {"item": PLAIN.item, "answer": PLAIN.answer}
SMALL = {"specification": PLAIN.specification, "answer": PLAIN.answer}
KEY = str(PLAIN.log_key.verifier)
NAMES = "".join(f"witness {name} {key.verifier}\n" for name, key in zip("ABC", WITNESSES, strict=True))


def but(**values: Any) -> Callable[[Any], Any]:
    """A struct with other fields."""
    return lambda struct: replace(struct, **values)


def content(value: Any) -> Callable[[Any], Any]:
    """An opening with another content."""
    return lambda opening: opening | {"content": value}


def in_parts(document: Document) -> Document:
    """A specification in two parts, the campaign's own the second."""
    own = {name: document[name] for name in ("items", "gold")}
    other = {"items": {"count": 1, "root": show(seeded("other items"))}, "gold": own["gold"]}
    rest = {name: value for name, value in document.items() if name not in own}
    return rest | {"parts": [other, own]}


def with_byte(raw: bytes, at: int) -> bytes:
    """The same with the lowest bit of one byte changed."""
    return raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]


def member(**values: Any) -> Change:
    """A document with other members."""
    return lambda found: found | values
