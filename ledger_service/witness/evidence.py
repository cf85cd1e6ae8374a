"""Proof that a log has rewritten its history, in the form that others can check without asking anybody.

evidence/<SHA-256 of the origin>/fork-<digest>.json        two signed heads that no history has together
evidence/<SHA-256 of the origin>/suspect-<digest>.json     a signed head with a proof that does not hold
"""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger_service.local.state import write_whole
from ledger_service.log.note import b64, parse_note
from ledger_service.mirror.evidence import Evidence
from ledger_service.witness.records import origin_hash
from ledger_service.witness.request import AddCheckpoint

FOLDER = "evidence"
FORK, SUSPECT = "fork", "suspect"
SUSPECT_FORMAT = "crowdledger-suspect@v1"
MOST = {FORK: 256, SUSPECT: 32}  # files of each log


@dataclass(frozen=True, slots=True)
class Kept:
    """A file of evidence, and whether it was not there before."""

    path: Path
    new: bool


class EvidenceFiles:
    """Where evidence is kept. A flood of it fills nothing: each thing is kept once, up to a number."""

    def __init__(self, state: Path) -> None:
        self._folder = state / FOLDER
        self._lock = threading.Lock()
        for left in self._folder.glob("*/.*"):  # what a crash left half-written
            left.unlink()

    def keep(self, origin: str, evidence: Evidence) -> Kept | None:
        """Write proof of a fork, durably, unless it is there; None where there are too many.

        Raises:
            OSError: it cannot be written.
        """
        return self._write(origin, FORK, (evidence.old, evidence.new), evidence.to_json())

    def keep_suspect(self, origin: str, latest: str, request: AddCheckpoint) -> Kept | None:
        """Write a signed checkpoint that came with a proof that does not hold. By itself that proves nothing:
        whoever has the checkpoint can send it with any proof. Result and errors as above."""
        new = request.note.to_text()
        found = {
            "format": SUSPECT_FORMAT,
            "latest": latest,
            "sent": new,
            "old": request.old,
            "proof": [b64(value) for value in request.proof],
        }
        return self._write(origin, SUSPECT, (latest, new), found)

    def _write(self, origin: str, kind: str, notes: tuple[str, str], found: dict[str, Any]) -> Kept | None:
        folder = self._folder / origin_hash(origin)
        # Signatures beside the log's can be added by anybody: the same two heads are kept once.
        bodies = "\0".join(parse_note(text).text for text in notes)
        path = folder / f"{kind}-{hashlib.sha256(bodies.encode()).hexdigest()[:16]}.json"
        with self._lock:
            folder.mkdir(parents=True, exist_ok=True)
            if path.exists():
                return Kept(path, new=False)
            if len(list(folder.glob(f"{kind}-*.json"))) >= MOST[kind]:
                return None
            write_whole(path, json.dumps(found, indent=1, ensure_ascii=False).encode() + b"\n")
        return Kept(path, new=True)
