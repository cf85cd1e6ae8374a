"""The log's head against what it showed before, and against what it shows to others."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ledger_service.audit.source import MAX_LOG_SIZE
from ledger_service.commitments import canonical
from ledger_service.errors import Refused, Unavailable, VerificationError
from ledger_service.log.checkpoint import Checkpoint, VerifierKey, open_checkpoint
from ledger_service.log.follow import Behind, Follower, Fork
from ledger_service.log.policy import Policy, open_under_policy
from ledger_service.mirror import evidence
from ledger_service.monitor.alarms import Alarm, Kind
from ledger_service.monitor.look import Look

NOTE = "head_note"
SILENT, CHECKPOINT, TILES, BEHIND, WITNESSES = "silent", "checkpoint", "tiles", "behind", "witnesses"


class NoteSource(Protocol):
    """Where a signed note is; raises as `log.follow.TlogSource` does."""

    name: str

    def checkpoint(self) -> str:
        """The signed note."""
        ...


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What another place showed: its name, and a signed note of the watched log."""

    place: str
    note: str
    head: Checkpoint


def known_head(look: Look, key: VerifierKey) -> Checkpoint | None:
    """The head that was accepted last; its signature is checked again, since a folder can be tampered with.

    Raises:
        VerificationError: it is not the log's.
    """
    note = look.state.get(NOTE)
    return None if note is None else open_checkpoint(note, key)


def ask_elsewhere(look: Look, places: Sequence[NoteSource], key: VerifierKey) -> list[Elsewhere]:
    """What other places show of the log; what they do not is said, and is no alarm: they owe us nothing."""
    found = []
    for place in places:
        try:
            note = place.checkpoint()
            found.append(Elsewhere(place.name, note, open_checkpoint(note, key)))
        except (Refused, Unavailable, VerificationError) as error:
            look.lack(f"{place.name} shows no head of this log: {error}")
    return found


def newest(look: Look, source: NoteSource, follower: Follower, key: VerifierKey) -> Checkpoint | None:
    """The log's newest head, once it extends the one before; None, and an alarm or a miss, where not.

    1. The note is signed by the log's key.
    2. Its tree begins with the tree that was accepted last: larger, or the very same.
    """
    try:
        note = source.checkpoint()
        head = open_checkpoint(note, key)
        if head.size > MAX_LOG_SIZE:
            raise VerificationError(
                "size of the log", expected=f"at most {MAX_LOG_SIZE}", found=str(head.size)
            )
    except (Refused, Unavailable) as error:
        unanswered(look, error)
        return None
    except VerificationError as error:
        with look.state.transaction():
            look.stand(Alarm.of(Kind.CHECKPOINT, CHECKPOINT, error, "the log's checkpoint"))
        return None
    return head if _extends(look, follower, known_head(look, key), head, note) else None


def _extends(look: Look, follower: Follower, old: Checkpoint | None, head: Checkpoint, note: str) -> bool:
    """Accept a head that extends the old one; else raise the alarm that it deserves."""
    try:
        if old is not None:
            follower.check_extends(old, head)
    except Fork as error:
        forked(look, error, "the log", look.state.get(NOTE) or "", note)
    except Behind:
        _behind(look, follower, old or head, head, note)
    except VerificationError as error:
        wrong_tiles(look, error, note)
    except (Refused, Unavailable) as error:
        unanswered(look, error)
    else:
        with look.state.transaction():
            look.state.put(NOTE, note)
            look.memory.saw(head.size, look.now)
            look.clear(CHECKPOINT)
            look.clear(BEHIND)
        before = old.size if old else 0
        if head.size > before:
            look.change("grew", f"the log grew from {before} to {head.size} entries", size=head.size)
        return True
    return False


def _behind(look: Look, follower: Follower, old: Checkpoint, head: Checkpoint, note: str) -> None:
    """The log shows less than before: a fork where that is no beginning of what it showed before."""
    try:
        follower.check_extends(head, old)
    except Fork as error:
        forked(look, error, "the log", note, look.state.get(NOTE) or "")
        return
    except (Refused, Unavailable, VerificationError) as error:
        look.miss(f"whether the smaller head belongs to the log is not known: {error}")
    files = (_note(look, old, look.state.get(NOTE) or ""), _note(look, head, note))
    words = f"the log shows {head.size} entries, and has shown {old.size} before"
    alarm = Alarm(Kind.BEHIND, BEHIND, words, None, "", str(old.size), str(head.size), files)
    with look.state.transaction():
        look.stand(alarm)


