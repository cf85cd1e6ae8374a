"""A witness that reads a log itself: every entry, hashed up to the root that the log has signed.

It needs no more of the log than C2SP tlog-tiles: checkpoint, tiles and entry bundles.

    monitor/<SHA-256 of the origin>.json     the newest head that was accepted, and how far its entries are
    read
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ledger_service.errors import BadInput, Corrupt, Refused, Unavailable, VerificationError
from ledger_service.local.state import write_whole
from ledger_service.log.checkpoint import Checkpoint, VerifierKey, is_signed
from ledger_service.log.follow import Follower, Fork, TlogSource
from ledger_service.log.hashing import leaf_hash
from ledger_service.log.note import parse_note
from ledger_service.mirror.evidence import Evidence
from ledger_service.witness.alarms import BROKEN, FORK, ROLLBACK, Alarm, Tell
from ledger_service.witness.frontier import Frontier
from ledger_service.witness.records import origin_hash
from ledger_service.witness.refusals import Inconsistent, WrongOldSize
from ledger_service.witness.request import AddCheckpoint, read_head
from ledger_service.witness.witness import Witness

FOLDER = "monitor"
SAVE_EVERY = 65_536  # entries
# What is not proved may be a cache that is a little behind: it is told when it lasts. Seconds between looks.
PAUSES = (0.5, 1.5)
_log = logging.getLogger(__name__)


class Misbehaves(VerificationError):
    """What a log shows contradicts what it has signed, or has shown before.

    Attributes:
        kind, evidence: as in Alarm.
    """

    def __init__(self, kind: str, words: str, evidence: str = "") -> None:
        self.kind, self.evidence = kind, evidence
        super().__init__(words)


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a log came to: its head, how many entries were read for it, and whether the witness
    has cosigned it now."""

    origin: str
    size: int
    read: int
    cosigned: bool


@dataclass
class _Progress:
    """The newest head that was accepted, as signed note, and the entries read under it so far."""

    note: str
    frontier: Frontier

    @property
    def head(self) -> Checkpoint:
        return read_head(parse_note(self.note))


