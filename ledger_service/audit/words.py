"""The words of what a chain answers, one by one."""

from __future__ import annotations

from ledger_service.chain.client import Log
from ledger_service.eip712 import WORD, decode_word
from ledger_service.errors import BadInput, Corrupt


def topic(event: Log, at: int) -> bytes:
    """A topic of an event.

    Raises:
        Corrupt: it has fewer.
    """
    if at >= len(event.topics):
        raise Corrupt(f"an event in transaction 0x{event.transaction.hex()} has too few topics")
    return event.topics[at]


def word(raw: bytes, at: int) -> bytes:
    """Word `at` of an answer, 32 bytes.

    Raises:
        Corrupt: it is shorter.
    """
    found = raw[WORD * at : WORD * (at + 1)]
    if len(found) != WORD:
        raise Corrupt(f"the chain answers with {len(raw)} bytes, word {at} is missing")
    return found


def uint(found: bytes) -> int:
    """A word as an unsigned integer."""
    return int.from_bytes(found, "big")


def address(found: bytes) -> str:
    """A word as an address, lower-case hex.

    Raises:
        Corrupt: it is none.
    """
    try:
        return str(decode_word("address", found))
    except BadInput as error:
        raise Corrupt(f"the chain answers with {found.hex()} for an address") from error