def compare_elsewhere(
    look: Look, follower: Follower, key: VerifierKey, head: Checkpoint, shown: Sequence[Elsewhere]
) -> None:
    """Other places show beginnings of the log, or what the log itself will show soon.

    1. A head of at most our size is that of a beginning of our tree; else the log is forked.
    2. A larger one is remembered until the log has reached it, and compared then. A log that does not reach
       it within the limit hides entries from us.
    """
    for one in shown:
        waiting = look.memory.elsewhere(one.place)
        heads = [(one.head, one.note)]
        if waiting is not None and waiting != one.note:
            heads.append((open_checkpoint(waiting, key), waiting))
        ahead = [(theirs, note) for theirs, note in heads if theirs.size > head.size]
        for theirs, note in heads:
            if theirs.size <= head.size:
                _compare(look, follower, one.place, theirs, note, head)
        _ahead(look, one.place, max(ahead, key=lambda pair: pair[0].size, default=None), head)


def _compare(
    look: Look, follower: Follower, place: str, theirs: Checkpoint, note: str, head: Checkpoint
) -> None:
    try:
        follower.check_extends(theirs, head)
    except Fork as error:
        forked(look, error, place, note, look.state.get(NOTE) or "")
    except VerificationError as error:
        wrong_tiles(look, error, look.state.get(NOTE) or "")


def _ahead(look: Look, place: str, larger: tuple[Checkpoint, str] | None, head: Checkpoint) -> None:
    key = f"hidden:{place}"
    with look.state.transaction():
        look.memory.keep_elsewhere(place, larger[1] if larger else None)
        if larger is None:
            look.in_time(key)
            return
        theirs, note = larger
        files = (_note(look, theirs, note), _note(look, head, look.state.get(NOTE) or ""))
        words = f"{place} has a head of {theirs.size} entries, which the log does not show us"
        alarm = Alarm(Kind.HIDDEN, key, words, None, "", str(theirs.size), str(head.size), files)
        look.late(key, look.limits.silence, lambda _: alarm)


def check_witnesses(look: Look, policy: Policy | None, key: VerifierKey) -> None:
    """The accepted head has the cosignatures that the policy asks for; an alarm when that lasts too long."""
    note = look.state.get(NOTE)
    if policy is None or note is None:
        return
    why = ""
    try:
        open_under_policy(note, policy, key)
    except VerificationError as error:
        why = str(error)
    with look.state.transaction():
        if not why:
            look.in_time(WITNESSES)
            return
        words = f"the newest head is not witnessed as the policy asks: {why}"
        look.late(WITNESSES, look.limits.silence, lambda _: Alarm(Kind.WITNESSES, WITNESSES, words))


def unanswered(look: Look, error: Exception) -> None:
    """The log does not give what we need: an alarm when that lasts too long."""
    look.miss(f"the log cannot be read: {error}")
    with look.state.transaction():
        look.late(
            SILENT,
            look.limits.silence,
            lambda lasted: Alarm(Kind.SILENT, SILENT, f"the log cannot be read for {lasted} s: {error}"),
        )


def wrong_tiles(look: Look, error: VerificationError, note: str) -> None:
    """The log serves something that is not under the head that it signed, or hides what would prove it."""
    files = (look.state.evidence("note", note),)
    words = f"what the log serves does not belong to the head that it signed: {error}"
    alarm = Alarm(Kind.TILES, TILES, words, None, "", error.expected, error.found, files)
    with look.state.transaction():
        look.stand(alarm)


def forked(look: Look, error: Fork, place: str, old: str, new: str) -> None:
    """Keep what proves it, and say so; `old` and `new` are the signed notes of the error's two heads."""
    proof = canonical(evidence.of(error, old, new).to_json()).decode() + "\n"
    digest = hashlib.sha256(error.old.text().encode() + error.new.text().encode()).hexdigest()[:16]
    words = f"{place} shows another history of this log: {error}"
    files = (look.state.evidence("fork", proof),)
    alarm = Alarm(Kind.FORK, f"fork:{digest}", words, None, "", error.expected, error.found, files)
    with look.state.transaction():
        look.alarm(alarm)


def _note(look: Look, head: Checkpoint, note: str) -> str:
    return look.state.evidence(f"note-{head.size}", note)
