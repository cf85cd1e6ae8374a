"""The body of an add-checkpoint request (C2SP tlog-witness).

    old <size>\\n<base64 hash>\\n…\\n\\n<checkpoint>

The old size in decimal without leading zeroes, up to 63 hashes of a consistency proof, an empty line, and the
signed note of a checkpoint. There is one form of each: what was read and is written again has the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ledger_service.errors import BadInput, VerificationError
from ledger_service.log.checkpoint import Checkpoint, parse_body
from ledger_service.log.hashing import HASH_BYTES
from ledger_service.log.note import MAX_NOTE_BYTES, Note, b64, parse_note, unb64

MAX_HASHES = 63
MAX_SIZE = (1 << 63) - 1  # a proof of 63 hashes reaches no further
# The old size, the hashes with their newlines, the empty line, and the longest note.
MAX_BODY_BYTES = 64 + MAX_HASHES * 45 + 1 + MAX_NOTE_BYTES
_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """Asks a witness to cosign a checkpoint.

    Attributes:
        old: entries in the checkpoint that the proof starts from; 0 for none.
        proof: consistency proof from there (RFC 6962, 2.1.2), hashes of 32 bytes.
        note: the signed note.
    """

    old: int
    proof: tuple[bytes, ...]
    note: Note

    def to_bytes(self) -> bytes:
        """The request's body."""
        return format_request(self.old, self.proof, self.note.to_text())


def format_request(old: int, proof: Sequence[bytes], checkpoint: str) -> bytes:
    """The body that asks for a cosignature of a signed note."""
    hashes = "".join(b64(value) + "\n" for value in proof)
    return f"old {old}\n{hashes}\n{checkpoint}".encode()


def parse_request(raw: bytes) -> AddCheckpoint:
    """Read a request's body; neither the proof nor any signature is checked.

    Raises:
        BadInput: it has another form, says which part.
    """
    if len(raw) > MAX_BODY_BYTES:
        raise BadInput(f"a request has at most {MAX_BODY_BYTES} bytes")
    try:
        head, gap, checkpoint = raw.decode().partition("\n\n")
    except UnicodeDecodeError as error:
        raise BadInput("the request is not UTF-8") from error
    lines = head.split("\n")
    old = _OLD.fullmatch(lines[0])
    if not gap or old is None or int(old[1]) > MAX_SIZE:
        raise BadInput("a request is `old <size>`, a line for each hash, an empty line and a checkpoint")
    if len(lines) - 1 > MAX_HASHES:
        raise BadInput(f"a consistency proof has at most {MAX_HASHES} hashes, this one {len(lines) - 1}")
    proof = tuple(unb64(line) for line in lines[1:])
    if any(len(value) != HASH_BYTES for value in proof):
        raise BadInput(f"each hash of the consistency proof is {HASH_BYTES} bytes in base64")
    try:
        return AddCheckpoint(int(old[1]), proof, parse_note(checkpoint))
    except VerificationError as error:
        raise BadInput(f"the checkpoint: {error}") from error


def read_head(note: Note) -> Checkpoint:
    """The head in a note's text. Extension lines, which other logs may have, are left out of it, not refused.

    Raises:
        BadInput: not a checkpoint's text, or larger than a proof can reach.
    """
    lines = note.text.split("\n")
    if not all(lines[:-1]):
        raise BadInput("a checkpoint has no empty line")
    try:
        head = parse_body("\n".join([*lines[:3], ""]))
    except VerificationError as error:
        raise BadInput(str(error)) from error
    if head.size > MAX_SIZE:
        raise BadInput(f"a tree has at most {MAX_SIZE} entries here, not {head.size}")
    return head
