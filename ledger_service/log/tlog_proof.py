"""Inclusion proofs as text (C2SP tlog-proof v1): index, path and checkpoint in one place.

    c2sp.org/tlog-proof@v1\\nindex <n>\\n<base64 hash>\\n…\\n\\n<checkpoint>

The optional `extra` line is refused, since nothing in it would be checked.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ledger_service.errors import VerificationError
from ledger_service.log.hashing import HASH_BYTES

HEADER = "c2sp.org/tlog-proof@v1"
MAX_HASHES = 64
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,19})\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class TlogProof:
    """Where a leaf stands, its path (32-byte hashes, sibling first) and the signed checkpoint's text."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: str


def format_proof(index: int, path: Sequence[bytes], checkpoint: str) -> str:
    """The proof's text."""
    hashes = "".join(base64.b64encode(value).decode() + "\n" for value in path)
    return f"{HEADER}\nindex {index}\n{hashes}\n{checkpoint}"


def parse_proof(text: str) -> TlogProof:
    """Read a proof; the checkpoint in it is not looked at.

    Raises:
        VerificationError: not in the one form that this format has, or with an `extra` line.
    """
    head, gap, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    index = _INDEX.match(lines[1]) if len(lines) > 1 else None
    if not gap or lines[0] != HEADER or index is None:
        raise VerificationError(
            "an inclusion proof starts with its format and the index", found=repr(head[:60])
        )
    if len(lines) - 2 > MAX_HASHES:
        raise VerificationError("inclusion proof is too long", found=f"{len(lines) - 2} hashes")
    return TlogProof(int(index[1]), tuple(_hash(line) for line in lines[2:]), checkpoint)


def _hash(line: str) -> bytes:
    try:
        raw = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != HASH_BYTES or base64.b64encode(raw).decode() != line:
        raise VerificationError("inclusion proof", expected="32 bytes in base64", found=line[:60])
    return raw
