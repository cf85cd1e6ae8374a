"""log ── cosign ─▶ witnesses: the newest head goes to all of them, and is shown once a quorum has cosigned
it.

    1. The newest committed head is the round's. What a witness cosigns must never be lost again, so nothing
       that is not committed leaves this machine.
    2. All witnesses are asked for it, side by side (C2SP tlog-witness).
    3. As soon as the policy's quorum has cosigned it, it is shown with their lines.
    4. After a second without a quorum it is shown with the lines that there are: whoever has a policy refuses
       it, and for everybody else nothing is worse than without witnesses.
    5. Where somebody else has had a newer committed head cosigned meanwhile, the round goes on with it,
       within the same second.
    6. Lines that come later are added while the head is the one that is shown; then comes the next round.
    7. Where no new head comes, every witness is asked for the same head again, at the interval that was
       configured: the time in its line is what a reader who wants a fresh head looks at.

Crash before a witness answers: it may have cosigned a head that we do not know of as cosigned; the next start
asks from size 0, is told the size, and goes on from there. Crash before the row of what is shown is
committed: the head before is still shown, and the next round asks again. Crash after it: the row says all
    there is to know.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from concurrent import futures
from dataclasses import dataclass, field

from ledger_service.config import COSIGN_SECONDS
from ledger_service.errors import BadInput, LedgerError, VerificationError
from ledger_service.log.checkpoint import Checkpoint, VerifierKey
from ledger_service.log.cosignature import CosignerKey, with_lines
from ledger_service.log.note import MAX_SIGNATURES, Note, parse_note
from ledger_service.log.policy import Policy
from ledger_service.store.log import Head
from ledger_service.store.store import Store
from ledger_service.witness.client import Cosigned, WitnessAhead, WitnessClient, WitnessRefuses

QUORUM_SECONDS = 1.0
DEADLINE_SECONDS = 5.0
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 10.0
_WAIT_SECONDS = 0.02
_log = logging.getLogger(__name__)


@dataclass
class _Round:
    """One head, and who has cosigned it: {vkey: signature line}, in the order in which they came first; and
    when each line came, by the machine's own clock."""

    head: Head
    begun: float
    lines: dict[str, str] = field(default_factory=dict)
    came: dict[str, float] = field(default_factory=dict)
    shown: dict[str, str] | None = None  # the lines that are shown; None while the head is not

    def cosigned(self) -> Head:
        """The head with the lines that there are."""
        note = with_lines(self.head.checkpoint, self.lines.values())
        return Head(self.head.size, self.head.root, note, tuple(self.lines))


@dataclass
class _Asked:
    """A witness, what it is being asked, and how long it has to wait after it failed."""

    client: WitnessClient
    future: futures.Future[Cosigned] | None = None
    size: int = 0
    fault: str = ""
    pause: float = 0.0
    due: float = float("-inf")


