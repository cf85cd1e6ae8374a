"""Bundles that hold, and bundles of which each must be refused in one step, for one reason."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

from ledger_service.log.checkpoint import Checkpoint
from tests.vectors.cases import (
    KEY,
    NAMES,
    PLAIN,
    SMALL,
    WITNESSED,
    Case,
    but,
    content,
    edited,
    in_parts,
    proofs,
    setting,
    vector,
    with_byte,
)  # fmt: skip
from tests.vectors.edge_vectors import edges
from tests.vectors.fact_vectors import facts, payments
from tests.vectors.log_vectors import signed
from tests.vectors.parts import OTHER_LOG, WITNESSES, Vector, b64, show, unreduced
from tests.verify.world import World


def bundle_vectors() -> list[Vector]:
    """All of them, each checked by the verifier here."""
    return [
        vector(case) for case in (*holding(), *_form(), *_log(), *_entries(), *facts(), *payments(), *edges())
    ]


def holding() -> Iterator[Case]:
    label, payment = PLAIN.label_bundle(), PLAIN.payment_bundle()
    yield Case("a judged label, all opened", label)
    yield Case("a label that is not judged", PLAIN.label_bundle(judged=False))
    yield Case("a label, nothing opened", PLAIN.label_bundle({}))
    yield Case("a payment, all opened", payment)
    yield Case("a payment, nothing opened", PLAIN.payment_bundle({}))
    yield Case("log key and contract are those that the caller pinned", label, 0, KEY, PLAIN.log_address)
    yield Case("two witnesses cosigned", WITNESSED.label_bundle(SMALL))
    for quorum in ("quorum none\n", "group g 2 A B C\nquorum g\n"):
        policy = f"log {KEY}\n" + NAMES + quorum
        yield Case(
            f"the policy asks for {quorum.splitlines()[0]}", WITNESSED.payment_bundle({}), policy=policy
        )
    rejected = {"rule": "gold", "answers": 3, "correct": 1, "min_answers": 3, "min_accuracy_ppm": 600_000}
    odd = World(
        {"review": but(verdict=2), "opened reason": content(rejected), "opened answer": content({"x": 1})}
    )
    yield Case("a rejected label, whose answer has no known form", odd.label_bundle())
    parts = World({"specification": in_parts})
    yield Case(
        "the campaign is the second part of its specification, the terms say so",
        World({"specification": in_parts, "terms": but(part=1)}).label_bundle(),
    )
    yield Case("the campaign is found among the parts by its items", _without_terms(parts))


def _without_terms(world: World) -> bytes:
    return world.label_bundle({"specification": world.specification})


def _form() -> Iterator[Case]:
    """Step 1: the form."""
    label, payment = PLAIN.label_bundle({}, judged=False), PLAIN.payment_bundle({})
    yield Case("no bundle at all", b'{"hello":"world"}', None)
    yield Case("nothing", b"", None)
    for name, raw in (
        ("a space after the last byte", label + b" "),
        ("a carriage return after the last byte", label + b"\r"),
        ("the last byte is missing", label[:-1]),
        ("two bundles on one line", label + payment),
        ("a byte order mark before it", b"\xef\xbb\xbf" + label),
        ("a byte that is no UTF-8", label.replace(b"crowdledger.local", b"crowdledger\xfflocal", 1)),
        ("an escape where the letter itself belongs", label.replace(b'"label"', b'"\\u006cabel"', 1)),
        ("a member that stands twice", label.replace(b'"kind":"label"', b'"kind":"label","kind":"label"')),
        ("a number as 31337.0", label.replace(b":31337,", b":31337.0,")),
        ("a number beyond 2^53 - 1", label.replace(b":31337,", b":9007199254740992,")),
        ("members in another order", _reversed_members(label)),
    ):
        yield Case(name, raw, 1)
    for name, change in (
        ("another format", setting("format", to="crowdledger-bundle@v2")),
        ("an unknown kind", setting("kind", to="refund")),
        ("a label's roles in a payment", setting("kind", to="payment")),
        ("a member too many", setting("more", to=1)),
        ("a negative chain id", setting("domain", "chainId", to=-1)),
        ("a chain id that is a text", setting("domain", "chainId", to="31337")),
        ("a chain id that is true", setting("domain", "chainId", to=True)),
        ("an address in upper case", setting("domain", "verifyingContract", to="0x" + "AB" * 20)),
        ("an address of 19 bytes", setting("domain", "verifyingContract", to="0x" + "ab" * 19)),
        ("an entry of half a byte", setting("entries", "label", "entry", to="0x0")),
        ("a proof that is no text", setting("entries", "label", "proof", to=None)),
        ("an opening that is null", setting("openings", "answer", to=None)),
        ("an opening of a payment in a label", setting("openings", "payroll", to={})),
        ("terms without their escrow", setting("openings", "terms", to={})),
        ("an empty list of witnesses", setting("witnesses", to=[])),
        ("a witness that is no text", setting("witnesses", to=[1])),
        ("nested 65 deep", setting("openings", "item", to=_deep(63))),
        ("no campaign", lambda document: document["entries"].pop("campaign")),
        ("a review without run and truth", setting("entries", "review", to={"entry": "0x", "proof": ""})),
        ("a role of a payment in a label", setting("entries", "payout", to={"entry": "0x", "proof": ""})),
    ):
        yield Case(name, edited(label, change), 1)


def _reversed_members(raw: bytes) -> bytes:
    document = json.loads(raw)
    document["entries"] = dict(reversed(document["entries"].items()))
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def _deep(depth: int) -> Any:
    return [] if depth == 1 else [_deep(depth - 1)]


def _log() -> Iterator[Case]:
    """Steps 2 and 3: the log, its checkpoint, its witnesses, the policy."""
    payment, witnessed = (world.payment_bundle({}) for world in (PLAIN, WITNESSED))
    yield Case("another log key is pinned", payment, 2, str(OTHER_LOG.verifier))
    yield Case("another contract is pinned", payment, 2, None, "0x" + "11" * 20)
    yield Case("the policy lists another log", payment, 2, policy=f"log {OTHER_LOG.verifier}\nquorum none\n")
    keys = [str(key.verifier) for key in WITNESSES]
    for name, change in (
        ("the log key is none", setting("logKey", to="log")),
        ("the log key's id is another key's", setting("logKey", to=KEY.replace("+", "+0", 1))),
        ("the log key is a witness's", setting("logKey", to=keys[0])),
        ("a witness's key is a log's", setting("witnesses", to=[KEY])),
        ("a witness is named twice", setting("witnesses", to=[keys[0], keys[0]])),
    ):
        yield Case(name, edited(witnessed, change), 2)
    for quorum in ("quorum C\n", "group g all A B C\nquorum g\n"):
        name = f"too few cosigned for {quorum.splitlines()[0]}"
        yield Case(name, witnessed, 3, policy=NAMES + quorum)
    yield Case("nobody cosigned, and the policy asks for one", payment, 3, policy=NAMES + "quorum A\n")
    for name, change in (
        (
            "one proof has another checkpoint",
            proofs(lambda text: text.replace("\n44\n", "\n43\n"), of="payout"),
        ),
        ("all have another size", proofs(lambda text: text.replace("\n44\n", "\n43\n"))),
        ("no signature", proofs(lambda text: text[: text.rindex("— ")])),
        ("the signature twice", proofs(lambda text: text + text[text.rindex("— ") :])),
        ("S + L for S in the log's signature", proofs(_unreduced)),
        (
            "an extra line in a proof",
            proofs(lambda text: text.replace("\nindex", "\nextra AA==\nindex"), of="payout"),
        ),
        ("a proof with 65 hashes", proofs(_longer(65), of="payout")),
        ("an index with a leading zero", proofs(lambda text: text.replace("index ", "index 0"), of="payout")),
        ("a hash of 31 bytes", proofs(_short_hash, of="payout")),
        ("witnesses are named that did not cosign", setting("witnesses", to=keys[:1])),
    ):
        yield Case(name, edited(payment, change), 3)
    for name, change in (
        ("witnesses cosigned that are not named", lambda document: document.pop("witnesses")),
        ("one of two witnesses is named", setting("witnesses", to=keys[:1])),
        ("the witnesses are named in another order", setting("witnesses", to=keys[1::-1])),
        ("another witness is named", setting("witnesses", to=[keys[0], keys[2]])),
        ("the witnesses' lines are exchanged", proofs(_exchanged)),
    ):
        yield Case(name, edited(witnessed, change), 3)
    yield Case("the checkpoint is another log's", _other_origin(), 3)


def _smaller(text: str) -> str:
    return text.replace("\n44\n", "\n43\n")


def _with_extra(text: str) -> str:
    return text.replace("\nindex", "\nextra AA==\nindex")


def _unreduced(text: str) -> str:
    """S + L in the last signature line."""
    start, _, line = text.rpartition(" ")
    raw = base64.b64decode(line)
    return f"{start} {b64(raw[:4] + unreduced(raw[4:]))}\n"


def _longer(count: int) -> Callable[[str], str]:
    def change(text: str) -> str:
        head, gap, note = text.partition("\n\n")
        lines = head.split("\n")[:2]
        return "\n".join(lines + [b64(bytes(32))] * count) + gap + note

    return change


def _short_hash(text: str) -> str:
    head, gap, note = text.partition("\n\n")
    return "\n".join([*head.split("\n")[:-1], b64(bytes(31))]) + gap + note


def _exchanged(text: str) -> str:
    lines = text.split("\n")
    return "\n".join([*lines[:-3], lines[-2], lines[-3], lines[-1]])


def _other_origin() -> bytes:
    """Everything as it should be, but that the log signed under the origin of another."""
    text = Checkpoint(OTHER_LOG.name, PLAIN.size, PLAIN.tree.root(PLAIN.size)).text()
    note = signed(text, PLAIN.log_key)
    change = proofs(lambda proof: proof.partition("\n\n")[0] + "\n\n" + note)
    return edited(PLAIN.label_bundle({}, judged=False), change)


def _entries() -> Iterator[Case]:
    """Steps 4 and 5: the entries, and that they are in the log."""
    label = PLAIN.label_bundle({})

    def entry(role: str, change: Callable[[bytes], bytes]) -> bytes:
        return edited(label, setting("entries", role, "entry", to=show(change(PLAIN.entries[role].raw))))

    for name, raw in (
        ("the review's entry is a truth", entry("review", lambda _: PLAIN.entries["truth"].raw)),
        ("no type of entry", entry("label", lambda entry: bytes(32) + entry[32:])),
        ("an entry that ends within a word", entry("matching", lambda entry: entry[:-1])),
        ("an entry with something left over", entry("matching", lambda entry: entry + bytes(64))),
        ("a campaign without a signature", entry("campaign", lambda entry: entry[:-64])),
        ("an address with 21 bytes", entry("assignment", lambda entry: with_byte(entry, 32 * 3 + 11))),
        ("a time beyond 64 bits", entry("label", lambda entry: with_byte(entry, 32 * 6 + 23))),
        ("a verdict beyond 8 bits", entry("review", lambda entry: with_byte(entry, 32 * 2 + 30))),
        ("no bytes at all", entry("run", lambda _: b"")),
    ):
        yield Case(name, raw, 4)
    at = PLAIN.indices["label"]
    for name, change in (
        ("another index", lambda text: text.replace(f"index {at}\n", f"index {at + 1}\n")),
        ("an index beyond the tree", lambda text: text.replace(f"index {at}\n", "index 44\n")),
        ("the largest index there is", lambda text: text.replace(f"index {at}\n", f"index {2**64 - 1}\n")),
        ("a proof of no hashes", _longer(0)),
        ("a proof of 64 hashes", _longer(64)),
        ("the proof of another entry", lambda _: json.loads(label)["entries"]["review"]["proof"]),
    ):
        yield Case(name, edited(label, proofs(change, of="label")), 5)
    yield Case(
        "another fact in the entry, which nobody logged", entry("run", lambda raw: with_byte(raw, 63)), 5
    )
    yield Case(
        "another signature on the entry", entry("label", lambda raw: raw[:-1] + bytes([raw[-1] ^ 1])), 5
    )
