"""Reading JSON that a stranger sent: every value is checked before anything is done with it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from ledger_service.commitments import Json
from ledger_service.errors import BadInput

_HEX = re.compile(r"0x(?:[0-9a-f]{2})*\Z")
MAX_SAFE = 1 << 53


def parse_json(raw: bytes | str, what: str) -> Json:
    """The value of a JSON text.

    Raises:
        BadInput: not JSON.
    """
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{what} is not JSON: {error}") from error


def as_object(value: Json, what: str) -> dict[str, Json]:
    """The value as an object. Raises BadInput."""
    if not isinstance(value, dict):
        raise BadInput(f"{what} is not a JSON object")
    return value


def as_list(value: Json, what: str) -> list[Json]:
    """The value as a list. Raises BadInput."""
    if not isinstance(value, list):
        raise BadInput(f"{what} is not a JSON list")
    return value


def as_bytes(value: Json, length: int, what: str) -> bytes:
    """Lower-case 0x hex of exactly `length` bytes. Raises BadInput."""
    if not isinstance(value, str) or len(value) != 2 + 2 * length or not _HEX.match(value):
        raise BadInput(f"{what} is not {length} bytes in lower-case hex")
    return bytes.fromhex(value[2:])


def as_address(value: Json, what: str) -> str:
    """A lower-case 0x address. Raises BadInput."""
    return "0x" + as_bytes(value, 20, what).hex()


def as_count(value: Json, what: str) -> int:
    """A whole number from zero that JSON carries exactly. Raises BadInput."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < MAX_SAFE:
        raise BadInput(f"{what} is not a whole number")
    return value


def as_text(value: Json, what: str, limit: int = 4096) -> str:
    """A string of at most `limit` characters. Raises BadInput."""
    if not isinstance(value, str) or len(value) > limit:
        raise BadInput(f"{what} is not a text of at most {limit} characters")
    return value


def member(value: Mapping[str, Json], name: str, what: str) -> Json:
    """A member that has to be there. Raises BadInput."""
    if name not in value:
        raise BadInput(f"{what} has no {name}")
    return value[name]
