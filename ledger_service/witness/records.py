"""What a witness remembers: of each log the latest checkpoint that it cosigned, a file each.

    checkpoints/<SHA-256 of the origin>     signed note: the log's lines that were verified, and our own

The file is what the monitoring prefix serves. It is whole or not there, and durable before anybody sees the
cosignature in it; a crash between the two leaves a cosignature that nobody was given.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from ledger_service.errors import Corrupt, LedgerError, Unavailable
from ledger_service.local.state import write_whole
from ledger_service.log.checkpoint import Checkpoint
from ledger_service.log.cosignature import CosignerKey, open_cosignatures
from ledger_service.log.note import parse_note
from ledger_service.witness.request import read_head

FOLDER = "checkpoints"
_NAME = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Record:
    """A checkpoint that was cosigned: its head, the time (seconds since 1970), and the note with our line."""

    head: Checkpoint
    time: int
    note: str


def origin_hash(origin: str) -> str:
    """How the monitoring prefix names a log: SHA-256 of its origin, in lower-case hex."""
    return hashlib.sha256(origin.encode()).hexdigest()


class Records:
    """The latest record of each log, in memory and in files.

    Only the holder of the state directory's lock uses it, and only under the lock of the record's log.

    Raises on creation:
        Corrupt: a file does not hold a checkpoint that this witness has cosigned. It is never taken for a
            log that was not seen yet: that would let the log begin anew.
    """

    def __init__(self, state: Path, key: CosignerKey) -> None:
        self._folder, self._key = state / FOLDER, key
        self._folder.mkdir(exist_ok=True)
        self._known = dict(self._load(path) for path in self._files())

    def latest(self, origin: str) -> Record | None:
        """The checkpoint cosigned last for a log; None where there is none."""
        return self._known.get(origin_hash(origin))

    def by_hash(self, name: str) -> Record | None:
        """The same, by the name that `origin_hash` gives."""
        return self._known.get(name)

    def newest_time(self) -> int:
        """The latest time that stands in any of the cosignatures; 0 where there is none."""
        return max((record.time for record in self._known.values()), default=0)

    def put(self, record: Record) -> None:
        """Remember a checkpoint, durably, in place of the one before.

        Raises:
            Unavailable: it cannot be written. Then nothing counts as remembered; the file holds the old
                record or the new one, and nobody was given the cosignature in that.
        """
        name = origin_hash(record.head.origin)
        try:
            write_whole(self._folder / name, record.note.encode())
        except OSError as error:
            raise Unavailable(f"the witness cannot write its state: {error.strerror}") from error
        # Crash here: the next start reads the new record. The log asks again, from the size that it is told.
        self._known[name] = record

    def _files(self) -> list[Path]:
        for left in self._folder.glob(".*"):  # what a crash left half-written
            left.unlink()
        return [path for path in sorted(self._folder.iterdir()) if _NAME.fullmatch(path.name)]

    def _load(self, path: Path) -> tuple[str, Record]:
        try:
            text = path.read_bytes().decode()
            head = read_head(parse_note(text))
            time = open_cosignatures(text, [self._key]).get(self._key)
        except (LedgerError, UnicodeDecodeError) as error:
            raise Corrupt(f"{path} holds no checkpoint that this witness cosigned: {error}") from error
        if time is None or origin_hash(head.origin) != path.name:
            raise Corrupt(f"{path} holds a checkpoint that {self._key} has not cosigned, or of another log")
        return path.name, Record(head, time, text)
