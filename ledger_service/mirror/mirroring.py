"""Bringing a folder up to date with a log."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ledger_service.audit.progress import Progress, silent
from ledger_service.audit.reading import as_text, member
from ledger_service.audit.source import LogSource, decode_text
from ledger_service.commitments import Json
from ledger_service.errors import BadInput, NotYours, VerificationError
from ledger_service.log.checkpoint import (
    MAX_NOTE_BYTES,
    Checkpoint,
    VerifierKey,
    open_checkpoint,
    read_unverified,
)
from ledger_service.log.follow import Behind, Follower, Fork
from ledger_service.log.policy import Policy
from ledger_service.mirror import evidence
from ledger_service.mirror.folder import Folder
from ledger_service.mirror.state_copy import StateCopy, StateCounts
from ledger_service.mirror.tile_copy import Counts, TileCopy, tidy

LOG_KEY, CHECKPOINT, NEXT = "log-key", "checkpoint", "checkpoint.next"


class Refusal(VerificationError):
    """A log that does not go on from what is in the folder. `saved` names the evidence, below the folder."""

    def __init__(self, error: VerificationError, saved: str) -> None:
        self.saved = saved
        super().__init__(error.what, expected=error.expected, found=error.found)


@dataclass(frozen=True, slots=True)
class Mirrored:
    """What one run did.

    Attributes:
        before: the head that was in the folder. pinned: whether the key was known before this run.
    """

    head: Checkpoint
    before: Checkpoint | None
    key: VerifierKey
    pinned: bool
    tiles: Counts
    state: StateCounts = field(default_factory=StateCounts)


def mirror(
    source: LogSource,
    folder: Path,
    *,
    key: VerifierKey | None = None,
    policy: Policy | None = None,
    bundles: bool = True,
    recheck: bool = False,
    progress: Progress = silent,
) -> Mirrored:
    """Copy a log, and what its service shows this account, into a folder; or bring such a folder up to date.

     1. The folder is empty, or holds this log.
     2. The newest head is signed by the log, and cosigned as the policy demands.
     3. It extends the head that the folder has, and the one that a run was copying that broke off.
     4. Every tile and entry is the one under the head; only then it is written.
     5. Campaigns, openings, bundles and the service's state are written, as far as this account may see them,
        openings and bundles once they hold.
     6. The head takes the old one's place. Until then, what was there is a valid copy under the old one.

    Args:
        key: the log's key; None takes the folder's, the policy's, or the service's word for it.
        bundles: whether to save the labels' and payments' bundles. recheck: prove again also what lies in the
            folder since an earlier run, and fetch anew what is damaged.
    Raises:
        Refusal: step 3 does not hold. VerificationError: step 2, 4 or 5 does not.
        BadInput, Unavailable: the folder or the source does not allow it.
    """
    there = Folder(folder)
    try:
        if there.holds_anything() and not (there.has(LOG_KEY) or there.has(CHECKPOINT)):
            raise BadInput(f"{folder} holds other files and no log: choose another folder")
        with there.locked():
            return _Run(source, there, policy, progress).run(key, bundles, recheck)
    except OSError as error:  # a full disk, for instance; what is there is whole, and the next run goes on
        raise BadInput(f"cannot write to {folder}: {error.strerror or error}") from error


@dataclass(slots=True)
class _Run:
    source: LogSource
    folder: Folder
    policy: Policy | None
    progress: Progress

    def run(self, given: VerifierKey | None, bundles: bool, recheck: bool) -> Mirrored:
        info = _info(self.source)
        known = pinned_key(self.folder.root)
        key = self._key(given, known, info)
        follower = Follower(self.source, key, self.policy)
        head, note = follower.head()
        before = self._extends(follower, key, head, note)
        if not self.folder.has(LOG_KEY):
            self.folder.write(LOG_KEY, [f"{key}\n".encode()])
        # Crash from here on: the old head and all that belongs to it are there; the next run finds this one's
        # work, proves it again and goes on; and it holds the log to the head that it has shown here.
        self.folder.write(NEXT, [note.encode()])
        sound = before.size if before and known and not recheck else 0
        copy = TileCopy(self.source, self.folder, follower.proved(head), head.size, sound)
        copied = copy.run(self.progress)
        state = StateCounts()
        if info is not None:
            state = StateCopy(self.source, self.folder, follower, key, head).run(info, bundles, self.progress)
        self.folder.rename(NEXT, CHECKPOINT)
        # Crash before this line: a few files too many, which the next run takes away.
        tidy(self.folder, head.size)
        pinned = bool(given or known or (self.policy and self.policy.logs))
        return Mirrored(head, before, key, pinned, copied, state)

    def _key(
        self, given: VerifierKey | None, known: VerifierKey | None, info: dict[str, Json] | None
    ) -> VerifierKey:
        """The key that the log has to have: the caller's, else the folder's, the policy's, the service's."""
        listed = [log.key for log in self.policy.logs] if self.policy else []
        if given is None and known is None and len(listed) == 1:
            given = listed[0]
        said = VerifierKey.parse(as_text(member(info, "log_key", "info"), "log_key")) if info else None
        key = given or known or said
        if key is None:
            raise BadInput(f"{self.source.name} does not say which key it signs with: give --log-key")
        for other, whose in ((known, str(self.folder.root)), (said, self.source.name)):
            if other not in (None, key):
                raise BadInput(
                    f"{whose} is of another log, whose key is {other}: choose another folder or log"
                )
        return key

    def _extends(
        self, follower: Follower, key: VerifierKey, head: Checkpoint, note: str
    ) -> Checkpoint | None:
        """Step 3; the folder's head."""
        before = None
        for name in (CHECKPOINT, NEXT):
            raw = self.folder.read(name, MAX_NOTE_BYTES)
            if raw is None:
                continue
            old_note = decode_text(raw, name)
            if read_unverified(old_note).origin != key.name:
                raise BadInput(f"{self.folder.root} holds another log than {key.name}: choose another folder")
            old = open_checkpoint(old_note, key)
            try:
                follower.check_extends(old, head)
            except (Fork, Behind) as error:
                kept = evidence.save(self.folder, evidence.of(error, old_note, note))
                raise Refusal(error, kept) from error
            before = old if name == CHECKPOINT else before
        return before


def pinned_key(folder: Path) -> VerifierKey | None:
    """The key that a mirror's log was accepted under when the folder was made; None where it does not say."""
    raw = Folder(folder).read(LOG_KEY, MAX_NOTE_BYTES)
    return None if raw is None else VerifierKey.parse(decode_text(raw, LOG_KEY).removesuffix("\n"))


def _info(source: LogSource) -> dict[str, Json] | None:
    """What the service says about itself; None of a log that has no service like ours."""
    try:
        return source.info()
    except NotYours:
        return None
