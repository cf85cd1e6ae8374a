"""Proof that a log has rewritten its history, in a form that others can check without asking anybody.

    evidence/<SHA-256 of the origin>/<larger size>-<digest>.json

Two checkpoints, both signed by the log, of which the second does not extend the first: the root that its
first entries have, with the consistency proof from there (RFC 6962, 2.1.2), is not the root of the first
checkpoint.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger_service.errors import BadInput, VerificationError
from ledger_service.local.state import write_whole
from ledger_service.log.checkpoint import Checkpoint, VerifierKey, is_signed
from ledger_service.log.hashing import EMPTY_ROOT
from ledger_service.log.note import b64, parse_note, unb64
from ledger_service.log.proof import verify_consistency
from ledger_service.witness.records import origin_hash
from ledger_service.witness.request import AddCheckpoint, read_head

FORMAT = "crowdledger-evidence@v1"
FOLDER = "evidence"
MAX_FILES = 256
MAX_SUSPECTS = 32
MAX_EVIDENCE_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class ForkEvidence:
    """Two signed heads that no history has together.

    Attributes:
        keys: vkeys of the log, of which each checkpoint carries a signature at least.
        old, new: the signed notes; `new` is as large as `old` or larger.
        root: of the first entries under `new`, as many as `old` has (32 bytes).
        proof: that the tree of `new` begins with the tree of this root; empty where both have one size.
    """

    keys: tuple[str, ...]
    old: str
    new: str
    root: bytes
    proof: tuple[bytes, ...]

    def to_json(self) -> dict[str, Any]:
        """As it is kept."""
        return {
            "format": FORMAT,
            "kind": "fork",
            "keys": list(self.keys),
            "checkpoints": [self.old, self.new],
            "root": b64(self.root),
            "proof": [b64(value) for value in self.proof],
        }

    @staticmethod
    def from_json(raw: bytes) -> ForkEvidence:
        """Read it; nothing in it is checked yet.

        Raises:
            BadInput: it has another form.
        """
        try:
            found = json.loads(raw[: MAX_EVIDENCE_BYTES + 1])
            if (found["format"], found["kind"]) != (FORMAT, "fork"):
                raise BadInput("not evidence of a fork, or in another format")
            old, new = (str(text) for text in found["checkpoints"])
            proof = tuple(unb64(str(value)) for value in found["proof"])
            return ForkEvidence(tuple(found["keys"]), old, new, unb64(str(found["root"])), proof)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise BadInput("not evidence of a fork") from error


def check_fork(evidence: ForkEvidence, *keys: VerifierKey) -> tuple[Checkpoint, Checkpoint]:
    """Check that a log has signed two heads that contradict each other; both heads.

    1. Both checkpoints are signed by the log, each by one of its keys at least.
    2. Both are of one origin, and the second is no smaller.
    3. The tree of the second begins with the tree of the root that is given (RFC 9162, 2.1.4.2).
    4. That root is not the root of the first.

    Raises:
        VerificationError: the first step that fails: then this proves nothing.
        BadInput: a checkpoint has another form.
    """
    notes = [parse_note(text) for text in (evidence.old, evidence.new)]
    if not all(any(is_signed(note, key) for key in keys) for note in notes):
        expected = ", ".join(map(str, keys))
        raise VerificationError("a checkpoint is not signed by the log", expected=expected, step=1)
    old, new = (read_head(note) for note in notes)
    if old.origin != new.origin or old.size > new.size:
        raise VerificationError("the two heads are not of one log, in their order", step=2)
    if old.size == 0:  # a tree of nothing has one root
        holds = old.root == EMPTY_ROOT and (new.size > 0 or new.root == EMPTY_ROOT)
    else:
        verify_consistency(old.size, new.size, evidence.root, new.root, evidence.proof)
        holds = evidence.root == old.root
    if holds:
        raise VerificationError("the second head extends the first", found=old.root.hex(), step=4)
    return old, new


@dataclass(frozen=True, slots=True)
class Kept:
    """A file of evidence, and whether it was not there before."""

    path: Path
    new: bool


class EvidenceFiles:
    """Where evidence is kept. A flood of it fills nothing: each contradiction is kept once, up to a
    number."""

    def __init__(self, state: Path) -> None:
        self._folder = state / FOLDER
        self._lock = threading.Lock()
        for left in self._folder.glob("*/.*"):  # what a crash left half-written
            left.unlink()

    def keep(self, origin: str, size: int, evidence: ForkEvidence) -> Kept | None:
        """Write it, durably, unless it is there; None where there are too many.

        Raises:
            OSError: it cannot be written.
        """
        return self._write(origin, f"{size}", evidence.to_json(), MAX_FILES)

    def keep_suspect(self, origin: str, latest: str, request: AddCheckpoint) -> Kept | None:
        """Write a signed checkpoint that came with a proof that does not hold. By itself that proves nothing:
        whoever has the checkpoint can send it with any proof. Result and errors as above."""
        found = {
            "format": FORMAT,
            "kind": "no-proof",
            "checkpoints": [latest, request.note.to_text()],
            "old": request.old,
            "proof": [b64(value) for value in request.proof],
        }
        return self._write(origin, "suspect", found, MAX_SUSPECTS)

    def _write(self, origin: str, prefix: str, found: dict[str, Any], most: int) -> Kept | None:
        folder = self._folder / origin_hash(origin)
        suspect = prefix == "suspect"
        # Signatures beside the log's can be added by anybody: the same two heads are kept once.
        bodies: Sequence[str] = [parse_note(text).text for text in found["checkpoints"]]
        path = folder / f"{prefix}-{hashlib.sha256(chr(0).join(bodies).encode()).hexdigest()[:16]}.json"
        with self._lock:
            folder.mkdir(parents=True, exist_ok=True)
            there = [name for name in folder.glob("*.json") if name.name.startswith("suspect") == suspect]
            if path.exists():
                return Kept(path, new=False)
            if len(there) >= most:
                return None
            write_whole(path, json.dumps(found, indent=1, ensure_ascii=False).encode() + b"\n")
        return Kept(path, new=True)
