"""Texts and bytes where parsers differ: odd JSON, odd policies, odd entries."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from ledger_service import commitments, entries
from ledger_service.entries import ENTRY_TYPES, Domain
from ledger_service.errors import BadInput
from ledger_service.log import note
from ledger_service.log.policy import parse_policy
from ledger_service.signing import Wallet
from tests.verify.world import seeded
from tests.web.javascript import ask, b64
from tests.web.mutations import ODD, WITNESSES, policies
from tests.web.test_curves import recovered

NUMBERS = [
    *("0", "-0", "0.0", "-0.0", "1.0", "1e0", "10", "1e1", "01", "+1", ".5", "1.", "0x10", "NaN", "Infinity"),
    *("1e21", "1e+21", "1E+21", "1e+22", "1e20", "100000000000000000000", "1e400", "-1e400", "-Infinity"),
    *("9007199254740991", "9007199254740992", "9007199254740993", "-9007199254740991", "-9007199254740992"),
    *("1e-7", "0.0000001", "0.000001", "1e-6", "5e-324", "4.9e-324", "1.7976931348623157e+308"),
    *("123456789012345680000", "1.2345678901234568e+20", "333333333.3333333", "333333333.33333329"),
    *("4.35", "4.349999999999999999", "0.1", "2e-3", "0.002", "123456789.0"),
]
STRINGS = [
    '""', '"\\u0000"', '"\\u001f"', '"\\u001F"', '"\\u007f"', '"\x7f"', '"\\n"', '"\\u000a"', '"\\/"', '"/"',
    '"\\b"', '"\\v"', '"é"', '"\\u00e9"', '"\u2028"', '"\\ud83d\\ude00"', '"😀"', '"\\ud800"',
    '"\\ude00\\ud83d"',
    '"\ufeff"', "'a'", '"a', '"\n"', '"\t"', '"\\t"', '"\\\\"', '"\\x41"', '"€"', '"\\u20AC"', '"\\""',
]  # fmt: skip


def json_texts() -> Iterator[bytes]:
    """Canonical and nearly canonical JSON, and none."""
    chance = random.Random(2)
    numbers, strings = [*NUMBERS, "1" * 400], STRINGS
    yield from (text.encode() for text in numbers + strings)
    yield from (("[" + text + "]").encode() for text in numbers + strings)
    for _ in range(2000):
        members = [
            f'"{chance.choice("abcé😀€zZ09_")}":{chance.choice(numbers[:2] + strings[:12])}' for _ in range(3)
        ]
        yield ("{" + ",".join(chance.choice([members, sorted(members)])) + "}").encode()
    yield from (b"[" * depth + b"]" * depth for depth in (63, 64, 65, 5000))
    yield from (b'{"a":' * depth + b"1" + b"}" * depth for depth in (63, 64, 65))
    yield from (
        b'"' + b"[" * 100 + b'"',
        b'["\\"' + b"[" * 70 + b'"]',
        b"[1 ]",
        b" 1",
        b"1\n",
        b"",
        b"\xff",
        b'"\xed\xa0\x80"',
    )
    yield from (
        b'"\xc0\xaf"',
        b'\xef\xbb\xbf"a"',
        b'{"a":1,"a":1}',
        b'{"__proto__":1}',
        b"tru",
        b"true",
        b"null",
        b"[,]",
        b"[1,]",
    )
    for _ in range(1500):
        value = chance.uniform(-1, 1) * 10.0 ** chance.randint(-320, 308)
        yield repr(value).encode()
        yield commitments.canonical(value)


def is_canonical(raw: bytes) -> bool:
    try:
        commitments.parse_canonical(raw)
    except BadInput:
        return False
    return True


def test_the_same_json_is_canonical_in_both() -> None:
    texts = list(json_texts())
    ours = [is_canonical(raw) for raw in texts]
    theirs = ask({"ask": "canonical", "raw": b64(raw)} for raw in texts)
    assert [raw for raw, a, b in zip(texts, ours, theirs, strict=True) if a != b] == []
    assert 1000 < sum(ours) < len(texts) - 1000


def odd_keys() -> Iterator[str]:
    """Verifier keys with every character in their name that may be a space somewhere; and spoilt ones."""
    public = note.public_key(seeded("a key"))
    for code in (*range(0x3100), 0xD800, 0xDFFF, 0xFEFF, 0xFFFD, 0x1F600):
        name = f"a{chr(code)}b"
        whole = note.ED25519 + public
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass") + b"\n" + whole).digest()
        yield f"{name}+{digest[:4].hex()}+{b64(whole)}"
    for size in (0, 1, 31, 33, 1312):
        for kind in (b"\x01", b"\x02", b"\x04", b"\x06", b""):
            yield note.format_vkey("name", kind, b"k" * size)
    sound = note.format_vkey("name", note.ED25519, public)
    yield from (
        sound,
        sound.upper(),
        sound[:-1],
        sound + "=",
        sound.replace("+", "++", 1),
        sound.replace("+", " ", 1),
    )
    yield from ("", "+", "++", "name", "name+", "name+00000000", "+00000000+AQ==", sound + "\n", " " + sound)


def is_key(text: str, kind: bytes) -> bool:
    try:
        note.parse_vkey(text, kind)
    except BadInput:
        return False
    return True


def test_the_same_texts_are_verifier_keys_in_both() -> None:
    cases = [(text, kind) for text in odd_keys() for kind in (note.ED25519, note.COSIGNATURE_ED25519)]
    ours = [is_key(text, kind) for text, kind in cases]
    theirs = ask({"ask": "key", "text": text, "kind": kind[0]} for text, kind in cases)
    assert [case for case, a, b in zip(cases, ours, theirs, strict=True) if a != b] == []
    assert 0x3000 < sum(ours) < 0x3100


def odd_policies() -> Iterator[bytes]:
    chance = random.Random(3)
    yield from (
        b"",
        b"quorum none",
        b"quorum none\n",
        b"quorum none\nquorum none\n",
        b" \t# note\r\nquorum none\n",
    )
    words = [
        b"all",
        b"any",
        b"0",
        b"1",
        b"2",
        b"3",
        b"4",
        b"01",
        b"none",
        b"A",
        b"B",
        b"C",
        b"g",
        b"#",
        b"\xff",
        b"log",
        b"\t",
        b"  ",
    ]
    for text in policies():
        yield text
        for _ in range(120):
            lines = text.split(b"\n")
            one, two = chance.randrange(len(lines)), chance.randrange(len(lines))
            items = lines[one].split(b" ")
            pick = chance.randrange(6)
            if pick == 0:
                lines[one], lines[two] = lines[two], lines[one]
            elif pick == 1:
                lines.insert(one, lines[two])
            elif pick == 2:
                items[chance.randrange(len(items))] = chance.choice(words)
                lines[one] = b" ".join(items)
            elif pick == 3:
                items.insert(chance.randrange(len(items) + 1), chance.choice(words))
                lines[one] = b" ".join(items)
            elif pick == 4 and lines[one]:
                at = chance.randrange(len(lines[one]))
                lines[one] = lines[one][:at] + bytes([chance.randrange(256)]) + lines[one][at + 1 :]
            else:
                del lines[one]
            yield b"\n".join(lines)


def is_satisfied(raw: bytes, count: int) -> bool | None:
    try:
        return parse_policy(raw).satisfied_by({key.verifier for key in WITNESSES[:count]})
    except BadInput:
        return None


def test_a_policy_is_read_alike_in_both() -> None:
    cases = [(raw, count) for raw in odd_policies() for count in (0, 2, 3)]
    ours = [is_satisfied(raw, count) for raw, count in cases]
    theirs = ask(
        {"ask": "policy", "raw": b64(raw), "cosigned": [str(key.verifier) for key in WITNESSES[:count]]}
        for raw, count in cases
    )
    assert [case for case, a, b in zip(cases, ours, theirs, strict=True) if a != b] == []
    assert {True, False, None} == set(ours)


def odd_entries() -> Iterator[bytes]:
    """Entries of every type: every word at its edges, every length about right."""
    values = [bytes(32), b"\xff" * 32, bytes(31) + b"\x01", bytes(31) + b"\x02", bytes(12) + b"\xff" * 20]
    values += [
        bytes(11) + b"\x01" + bytes(20),
        bytes(24) + b"\xff" * 8,
        bytes(23) + b"\x01" + bytes(8),
        b"\x80" + bytes(31),
    ]
    for kind in ENTRY_TYPES:
        words = len(entries.layout(kind))
        signature = Wallet(seeded("signer")).sign(seeded("any digest")) if kind.signer else b""
        head = entries.type_hash(kind)
        whole = head + bytes(32 * words) + signature
        yield from (
            whole,
            whole[:-1],
            whole + b"\x00",
            whole[: len(head) + 32 * words],
            whole[:31],
            head,
            b"",
        )
        yield head[:-1] + bytes([head[-1] ^ 1]) + whole[32:]
        yield whole + bytes(65_535 - len(whole)) * (1 if kind.signer else 0)
        for word in range(words):
            for value in values:
                begin = 32 * (word + 1)
                yield whole[:begin] + value + whole[begin + 32 :]


def decoded(raw: bytes, domain: Domain) -> Any:
    try:
        entry = entries.decode(raw)
    except BadInput:
        return None
    digest = entries.digest(entry.struct, domain)
    struct = {
        entries.camel(name): plain(getattr(entry.struct, name))
        for name, _ in entries.layout(type(entry.struct))
    }
    signer = recovered(digest, entry.signature) if entry.signature else None
    return {
        "kind": type(entry.struct).__name__,
        "struct": struct,
        "leaf": "0x" + entry.leaf.hex(),
        "digest": "0x" + digest.hex(),
        "signer": signer,
    }


def plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def test_every_type_of_entry_is_read_alike_in_both() -> None:
    domain, raws = Domain(2**53 - 1, "0x" + "ab" * 20), list(odd_entries())
    ours = [decoded(raw, domain) for raw in raws]
    asked = {"chainId": domain.chain_id, "verifyingContract": domain.verifying_contract}
    theirs = ask({"ask": "entry", "raw": b64(raw), "domain": asked} for raw in raws)
    assert [raw.hex() for raw, a, b in zip(raws, ours, theirs, strict=True) if a != b] == []
    assert {found["kind"] for found in ours if found} == {kind.__name__ for kind in ENTRY_TYPES}


@pytest.mark.parametrize("value", [value for value in ODD if isinstance(value, dict)])
def test_a_commitment_is_the_same_in_both(value: dict[str, Any]) -> None:
    content = json.loads(json.dumps({"of": value, "é": [1e21, 0.1]}))
    salt = seeded("salt")
    expected = "0x" + commitments.commit(content, salt).hex()
    assert ask([{"ask": "commitment", "content": content, "salt": "0x" + salt.hex()}]) == [expected]
