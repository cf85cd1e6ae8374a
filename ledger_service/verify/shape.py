"""Reading JSON values that have exactly one form each, with the place named when one has another."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from contextlib import contextmanager

from ledger_service.commitments import Json
from ledger_service.errors import BadInput, BadSignature, VerificationError

_HEX = re.compile(r"0x(?:[0-9a-f]{2})*\Z")
_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,77})\Z", re.ASCII)
MAX_SAFE_INTEGER = (1 << 53) - 1


@contextmanager
def step(number: int) -> Iterator[None]:
    """Whatever fails inside failed in this step of the verifier's list."""
    try:
        yield
    except VerificationError as error:
        raise error.at_step(number) from error
    except (BadInput, BadSignature) as error:
        raise VerificationError(str(error), step=number) from error


def members(value: Json, required: Set[str], what: str, optional: Set[str] = frozenset()) -> dict[str, Json]:
    """An object with all `required` members, perhaps some `optional` ones, and no other.

    Raises:
        VerificationError: it is something else.
    """
    if not isinstance(value, dict):
        raise VerificationError(what, expected="an object", found=type(value).__name__)
    found = set(value)
    if not required <= found <= required | optional:
        raise VerificationError(f"members of {what}", expected=_names(required), found=_names(found))
    return value


def hex_bytes(value: Json, what: str, length: int | None = None) -> bytes:
    """Bytes in lower-case hex after 0x, `length` of them where given.

    Raises:
        VerificationError: it is something else.
    """
    if not isinstance(value, str) or not _HEX.match(value):
        raise VerificationError(what, expected="lower-case hex", found=_short(value))
    raw = bytes.fromhex(value[2:])
    if length is not None and len(raw) != length:
        raise VerificationError(what, expected=f"{length} bytes", found=str(len(raw)))
    return raw


def address(value: Json, what: str) -> str:
    """An address: 0x and 40 lower-case hex digits. Raises as `hex_bytes` does."""
    return "0x" + hex_bytes(value, what, 20).hex()


def integer(value: Json, what: str) -> int:
    """A number from 0 to 2^53 - 1.

    Raises:
        VerificationError: it is something else.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_SAFE_INTEGER:
        raise VerificationError(what, expected="a number from 0 to 2^53 - 1", found=_short(value))
    return value


def decimal(value: Json, what: str) -> int:
    """An amount: a decimal string without leading zeroes.

    Raises:
        VerificationError: it is something else.
    """
    if not isinstance(value, str) or not _DECIMAL.match(value):
        raise VerificationError(what, expected="a decimal string", found=_short(value))
    return int(value)


def text(value: Json, what: str) -> str:
    """A string.

    Raises:
        VerificationError: it is something else.
    """
    if not isinstance(value, str):
        raise VerificationError(what, expected="a string", found=_short(value))
    return value


def same(what: str, expected: object, found: object) -> None:
    """Two values that have to be equal.

    Raises:
        VerificationError: they differ; both are named.
    """
    if expected != found:
        raise VerificationError(what, expected=show(expected), found=show(found))


def show(value: object) -> str:
    """A value as people read it: bytes in hex."""
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)


def _names(names: Set[str]) -> str:
    return ", ".join(sorted(names))[:300]


def _short(value: Json) -> str:
    return repr(value)[:80]
