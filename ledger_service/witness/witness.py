"""A witness: cosigns the heads of logs that only ever grow (C2SP tlog-witness, tlog-cosignature)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ledger_service.errors import BadInput, VerificationError
from ledger_service.log.checkpoint import Checkpoint, VerifierKey, is_signed
from ledger_service.log.cosignature import MAX_TIME, CosignerKey, WitnessKey, with_lines
from ledger_service.log.hashing import EMPTY_ROOT
from ledger_service.log.note import Note
from ledger_service.log.proof import verify_consistency
from ledger_service.mirror.evidence import Evidence
from ledger_service.witness.alarms import FORK, SUSPECT, Alarm, Tell
from ledger_service.witness.evidence import EvidenceFiles, Kept
from ledger_service.witness.records import Record, Records
from ledger_service.witness.refusals import Inconsistent, NotSigned, UnknownLog, WrongOldSize
from ledger_service.witness.request import AddCheckpoint, parse_request, read_head

TELL_AHEAD_SECONDS = 60
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Given:
    """What a request came to: the cosigned head, its time, and the cosignature's line with its newline."""

    head: Checkpoint
    time: int
    line: str


class Witness:
    """Cosigns what extends what it has cosigned before. All methods may be used from several threads at once.

    Args:
        logs: the trusted keys of each origin; an origin may have several.
        records: which the caller holds for this process alone.
        clock: seconds since 1970; it may go back, cosignatures do not.
        tell: is told of misbehaviour; must not wait.
    """

    def __init__(
        self,
        key: WitnessKey,
        logs: Mapping[str, Sequence[VerifierKey]],
        records: Records,
        evidence: EvidenceFiles,
        clock: Callable[[], int],
        tell: Tell,
    ) -> None:
        self._key, self._logs, self.records, self._evidence = key, dict(logs), records, evidence
        self._clock, self._tell = clock, tell
        self._locks = {origin: threading.Lock() for origin in self._logs}
        self._time_lock = threading.Lock()
        self._newest_time = records.newest_time()
        ahead = self._newest_time - clock()
        if ahead > TELL_AHEAD_SECONDS:
            _log.warning(
                "the clock is %d s behind the last cosignature, whose time is given until then", ahead
            )

    @property
    def key(self) -> CosignerKey:
        """The key that verifies its cosignatures."""
        return self._key.verifier

    def add_checkpoint(self, raw: bytes) -> str:
        """Answer an add-checkpoint request's body: the signature line, with its newline.

        Raises: as `add` does, and BadInput where the body is no request.
        """
        return self.add(parse_request(raw)).line

    def add(self, request: AddCheckpoint) -> Given:
        """Cosign a checkpoint, when it extends the one that was cosigned last.

        1. The note holds a checkpoint, and its origin is a log that we follow.
        2. Trusted keys of the origin have signed it, one at least, and none of them wrongly.
        3. The old size is not beyond the checkpoint's.
        4. The old size is that of the checkpoint cosigned last; 0 where there is none.
        5. An empty tree has the root of the empty tree.
        6. The checkpoint extends the one cosigned last (RFC 6962, 2.1.2); from size 0 there is nothing to
           prove.
        7. The record of it is durable before anybody sees the cosignature.

        Steps 4 to 7 are one for each log: no other request comes between, in this process or another.

        Raises:
            BadInput, UnknownLog: step 1. NotSigned: step 2. BadInput: step 3. WrongOldSize: step 4.
            Inconsistent: steps 5 and 6. Unavailable: step 7.
        """
        head = read_head(request.note)
        if head.origin not in self._logs:
            raise UnknownLog("this witness follows no log of that origin")
        signed = self._signed(head.origin, request.note)
        if request.old > head.size:
            raise BadInput(f"the old size is {request.old}, the checkpoint's only {head.size}")
        with self._locks[head.origin]:
            latest = self.records.latest(head.origin)
            self._look_for_fork(latest, head, signed)
            known = latest.head.size if latest else 0
            if request.old != known:
                raise WrongOldSize(request.old, known)
            self._check_extends(latest, head, request)
            return self._cosign(latest, head, signed)

    def _signed(self, origin: str, note: Note) -> Note:
        """The note with no other lines than those of trusted keys, each verified."""
        try:
            keys = {(key.name, key.key_id) for key in self._logs[origin] if is_signed(note, key)}
        except VerificationError as error:
            raise NotSigned("a line of a trusted key is not its signature") from error
        if not keys:
            raise NotSigned("no trusted key of the origin has signed the checkpoint")
        return Note(note.text, tuple(dict.fromkeys(s for s in note.signatures if (s.name, s.key_id) in keys)))

    def _check_extends(self, latest: Record | None, head: Checkpoint, request: AddCheckpoint) -> None:
        if head.size == 0 and head.root != EMPTY_ROOT:
            raise Inconsistent("an empty tree with the root of another")
        if request.old == 0 or latest is None:
            if request.proof:
                raise Inconsistent("from size 0 the consistency proof is empty")
            return
        try:
            verify_consistency(request.old, head.size, latest.head.root, head.root, request.proof)
        except VerificationError as error:
            if request.old < head.size:
                self._keep_suspect(latest, head, request)
            raise Inconsistent(str(error)) from error

    def _cosign(self, latest: Record | None, head: Checkpoint, signed: Note) -> Given:
        time, text = self._next_time(), signed.to_text()
        line = self._key.cosign(text, time)
        record = Record(head, time, with_lines(text, [line]))
        # Crash before the next line is done: nobody has the cosignature, the log asks again.
        if record != latest:  # asked again within a second: what was given then is given again
            self.records.put(record)
        # Crash after it: the log is told the new size, and asks for it again.
        return Given(head, time, line)

    def _next_time(self) -> int:
        """Now; never zero, and never before a time that was given for any log."""
        with self._time_lock:
            self._newest_time = min(max(self._newest_time, self._clock(), 1), MAX_TIME)
            return self._newest_time

    def _look_for_fork(self, latest: Record | None, head: Checkpoint, signed: Note) -> None:
        """Keep two roots of one size: the log has signed both, which proves that it is forked."""
        if latest is not None and latest.head.size == head.size and latest.head.root != head.root:
            old, root = latest.note, head.root
        elif head.size == 0 and head.root != EMPTY_ROOT:
            old, root = signed.to_text(), EMPTY_ROOT
        else:
            return
        kept = self.keep_fork(head.origin, Evidence(FORK, old, signed.to_text(), root))
        if kept is None or kept.new:
            words = f"{head.origin} is forked: it has signed two heads of {head.size} entries"
            self._tell(Alarm(FORK, head.origin, words, self._clock(), str(kept.path) if kept else ""))

    def keep_fork(self, origin: str, evidence: Evidence) -> Kept | None:
        """Keep the proof of a fork; None where it cannot be kept, which is said."""
        try:
            return self._evidence.keep(origin, evidence)
        except OSError as error:
            _log.error("evidence of the fork of %s is not kept: %s", origin, error.strerror)
            return None

    def _keep_suspect(self, latest: Record, head: Checkpoint, request: AddCheckpoint) -> None:
        try:
            kept = self._evidence.keep_suspect(head.origin, latest.note, request)
        except OSError as error:
            _log.error("a suspect checkpoint of %s is not kept: %s", head.origin, error.strerror)
            return
        if kept is not None and kept.new:
            words = f"a checkpoint of {head.origin} came with a proof that does not hold, at size {head.size}"
            self._tell(Alarm(SUSPECT, head.origin, words, self._clock(), str(kept.path)))