class Monitor:
    """Follows one log for a witness. For one thread.

    Args:
        keys: of the log, of which one at least has to have signed a head.
        state: the witness's state directory, which the caller holds.
        tell: is told of misbehaviour, of each kind of it once while it lasts.
    """

    def __init__(
        self,
        source: TlogSource,
        keys: Sequence[VerifierKey],
        witness: Witness,
        state: Path,
        clock: Callable[[], int],
        tell: Tell,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._sleep = sleep
        self.origin, self._keys, self._witness = keys[0].name, tuple(keys), witness
        self._source, self._follower = source, Follower(source, keys[0])
        self._clock, self._tell = clock, tell
        self._path = state / FOLDER / f"{origin_hash(self.origin)}.json"
        self._path.parent.mkdir(exist_ok=True)
        for left in self._path.parent.glob(f".{self._path.name}-*"):  # what a crash left half-written
            left.unlink()
        self._progress = self._load()
        self._told: set[str] = set()  # kinds of alarms, until all is well again

    def look(self) -> Look:
        """Look at the log once.

        1. Its checkpoint is signed by it.
        2. It is not smaller than one that was seen, and extends that, by the log's own tiles.
        3. Every entry since then hashes to its place in the level-0 tiles, and all entries together to the
           root.
        4. What the witness cosigned last, perhaps on the log's request, is extended as well: then it cosigns.

        Raises:
            Misbehaves: a step fails; it was told, and evidence is kept where there is proof.
            Refused, Unavailable: the log does not give what is needed.
            Corrupt: our own record of the log is damaged.
        """
        for pause in PAUSES:
            try:
                return self._look()
            except Misbehaves as error:
                if error.kind == FORK:  # is proved, and does not pass
                    self._tell_once(error)
                    raise
            self._sleep(pause)
        try:
            return self._look()
        except Misbehaves as error:
            self._tell_once(error)
            raise

    def _look(self) -> Look:
        try:
            head, note = self._head()
            self._compare(head, note)
            count = self._read(head, note)
            look = Look(head.origin, head.size, count, self._cosign(head, note))
        except Misbehaves:
            raise
        except VerificationError as error:
            raise Misbehaves(BROKEN, str(error)) from error
        self._told.clear()
        return look

    def _head(self) -> tuple[Checkpoint, str]:
        """Step 1. Extension lines, which other logs may have, are no reason to refuse a head."""
        text = self._source.checkpoint()
        note = parse_note(text)
        if not any([is_signed(note, key) for key in self._keys]):  # each of them, as a wrong line is refused
            raise VerificationError("the checkpoint is not signed by the log", expected=str(self._keys[0]))
        try:
            head = read_head(note)
        except BadInput as error:
            raise VerificationError(str(error)) from error
        if head.origin != self.origin:
            raise VerificationError("origin of the checkpoint", expected=self.origin, found=head.origin)
        return head, text

    def _compare(self, head: Checkpoint, note: str) -> None:
        """Step 2."""
        if self._progress is None:
            return
        seen = self._progress.head
        if head.size < seen.size:
            self._look_back(head, note, seen, self._progress.note)
            words = f"{head.origin} shows a head of {head.size} entries after one of {seen.size}"
            raise Misbehaves(ROLLBACK, words)
        self._extends(seen, self._progress.note, head, note)

    def _look_back(self, head: Checkpoint, note: str, seen: Checkpoint, seen_note: str) -> None:
        """A smaller head than one that was seen may be of another history: its tiles would prove that."""
        try:
            self._extends(head, note, seen, seen_note)
        except Misbehaves:
            raise
        except (VerificationError, Refused, Unavailable) as error:
            # The tiles of the larger head are not there (yet, or any more), which proves nothing.
            _log.info("%s cannot be compared at %d and %d: %s", head.origin, head.size, seen.size, error)

    def _extends(self, old: Checkpoint, old_note: str, new: Checkpoint, new_note: str) -> None:
        try:
            self._follower.check_extends(old, new)
        except Fork as fork:
            kept = None
            # Without a path where one is needed the source broke off: the next look tries again.
            if fork.proof or old.size in (0, new.size):
                evidence = Evidence(FORK, old_note, new_note, fork.root, fork.proof)
                kept = self._witness.keep_fork(new.origin, evidence)
            raise Misbehaves(FORK, str(fork), str(kept.path) if kept else "") from fork

    def _read(self, head: Checkpoint, note: str) -> int:
        """Step 3; how many entries were read. What was read when a crash comes is not read again."""
        before = self._progress.frontier if self._progress else Frontier()
        if self._progress is None or self._progress.note != note:
            self._save(note, before)
        frontier = Frontier(before.size, list(before.hashes))
        try:
            for index, entry in self._follower.entries(head, before.size, head.size):
                frontier.append(leaf_hash(entry))
                if (index + 1) % SAVE_EVERY == 0:
                    self._save(note, frontier)
        finally:
            if frontier.size > before.size:  # also where the log stops answering: each entry was proved
                self._save(note, frontier)
        if frontier.root() != head.root:
            raise VerificationError(
                f"root over all {head.size} entries", expected=head.root.hex(), found=frontier.root().hex()
            )
        return frontier.size - before.size

    def _cosign(self, head: Checkpoint, note: str) -> bool:
        """Step 4; whether there is a new cosignature. A log that asks meanwhile may have a newer one."""
        latest = self._witness.records.latest(head.origin)
        if latest is not None and latest.head == head:
            return False
        if latest is not None and latest.head.size > head.size:
            self._look_back(head, note, latest.head, latest.note)
            return False
        proof: list[bytes] = []
        if latest is not None:
            self._extends(latest.head, latest.note, head, note)
            if latest.head.size:
                proof = self._follower.tree(head).consistency_proof(latest.head.size)
        request = AddCheckpoint(latest.head.size if latest else 0, tuple(proof), parse_note(note))
        try:
            self._witness.add(request)
        except (WrongOldSize, Inconsistent):  # the log has asked for a newer one in this moment
            return False
        return True

    def _tell_once(self, error: Misbehaves) -> None:
        if error.kind not in self._told:
            self._told.add(error.kind)
            self._tell(Alarm(error.kind, self.origin, str(error), self._clock(), error.evidence))

    def _save(self, note: str, frontier: Frontier) -> None:
        found = {
            "note": note,
            "size": frontier.size,
            "hashes": [value.hex() for value in frontier.hashes],
        }
        try:
            write_whole(self._path, json.dumps(found, ensure_ascii=False).encode())
        except OSError as error:
            raise Unavailable(f"the witness cannot write its state: {error.strerror}") from error
        # Crash before this line: the record before, or this one; entries in between are read again.
        self._progress = _Progress(note, Frontier(frontier.size, list(frontier.hashes)))

    def _load(self) -> _Progress | None:
        try:
            found = json.loads(self._path.read_bytes())
            hashes = [bytes.fromhex(value) for value in found["hashes"]]
            progress = _Progress(str(found["note"]), Frontier(int(found["size"]), hashes))
            head = progress.head
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, VerificationError, Refused) as error:
            raise Corrupt(f"{self._path} is no record of a log: {error}") from error
        frontier = progress.frontier
        wrong = frontier.size == head.size and frontier.root() != head.root
        if not frontier.is_whole() or frontier.size > head.size or head.origin != self.origin or wrong:
            raise Corrupt(f"{self._path} contradicts itself: remove it, and the log is read from its start")
        return progress
