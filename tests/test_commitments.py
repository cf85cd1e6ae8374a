"""Canonical JSON (RFC 8785) and salted commitments."""

from __future__ import annotations

import hashlib
import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_service import commitments
from ledger_service.errors import BadInput

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_canonical_json_round_trips(value: Any) -> None:
    raw = commitments.canonical(value)
    assert json.loads(raw) == value
    assert commitments.parse_canonical(raw) == value


def test_canonical_json_is_that_of_the_rfc() -> None:
    """RFC 8785, 3.2.2 and 3.2.3: literals, escapes, and keys in UTF-16 order."""
    value = {
        "numbers": [333333333.33333329, 1e30, 4.5, 2e-3, 1e-27],
        "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/",
        "literals": [None, True, False],
    }
    assert commitments.canonical(value).decode() == (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
    keys = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7}
    assert list(json.loads(commitments.canonical(keys))) == ["\r", "1", "\x80", "ö", "€", "😀", "\ufb33"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53, "\ud800", {"a": b"bytes"}, {1: 2}])
def test_what_has_no_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(BadInput):
        commitments.canonical(value)


@pytest.mark.parametrize(
    "raw",
    [
        b"", b" {}", b"{} ", b"{}\n", b'{"a": 1}', b'{"b":1,"a":2}', b'{"a":1,"a":1}', b"1.0", b"1e3", b"-0",
        b'"\\u0041"', b'"\\/"', b"NaN", b"\xef\xbb\xbf{}", b'"\xff"', b"9007199254740993", b'"\\ud800"',
        b"[" * 100_000, b"9" * 10_000, "{}".encode("utf-16"),
    ],
)  # fmt: skip
def test_what_is_not_canonical_is_refused(raw: bytes) -> None:
    with pytest.raises(BadInput):
        commitments.parse_canonical(raw)


@given(json_values, st.binary(min_size=32, max_size=32))
def test_a_commitment_is_salt_and_canonical_json_hashed(value: Any, salt: bytes) -> None:
    assert commitments.commit(value, salt) == hashlib.sha256(salt + commitments.canonical(value)).digest()
    assert commitments.digest(value) == hashlib.sha256(commitments.canonical(value)).digest()


def test_the_same_content_with_other_salt_is_another_commitment() -> None:
    assert commitments.commit({"label": "1"}, bytes(32)) != commitments.commit({"label": "1"}, b"\x01" * 32)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_salt_has_32_bytes(length: int) -> None:
    with pytest.raises(BadInput):
        commitments.commit({}, bytes(length))


def deep(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def test_nesting_is_bounded_whatever_the_interpreters_limit() -> None:
    """Libraries raise the recursion limit so far that the parser would overflow the stack."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000_000)
    try:
        for raw in (deep(65), deep(1_000_000), b'{"a":' * 100_000, b'["[",' * 100_000):
            with pytest.raises(BadInput, match="deep"):
                commitments.parse_canonical(raw)
    finally:
        sys.setrecursionlimit(limit)
    assert commitments.canonical(commitments.parse_canonical(deep(64))) == deep(64)


def test_brackets_within_strings_are_not_nesting() -> None:
    for text in ("[" * 1000, '"[' * 1000, '\\"[{' * 1000):
        raw = commitments.canonical([text] * 100)
        assert commitments.parse_canonical(raw) == [text] * 100
