"""One entry of every type, and what must not be taken for one; receipts, statements and commitments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ledger_service import commitments, entries, payroll
from ledger_service.eip712 import Struct
from ledger_service.entries import ENTRY_TYPES, Receipt, Statement
from ledger_service.log.tree import root_of_data
from tests.vectors.parts import DOMAIN, TIME, WALLETS, N, Vector, canonical, high_s, negated, show, words
from tests.verify.world import seeded

SIGNERS = {
    "SessionGrant": "worker", "Campaign": "requester", "Label": "session key", "Dispute": "worker",
    "Ruling": "arbiter", "Dataset": "owner", "UsageGrant": "owner",
}  # fmt: skip
NUMBERS = {"uint8": 1, "uint32": 4_000_000_000, "uint64": TIME, "uint256": 2**200 + 1, "int256": -12_345}


def entry_vectors() -> Vector:
    return {
        "about": "Entries (docs/formats.md, section 2): `holds` are entries, each with all that is computed"
        " from it; `refused` are not, or are not signed by the address that has to sign. Where `zeroes` is"
        " given, so many zero bytes follow `entry`.",
        "domain": {"chainId": DOMAIN.chain_id, "verifyingContract": DOMAIN.verifying_contract},
        "domainSeparator": show(DOMAIN.separator()),
        "holds": [_holds(kind, position) for position, kind in enumerate(ENTRY_TYPES)],
        "refused": [vector for kind in ENTRY_TYPES for vector in _refused(kind)],
    }


def example(kind: type[Struct]) -> Struct:
    """A struct of a type, with a different value in every field."""
    values: dict[str, Any] = {}
    for name, solidity in entries.layout(kind):
        if solidity == "bytes32":
            values[name] = seeded(f"{kind.__name__}.{name}")
        elif solidity == "address":
            values[name] = WALLETS["worker"].address
        else:
            values[name] = True if solidity == "bool" else NUMBERS[solidity]
    named = kind.signer if kind.signer in values else None
    if named is not None:
        values[named] = WALLETS[SIGNERS[kind.__name__]].address
    return kind(**values)


def signed(struct: Struct) -> bytes:
    """The entry of a struct."""
    name = SIGNERS.get(type(struct).__name__)
    signature = WALLETS[name].sign(entries.digest(struct, DOMAIN)) if name else b""
    return entries.encode(struct, signature).raw


def _holds(kind: type[Struct], position: int) -> Vector:
    struct = example(kind)
    if position % 2:  # every other one at the edges of its numbers
        struct = replace(struct, **_edges(struct))
    raw = signed(struct)
    entry = entries.decode(raw)
    name = SIGNERS.get(kind.__name__)
    return {
        "type": kind.__name__,
        "typeString": entries.type_string(kind),
        "typeHash": show(entries.type_hash(kind)),
        "struct": words(struct),
        "preimage": show(entries.preimage(struct)),
        "digest": show(entries.digest(struct, DOMAIN)),
        "signedBy": name,
        "signer": WALLETS[name].address if name else None,
        "signature": show(entry.signature),
        "entry": show(raw),
        "leafHash": show(entry.leaf),
    }


def _edges(struct: Struct) -> dict[str, Any]:
    most = {"uint8": 2**8, "uint32": 2**32, "uint64": 2**64, "uint256": 2**256}
    numbers = [(name, kind) for name, kind in entries.layout(type(struct)) if "int" in kind]
    found = {name: most[kind] - 1 for name, kind in numbers if kind in most}
    return found | {name: -(2**255) for name, kind in numbers if kind == "int256"}


def _refused(kind: type[Struct]) -> Iterator[Vector]:
    struct = example(kind)
    raw = signed(struct)
    end = 32 * (1 + len(entries.layout(kind)))
    name = kind.__name__

    def vector(changed: bytes, why: str, signer: str | None = None) -> Vector:
        expected = {} if signer is None else {"signer": signer}
        return {"type": name, "entry": show(changed), "why": why, **expected}

    yield vector(b"\x00" + raw[1:], "no type has this hash")
    yield vector(raw[: end - 1], "the last word lacks a byte")
    for at, (field, solidity) in enumerate(entries.layout(kind), start=1):
        dirty = {"address": b"\x01", "bool": b"\x80", "uint8": b"\x01", "uint32": b"\x01", "uint64": b"\x01"}
        if solidity in dirty:
            changed = raw[: 32 * at] + dirty[solidity] + raw[32 * at + 1 :]
            yield vector(changed, f"{field} has bits set that a {solidity} does not have")
        if solidity in ("uint8", "uint32", "uint64"):
            more = (1 << int(solidity.removeprefix("uint"))).to_bytes(32, "big")
            yield vector(
                raw[: 32 * at] + more + raw[32 * at + 32 :], f"{field} is one more than a {solidity} holds"
            )
        if solidity == "bool":
            yield vector(raw[: 32 * at + 31] + b"\x02" + raw[32 * at + 32 :], f"{field} is neither 0 nor 1")
    if kind.signer is None:
        yield vector(raw + bytes(64), "this type is not signed: something is left over")
        return
    signature, by = raw[end:], WALLETS[SIGNERS[name]].address
    yield vector(raw[:end], "the signature is missing")
    zeroes = 65_536 - len(raw)
    yield {**vector(raw, "longer than 65,535 bytes"), "zeroes": zeroes}
    yield vector(
        raw[:end] + negated(signature), "n - s for s, which 255 bits do not hold: another signer", by
    )
    if name == "Label":  # whose signer is in no field, so that an address can be found for a signature
        high, found = high_s(entries.digest(struct, DOMAIN))
        yield vector(raw[:end] + high, "s is in the upper half of the order", found)
    yield vector(raw + b"\x1b", "a signature has 64 bytes (EIP-2098), not 65", by)
    yield vector(raw[:end] + bytes(32) + signature[32:], "r is zero", by)
    yield vector(raw[:end] + signature[:32] + bytes(32), "s is zero", by)
    yield vector(raw[:end] + N.to_bytes(32, "big") + signature[32:], "r is the order", by)
    parity = bytes([signature[32] ^ 0x80])
    yield vector(raw[:end] + signature[:32] + parity + signature[33:], "the other parity: another signer", by)
    yield vector(raw[:32] + _flipped(raw[32:64]) + raw[64:], "the first field is another: another signer", by)


def _flipped(word: bytes) -> bytes:
    return word[:-1] + bytes([word[-1] ^ 1])


def promise_vectors() -> Vector:
    """Receipts and statements: signed by the operator, and no entries."""
    receipt = Receipt(seeded("a leaf"), 17, TIME + 60)
    statement = Statement(seeded("campaign"), WALLETS["worker"].address, 110_000, 1, seeded("run"))
    holds, refused = [], []
    for struct in (receipt, statement):
        digest = entries.digest(struct, DOMAIN)
        signature = WALLETS["operator"].sign(digest)
        common: Vector = {
            "type": type(struct).__name__,
            "typeString": entries.type_string(type(struct)),
            "typeHash": show(entries.type_hash(type(struct))),
            "operator": WALLETS["operator"].address,
            "struct": words(struct),
            "digest": show(digest),
        }
        holds.append({**common, "signature": show(signature)})
        for changed, why in (
            (negated(signature), "n - s for s, which 255 bits do not hold"),
            (signature[:63], "63 bytes"),
            (WALLETS["worker"].sign(digest), "somebody else signed it"),
            (WALLETS["operator"].sign(seeded("other digest")), "the operator signed something else"),
        ):
            refused.append({**common, "signature": show(changed), "why": why})
        high, operator = high_s(digest)
        why = "s is in the upper half of the order"
        refused.append({**common, "signature": show(high), "operator": operator, "why": why})
    return {
        "about": "Receipts and statements of the operator (docs/formats.md, section 7), under the domain of"
        " keys.json: `refused` are not signed by `operator`.",
        "holds": holds,
        "refused": refused,
    }


CONTENTS: tuple[Any, ...] = (
    {"label": "3"}, {"text": "a loop above a loop: ∞ rotated"}, {"rule": "accepted"}, {},
    {"rule": "gold", "answers": 5, "correct": 2, "min_answers": 3, "min_accuracy_ppm": 600_000},
    {"é": 1, "e": 2, "€": 3, "😀": 4, "\ufb33": 5, "\r": 6, "1": 7, "\x80": 8},
    {"control": "\x00\x1f\x7f\u2028 \b\t\n\f\r\"\\/"},
    {"numbers": [0, -1, 9007199254740991, 0.5, 1e21, 1e-7, 5e-324]},
)  # fmt: skip
NOT_CANONICAL = (
    ('{"b":1,"a":2}', "members are sorted"), ('{"a":1,"a":1}', "no member stands twice"),
    ('{"a": 1}', "no spaces"), ("1.0", "as 1"), ("-0", "as 0"), ("1E21", "as 1e+21"),
    ("10000000000000000", "digits alone end at 2^53 - 1"),
    ('"\\u0041"', "as A"), ('"\\/"', "as /"), ('"\\u001F"', "lower-case hex"),
    ('"\\ud800"', "half a surrogate pair"),
    ("01", "no JSON"), ("NaN", "no JSON"), ("[1,]", "no JSON"), ("", "no JSON"),
    ("[" * 65 + "]" * 65, "more than 64 deep"),
)  # fmt: skip


def commitment_vectors() -> Vector:
    """Commitments, digests, roots of items and gold answers, and what canonical JSON is not."""
    made = []
    for number, content in enumerate(CONTENTS):
        salt = seeded(f"salt {number}")
        made.append(
            {
                "content": content,
                "canonical": canonical(content),
                "salt": show(salt),
                "commitment": show(commitments.commit(content, salt)),
                "digest": show(commitments.digest(content)),
            }
        )
    items = [seeded(f"item {number}") for number in range(5)]
    gold = sorted((item, seeded("gold " + item.hex())) for item in items[:3])
    return {
        "about": "Commitments and canonical JSON (docs/formats.md, sections 3 and 4): commitment ="
        " SHA-256(salt ‖ canonical), digest = SHA-256(canonical). `refused` texts are not canonical.",
        "holds": made,
        "refused": [{"text": text, "why": why} for text, why in NOT_CANONICAL],
        "itemsRoot": {
            "items": [show(item) for item in items],
            "roots": [show(root_of_data(items[:count])) for count in range(len(items) + 1)],
        },
        "goldRoot": {
            "gold": [{"item": show(item), "answer": show(answer)} for item, answer in gold],
            "root": show(root_of_data([item + answer for item, answer in gold])),
        },
    }


def payroll_vectors() -> Vector:
    """Payrolls of several sizes, the path of every position, and paths that lead nowhere."""
    campaign = seeded("campaign")
    holds = []
    refused = []
    for count in (1, 2, 3, 5):
        owed = [("0x" + seeded(f"account {at}")[:20].hex(), 10_000 * at + at) for at in range(count)]
        root = payroll.root(campaign, owed)
        for index, (account, amount) in enumerate(owed):
            path = [show(value) for value in payroll.path(campaign, owed, index)]
            vector = {"campaign": show(campaign), "index": index, "account": account, "amount": str(amount)}
            vector |= {"path": path, "root": show(root)}
            holds.append(vector)
            refused += [{**vector, **changed, "why": why} for changed, why in _wrong_paths(vector)]
    beyond = {"campaign": show(campaign), "index": 1, "account": account, "amount": "7", "path": []}
    leaf = show(payroll.leaf(campaign, 1, account, 7))
    refused.append({**beyond, "root": leaf, "why": "a tree of one position has no other"})
    return {
        "about": "The payroll's tree (docs/formats.md, section 9): the position owes the account the amount.",
        "holds": holds,
        "refused": refused,
    }


def _wrong_paths(vector: Vector) -> Iterator[tuple[Vector, str]]:
    path = vector["path"]
    yield {"amount": str(int(vector["amount"]) + 1)}, "another amount"
    yield {"index": vector["index"] + (1 << len(path))}, "no such position in a tree of this depth"
    yield {"path": [*path, show(bytes(32))]}, "one hash too many"
    if path:
        yield {"path": path[1:]}, "one hash too few"
        yield {"index": vector["index"] ^ 1}, "another position"