class Cosigning:
    """Has the log's heads cosigned, and shows them. `step` is for one thread, and in one process at a time.

    Args:
        again: seconds after which a witness is asked again for a head that it has cosigned.

    Raises on creation:
        BadInput: the policy is for other logs, or its quorum cannot be reached with the witnesses that have
            a URL.
    """

    def __init__(
        self,
        store: Store,
        policy: Policy,
        *,
        again: float = COSIGN_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._policy, self._again, self._monotonic = store, policy, again, monotonic
        _check(policy, store.log_key.verifier)
        self._round = self._begin()
        self._witnesses = {
            witness.key: _Asked(WitnessClient(witness.key, witness.url, deadline=DEADLINE_SECONDS))
            for witness in policy.witnesses
            if witness.url is not None
        }
        self._pool = futures.ThreadPoolExecutor(len(self._witnesses), "witness")
        self._quorum = True  # until a head had to be shown without

    def close(self) -> None:
        """End; what witnesses are being asked is waited for."""
        self._pool.shutdown(cancel_futures=True)
        for witness in self._witnesses.values():
            witness.client.close()

    def step(self) -> bool:
        """Ask, take what has come, show what can be shown; whether any witness is being asked."""
        self._next_round()
        self._ask()
        waiting = [asked.future for asked in self._witnesses.values() if asked.future is not None]
        if waiting:
            futures.wait(waiting, _WAIT_SECONDS, futures.FIRST_COMPLETED)
        for key, asked in self._witnesses.items():
            if asked.future is not None and asked.future.done():
                self._take(key, asked, asked.future)
        self._show()
        return bool(waiting)

    def _begin(self) -> _Round:
        """The first round: the head that is shown, with the lines that it has; now it is, where none was."""
        with self._store.begin() as uow:
            self._times = uow.log.published_times()
            uow.log.lock()  # so that what is shown does not grow between reading it and writing it
            shown = uow.log.published()
            uow.log.publish(shown)
        found = {(line.name, line.key_id): line.line for line in parse_note(shown.checkpoint).signatures}
        keys = [CosignerKey.parse(vkey) for vkey in shown.witnesses]
        lines = {str(key): found[key.name, key.key_id] for key in keys}
        begun = self._round_of(shown)
        begun.lines, begun.shown = lines, dict(lines)
        begun.came = dict.fromkeys(lines, begun.begun)
        return begun

    def _round_of(self, head: Head) -> _Round:
        """A round for a head, of which only the log's own line is taken."""
        note = parse_note(head.checkpoint)
        key = self._store.log_key.verifier
        ours = tuple(s for s in note.signatures if (s.name, s.key_id) == (key.name, key.key_id))
        bare = Note(note.text, ours).to_text()
        return _Round(Head(head.size, head.root, bare), self._monotonic())

    def _next_round(self) -> None:
        """The newest head's round, once this one's head is shown."""
        if self._round.shown is None:
            return
        with self._store.begin() as uow:
            head = uow.log.head()
        if head.size > self._round.head.size:
            self._round = self._round_of(head)

    def _ask(self) -> None:
        head, now = self._round.head, self._monotonic()
        for key, asked in self._witnesses.items():
            came = self._round.came.get(str(key), -math.inf)
            if asked.future is None and now >= max(came + self._again, asked.due):
                asked.size = head.size
                asked.future = self._pool.submit(self._cosign, asked.client, head)

    def _cosign(self, client: WitnessClient, head: Head) -> Cosigned:
        """In a thread of the pool: one cosignature. No transaction is open while the witness is asked."""
        checkpoint = Checkpoint(self._store.log_key.name, head.size, head.root)
        return client.cosign(checkpoint, head.checkpoint, lambda size: self._prove(size, head.size))

    def _prove(self, old: int, size: int) -> Sequence[bytes]:
        with self._store.begin() as uow:
            return uow.log.tree(size).consistency_proof(old)

    def _take(self, key: CosignerKey, asked: _Asked, done: futures.Future[Cosigned]) -> None:
        """Take in what a witness has answered; its failure is said once while it lasts."""
        asked.future = None
        try:
            found = done.result()
            if found.time < self._times.get(str(key), 0):
                raise VerificationError(f"the clock of {key.name} went back", found=str(found.time))
        except LedgerError as error:
            if not (isinstance(error, WitnessAhead) and self._was_fed(error.size)):
                self._failed(asked, error)
            return
        if asked.fault:
            _log.warning("witness %s cosigns again", key.name)
        asked.fault, asked.pause = "", 0.0
        if asked.size == self._round.head.size:
            self._round.lines[str(key)] = found.line
            self._round.came[str(key)] = self._monotonic()
            self._times[str(key)] = found.time

    def _was_fed(self, size: int) -> bool:
        """Whether a witness that is ahead of the round has cosigned a head that is committed.

        Everybody who hands in a label gets the newest signed head, and may have it cosigned. The round is of
        the newest head then, as the witness cosigns no smaller one any more; it gets no more time for that.
        """
        with self._store.begin() as uow:
            head = uow.log.head()
        if size > head.size:
            return False
        if self._round.shown is None and head.size > self._round.head.size:
            begun = self._round.begun
            self._round = self._round_of(head)
            self._round.begun = begun
        return True

    def _failed(self, asked: _Asked, error: LedgerError) -> None:
        asked.pause = min(2 * asked.pause or FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        asked.due = self._monotonic() + asked.pause
        kind = f"{type(error).__name__} {getattr(error, 'status', '')}"
        if asked.fault == kind:
            return
        asked.fault = kind
        if isinstance(error, WitnessAhead | WitnessRefuses):
            # Entries of ours were lost, as with a database restored from an old backup; or it does not know
            # us.
            _log.error("alarm: witness: %s", error)
        else:
            _log.warning("witness: %s", error)

    def _show(self) -> None:
        """Show the round's head, when its time has come, or the lines that were added to it."""
        current = self._round
        keys = [key for key in self._policy.cosigners if str(key) in current.lines]
        quorum = self._policy.satisfied_by(keys)
        late = self._monotonic() - current.begun >= QUORUM_SECONDS
        if current.lines == current.shown or not (quorum or late or current.shown is not None):
            return
        with self._store.begin() as uow:
            uow.log.publish(current.cosigned())
        # Crash here, after the commit: the next start begins with this head and these lines.
        current.shown = dict(current.lines)
        if quorum != self._quorum and (quorum or late):
            self._quorum = quorum
            words = "again with" if quorum else "without"
            _log.warning("heads are shown %s the quorum of %s", words, _name(self._policy))


def _check(policy: Policy, log: VerifierKey) -> None:
    if policy.logs and all(listed.key != log for listed in policy.logs):
        raise BadInput(f"the witness policy is for other logs than this one: {log}")
    if len(policy.witnesses) >= MAX_SIGNATURES:
        raise BadInput(f"a checkpoint has at most {MAX_SIGNATURES} signatures: name fewer witnesses")
    reachable = [witness.key for witness in policy.witnesses if witness.url is not None]
    if not reachable:
        raise BadInput("the witness policy names no witness with a URL: there is nobody to ask")
    if not policy.satisfied_by(reachable):
        raise BadInput(
            f"the quorum {_name(policy)} cannot be reached: not enough of its witnesses have a URL"
        )


def _name(policy: Policy) -> str:
    return policy.quorum.decode(errors="backslashreplace")
