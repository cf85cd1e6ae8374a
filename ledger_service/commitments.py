"""Canonical JSON and salted commitments: how content is named in the log without being shown.

commitment(content) = SHA-256(salt ‖ JCS(content)), with 32 random bytes of salt (RFC 8785 for JCS).
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import rfc8785

from ledger_service.errors import BadInput

SALT_BYTES = 32
MAX_DEPTH = 64
_TOKENS = re.compile(rb'\\.|["\[\]{}]', re.DOTALL)
_DEEPER = {b"[": 1, b"{": 1, b"]": -1, b"}": -1}
Json = Any


def canonical(value: Json) -> bytes:
    """RFC 8785 bytes of a JSON value.

    Raises:
        BadInput: not representable (a float that is no number, an integer beyond 2^53 - 1, a lone surrogate).
    """
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError) as error:
        raise BadInput(f"no canonical JSON: {error}") from error


def parse(raw: bytes) -> Json:
    """Read JSON (RFC 8259, UTF-8) from somebody who is not trusted.

    Raises:
        BadInput: not JSON, or nested too deeply.
    """
    _check_depth(raw)
    try:
        return json.loads(raw.decode())  # decoded here, or the parser would guess at UTF-16 and UTF-32 too
    except (ValueError, RecursionError) as error:
        raise BadInput(f"not JSON: {error}") from error


def parse_canonical(raw: bytes) -> Json:
    """Read JSON that must already be in canonical form, so that each value has one encoding.

    Raises:
        BadInput: not JSON, not canonical, or nested too deeply.
    """
    value = parse(raw)
    if canonical(value) != raw:
        raise BadInput("not canonical JSON (RFC 8785)")
    return value


def _check_depth(raw: bytes) -> None:
    """Refuse deep nesting before the parser recurses into it.

    The parser's own guard is the interpreter's recursion limit, which other libraries raise beyond what the
    stack holds.
    """
    if raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH:
        return
    depth, quoted = 0, False
    for token in _TOKENS.finditer(raw):
        mark = token[0]
        if mark == b'"':
            quoted = not quoted
        elif not quoted and mark in _DEEPER:
            depth += _DEEPER[mark]
            if depth > MAX_DEPTH:
                raise BadInput(f"JSON nested more than {MAX_DEPTH} deep")


def digest(value: Json) -> bytes:
    """SHA-256 of the canonical JSON: for content that is public anyway."""
    return hashlib.sha256(canonical(value)).digest()


def commit(value: Json, salt: bytes) -> bytes:
    """The salted commitment of a JSON value, 32 bytes.

    Raises:
        BadInput: the salt is not 32 bytes, or the value has no canonical form.
    """
    if len(salt) != SALT_BYTES:
        raise BadInput(f"a salt has {SALT_BYTES} bytes, this one has {len(salt)}")
    return hashlib.sha256(salt + canonical(value)).digest()
