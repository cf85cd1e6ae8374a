"""Bundles that somebody has changed, at random and reproducibly: bytes, JSON values, proofs, hex; and whole
campaigns in which one fact was another from the beginning, with true signatures and proofs over it."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any

from ledger_service import commitments
from ledger_service.errors import BadInput
from ledger_service.log.cosignature import WitnessKey
from ledger_service.signing import Wallet
from tests.verify.world import World, seeded

WITNESSES = tuple(WitnessKey(f"witness-{name}.example", seeded(f"witness {name}")) for name in "abc")
ODD = (
    None, True, False, 0, 1, -1, 0.5, 1e21, 2**53 - 1, -(2**53) + 1, "", "0", "1", "00", "-1", "0x", "0x0",
    "0x00", "0X00", "\n", "é", "\x85", "\ufeff", "\U0001f600", "accepted", "9" * 78, "9" * 79,
    "0x" + "ff" * 32, "0x" + "00" * 32, "0x" + "00" * 20, [], {}, [[]], [None], {"": ""}, {"__proto__": 1},
    {"constructor": {}},
    str(2**64), str(2**64 - 1), str(2**256),
)  # fmt: skip
BITS = {"uint8": 8, "uint32": 32, "uint64": 64, "uint256": 256}


@dataclass(frozen=True)
class Sample:
    """A bundle, and what the caller trusts; `how` it was made, for people."""

    raw: bytes
    how: str
    log_key: str | None = None
    log_address: str | None = None
    policy: bytes | None = None


@cache
def sound() -> tuple[bytes, ...]:
    """Bundles that hold, of each kind, with and without judgement, openings and witnesses."""
    witnessed = World(witnesses=WITNESSES[:2])
    found: list[bytes] = []
    for world in (plain(), witnessed):
        found += [world.label_bundle(), world.label_bundle(judged=False), world.payment_bundle()]
        found += [world.label_bundle({}), world.payment_bundle({})]
    return tuple(found)


def samples(seed: int, count: int) -> Iterator[Sample]:
    """`count` samples, the same for the same seed."""
    chance, bases = random.Random(seed), sound()
    makers = (
        [(_bytes, 3), (_value, 4), (_move, 2), (_proof, 3), (_hex, 3), (_world, 4), (_specification, 1)]
    )  # fmt: skip
    kinds = [maker for maker, weight in makers for _ in range(weight)]
    while count > 0:
        maker, base = chance.choice(kinds), chance.choice(bases)
        raw = maker(chance, base)
        if raw != base:  # else the change was none
            yield _trusted(chance, Sample(raw, maker.__name__.strip("_")))
            count -= 1


@cache
def plain() -> World:
    """The campaign as it should be. Nobody changes it."""
    return World()


@cache
def policies() -> tuple[bytes, ...]:
    """Policies of all kinds over three witnesses, two of which cosigned."""
    names = "".join(
        f"witness {name} {key.verifier}\n" for name, key in zip("ABC", WITNESSES, strict=True)
    ).encode()
    log = f"log {plain().log_key.verifier}\n".encode()
    quorums = [b"none", b"A", b"C", b"g\n", b"h\n"]
    groups = [b"", b"", b"", b"group g 2 A B C\n", b"group g any A C\ngroup h all g B\n"]
    own = [group + b"quorum " + quorum.strip() + b"\n" for group, quorum in zip(groups, quorums, strict=True)]
    return tuple(begin + names + end for end in own for begin in (log, b""))


def _trusted(chance: random.Random, sample: Sample) -> Sample:
    """What the caller pins: mostly nothing, else the right things or others."""
    world = plain()
    pick = chance.randrange(10)
    if pick == 0:
        return replace(sample, log_key=str(world.log_key.verifier))
    if pick == 1:
        return replace(sample, log_address=chance.choice([world.log_address, "0x" + "11" * 20]))
    if pick == 2:
        return replace(sample, policy=chance.choice(policies()))
    return sample


def _bytes(chance: random.Random, raw: bytes) -> bytes:
    """One or two bytes changed, lost, added or moved; or the end cut off."""
    at, other = chance.randrange(len(raw)), chance.randrange(len(raw))
    low, high = min(at, other), max(at, other)
    return chance.choice(
        [
            raw[:at] + bytes([raw[at] ^ 1 << chance.randrange(8)]) + raw[at + 1 :],
            raw[:at] + bytes([chance.randrange(256)]) + raw[at + 1 :],
            raw[:at] + raw[at + 1 :],
            raw[:at] + bytes([chance.randrange(256)]) + raw[at:],
            raw[:at] + raw[at : at + 1] + raw[at:],
            raw[:low] + raw[high : high + 1] + raw[low + 1 : high] + raw[low : low + 1] + raw[high + 1 :],
            raw[:at],
            raw + raw[:at],
        ]
    )


Place = tuple[Any, ...]


def places(value: Any, here: Place = ()) -> list[Place]:
    """The path of every value in a JSON document, but for the document itself."""
    if isinstance(value, dict):
        members: list[tuple[Any, Any]] = list(value.items())
    else:
        members = list(enumerate(value)) if isinstance(value, list) else []
    found: list[Place] = []
    for key, inner in members:
        found += [(*here, key), *places(inner, (*here, key))]
    return found


def at(document: Any, place: Place) -> Any:
    for key in place:
        document = document[key]
    return document


def put(document: Any, place: Place, value: Any) -> None:
    at(document, place[:-1])[place[-1]] = value


def canonical(value: Any, otherwise: bytes) -> bytes:
    try:
        return commitments.canonical(value)
    except BadInput:
        return otherwise


def _value(chance: random.Random, raw: bytes) -> bytes:
    """One value is another one, is gone, or has a neighbour that does not belong there."""
    document = json.loads(raw)
    place = chance.choice(places(document))
    holder, name = at(document, place[:-1]), place[-1]
    pick = chance.randrange(8)
    if pick == 0:
        del holder[name]
    elif pick == 1 and isinstance(holder, dict):
        holder[chance.choice(["extra", "", "__proto__", "toString", "witnesses", "evidence", "parts"])] = (
            chance.choice(ODD)
        )
    elif pick == 2 and isinstance(holder, list):
        holder.append(holder[name])
    elif pick == 3 and isinstance(holder[name], int) and not isinstance(holder[name], bool):
        holder[name] += chance.choice([-1, 1, 2**32, 2**53 - 1 - holder[name]])
    elif pick == 4 and isinstance(holder[name], str):
        holder[name] += chance.choice([" ", "\n", "0", "00", "\x00", "=", "é"])
    else:
        holder[name] = chance.choice(ODD)
    return canonical(document, raw)


def _move(chance: random.Random, raw: bytes) -> bytes:
    """A value stands where another of the same kind belongs: its own bundle's, or another bundle's."""
    document, other = json.loads(raw), json.loads(chance.choice(sound()))
    place = chance.choice(places(document))
    here = at(document, place)
    alike = [where for where in places(other) if type(at(other, where)) is type(here)]
    same_name = [where for where in alike if where[-1] == place[-1]]
    if alike:
        source = chance.choice(same_name if same_name and chance.random() < 0.8 else alike)
        put(document, place, at(other, source))
    return canonical(document, raw)


def _proof(chance: random.Random, raw: bytes) -> bytes:
    """The lines of a proof, or of all of them alike, lost, doubled, swapped or changed."""
    document = json.loads(raw)
    roles = list(document["entries"])
    one = chance.choice(roles)
    text = document["entries"][one]["proof"]
    head, _, checkpoint = text.partition("\n\n")
    if chance.random() < 0.4:  # the same change to every proof's checkpoint
        changed = _lines(chance, checkpoint)
        for role in roles:
            part = document["entries"][role]
            part["proof"] = part["proof"].partition("\n\n")[0] + "\n\n" + changed
    else:
        document["entries"][one]["proof"] = _lines(chance, head) + "\n\n" + checkpoint
    return canonical(document, raw)


def _lines(chance: random.Random, text: str) -> str:
    lines = text.split("\n")
    one, two = chance.randrange(len(lines)), chance.randrange(len(lines))
    pick = chance.randrange(8)
    if pick == 0:
        del lines[one]
    elif pick == 1:
        lines.insert(one, lines[two])
    elif pick == 2:
        lines[one], lines[two] = lines[two], lines[one]
    elif pick == 3:
        lines[one] = re.sub(
            r"\d+", lambda found: str(int(found[0]) + chance.choice([-1, 1, 2**63])), lines[one]
        )
    elif pick == 4:
        lines[one] += chance.choice(["=", " ", "A", "\t", "\r", "é", "\u2028"])
    elif pick == 5:
        lines.insert(one, chance.choice(["extra AAAA", "", "— a b", "— a AAAAAAAA", "— a+b AAAAAAAA"]))
    elif pick == 6 and lines[one]:
        at_sign = chance.randrange(len(lines[one]))
        sign = chance.choice("ABab019+/= \u00a0—")
        lines[one] = lines[one][:at_sign] + sign + lines[one][at_sign + 1 :]
    else:
        lines[one] = lines[one].swapcase()
    return "\n".join(lines)


def _hex(chance: random.Random, raw: bytes) -> bytes:
    """Bytes of some hex are others, in its one form: an entry, a salt, a signature, an address."""
    document = json.loads(raw)
    marked = [place for place in places(document) if str(at(document, place)).startswith("0x")]
    place = chance.choice(marked)
    value = bytearray.fromhex(at(document, place)[2:])
    where = chance.randrange(len(value) + 1)
    pick = chance.randrange(6)
    if pick == 0:
        value.insert(where, chance.randrange(256))
    elif pick == 1:
        del value[where : where + chance.choice([1, 1, 32, 64])]
    elif pick == 2:
        begin = where - where % 32
        value[begin : begin + 32] = chance.choice([bytes(32), b"\xff" * 32])[: len(value) - begin]
    elif pick == 3:
        value[-64:] = _odd_signature(chance, bytes(value[-64:]))
    elif where < len(value):
        value[where] ^= 1 << chance.randrange(8)
    put(document, place, "0x" + value.hex())
    return canonical(document, raw)


def _odd_signature(chance: random.Random, signature: bytes) -> bytes:
    """The same with the other parity; with n - s for s; or with zeroes and ones."""
    if len(signature) < 64:
        return signature
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    r, last = signature[:32], int.from_bytes(signature[32:], "big")
    s = last & (1 << 255) - 1
    return chance.choice(
        [
            r + (last ^ 1 << 255).to_bytes(32, "big"),
            r + ((order - s) % 2**256).to_bytes(32, "big"),
            bytes(32) + signature[32:],
            r + bytes(32),
            bytes(64),
            b"\xff" * 64,
        ]
    )


ROLES = (
    "campaign", "grant", "matching", "assignment", "label", "review", "run", "truth", "payout", "settlement",
)  # fmt: skip
CONTENTS = (
    {"label": "0"}, {"label": "2"}, {"label": 1}, {"label": "1", "more": 1}, {}, {"rule": "accepted"},
    {"rule": "schema", "answers": 2}, {"rule": "speed", "seconds": 0, "min_seconds": 1}, {"rule": "speed"},
    {"rule": "gold", "answers": 3, "correct": 1, "min_answers": 3, "min_accuracy_ppm": 600000},
    {"rule": "gold", "answers": 3, "correct": -1, "min_answers": 3, "min_accuracy_ppm": 600000},
    {"rule": "constructor"}, {"text": "another"},
)  # fmt: skip


def _world(chance: random.Random, raw: bytes) -> bytes:
    """A campaign in which a fact or two were others from the beginning, and all signatures are true to it."""
    changes: dict[str, Callable[[Any], Any]] = {}
    signers: dict[str, Wallet] = {}
    for _ in range(chance.choice([1, 1, 2])):
        pick = chance.randrange(10)
        if pick < 6:
            changes[chance.choice(ROLES)] = _struct_change(chance)
        elif pick == 6:
            name, content = chance.choice(["item", "answer", "reason", "truth"]), chance.choice(CONTENTS)
            changes["opened " + name] = lambda opening, content=content: opening | {"content": content}
        elif pick == 7:
            changes["terms"] = _terms_change(chance)
        elif pick == 8:
            changes["statement"] = _document_change(chance)
        else:
            signers[chance.choice(["campaign", "grant", "label"])] = Wallet(seeded("session key"))
    order = list(World.order)
    if chance.random() < 0.15:
        one, two = chance.randrange(len(order)), chance.randrange(len(order))
        order[one], order[two] = order[two], order[one]
    return _build(chance, raw, changes, signers, tuple(order))


def _specification(chance: random.Random, raw: bytes) -> bytes:
    """A campaign whose requester signed a specification with something odd in it."""
    return _build(chance, raw, {"specification": _document_change(chance)}, {}, World.order)


def _build(
    chance: random.Random,
    raw: bytes,
    changes: dict[str, Any],
    signers: dict[str, Wallet],
    order: tuple[str, ...],
) -> bytes:
    witnesses = WITNESSES[: chance.choice([0, 0, 1, 3])]
    try:
        world = World(changes, signers, order, witnesses=witnesses)
        openings = None if chance.random() < 0.8 else {}
        if chance.random() < 0.4:
            return world.payment_bundle(openings)
        return world.label_bundle(openings, judged=chance.random() < 0.8)
    except (BadInput, KeyError, RecursionError):
        return raw  # nobody can write down, or log, such a thing


def _struct_change(chance: random.Random) -> Callable[[Any], Any]:
    seed = chance.random()

    def change(struct: Any) -> Any:
        own = random.Random(seed)
        name = own.choice([field.name for field in fields(struct)])
        return replace(struct, **{name: _other(own, getattr(struct, name))})

    return change


def _other(chance: random.Random, value: Any) -> Any:
    """Another value of the same type, near the old one or at an edge."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return max(0, value + chance.choice([-1, 1, -100, 100, 1000, -value, 10**6]))
    if isinstance(value, bytes):
        return chance.choice([bytes(32), seeded("another"), value[:-1] + bytes([value[-1] ^ 1])])
    return chance.choice(["0x" + "00" * 20, Wallet(seeded("session key")).address, "0x" + "ab" * 20])


def _terms_change(chance: random.Random) -> Callable[[Any], Any]:
    numbers = {
        "fee_bps": 16, "window": 32, "deadline": 40, "bond": 128, "label_price": 64, "part": 32,
    }  # fmt: skip
    name = chance.choice(list(numbers))
    value = chance.choice([0, 1, 2 ** numbers[name] - 1])
    return lambda terms: replace(terms, **{name: value})


def _document_change(chance: random.Random) -> Callable[[Any], Any]:
    seed = chance.random()

    def change(document: Any) -> Any:
        own, made = random.Random(seed), json.loads(json.dumps(document))
        place = own.choice(places(made))
        pick = own.randrange(4)
        if pick == 0:
            del at(made, place[:-1])[place[-1]]
        elif pick == 1 and isinstance(at(made, place), list):
            at(made, place).append(own.choice([*ODD, *at(made, place)]))
        elif pick == 2:
            part = {name: made[name] for name in ("items", "gold") if name in made}
            made = {k: v for k, v in made.items() if k not in part} | {"parts": [part] * own.choice([1, 2])}
        else:
            put(made, place, own.choice(ODD))
        return made

    return change
