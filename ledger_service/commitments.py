"""Canonical JSON and salted commitments: how content is named in the log without being shown.

commitment(content) = SHA-256(salt ‖ JCS(content)), with 32 random bytes of salt (RFC 8785 for JCS).
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import rfc8785

from ledger_service.errors import BadInput

SALT_BYTES = 32
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


def parse_canonical(raw: bytes) -> Json:
    """Read JSON that must already be in canonical form, so that each value has one encoding.

    Raises:
        BadInput: not JSON, or not canonical.
    """
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"not JSON: {error}") from error
    if canonical(value) != raw:
        raise BadInput("not canonical JSON (RFC 8785)")
    return value


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
