"""Appends that wait are pooled: one transaction, one batch, one new root and one signed checkpoint for all.

While a batch is committed the next one gathers, so the busier the log, the larger its batches, and nobody
waits for a clock. Several processes may each have a sequencer: the head's row lock puts their batches one
after the other.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from ledger_service import entries
from ledger_service.errors import LedgerError, Overloaded, Unauthenticated, Unavailable
from ledger_service.flow import enrol, label
from ledger_service.flow.context import Ledger
from ledger_service.store.sessions import ENDED
from ledger_service.store.store import Store, UnitOfWork
from ledger_service.store.workers import GrantRow

MOST_WAITING = 2_048  # entries: so many labels are checked, signed and written in about two seconds
MOST_POOLED = 512


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers that the owner of a session hands in."""

    token: str = field(repr=False)
    submissions: Sequence[label.Submission]

    @property
    def weight(self) -> int:
        """How many entries that are."""
        return len(self.submissions)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A session grant of the owner of a session."""

    token: str = field(repr=False)
    session_key: str
    scope: bytes
    valid_from: int
    valid_until: int
    signature: bytes
    weight: int = 1

    def signed(self, worker: str) -> enrol.SignedGrant:
        """The grant, once it is known whose it is."""
        struct = entries.SessionGrant(
            worker=worker,
            session_key=self.session_key,
            scope=self.scope,
            valid_from=self.valid_from,
            valid_until=self.valid_until,
        )
        return enrol.SignedGrant(struct, self.signature)


@dataclass(frozen=True, slots=True)
class Handed:
    """Answers that are in the log for good, and a signed checkpoint that includes them."""

    accepted: list[label.Accepted]
    checkpoint: str


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A grant that is in the log for good, and a signed checkpoint that includes it."""

    row: GrantRow
    checkpoint: str


Work = Answers | Enrolment
Outcome = Handed | Enrolled | LedgerError


@dataclass(frozen=True, slots=True)
class _Waiting:
    work: Work
    future: Future[Any]


class Sequencer:
    """One thread that commits what is waiting, batch by batch. Any number of threads may submit.

    Args:
        refresh: called before each batch, outside of any transaction.
        most_waiting: entries; who comes when as many wait is told to come again.
        most_pooled: entries in one batch.
    """

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        *,
        refresh: Callable[[], None] = lambda: None,
        most_waiting: int = MOST_WAITING,
        most_pooled: int = MOST_POOLED,
    ) -> None:
        self._store, self._ledger, self._refresh = store, ledger, refresh
        self._most_waiting, self._most_pooled = most_waiting, most_pooled
        self._specifications = label.Specifications()
        self._changed = threading.Condition()
        self._queue: deque[_Waiting] = deque()
        self._weight = 0
        self._stopping = False
        self._thread: threading.Thread | None = None

    def hand_in(self, answers: Answers) -> Future[Handed]:
        """Accept answers, all or none; the future raises as `label.label` does, or Unauthenticated.

        Raises:
            Overloaded: too much is waiting. Unavailable: the service is ending.
        """
        return self._submit(answers)

    def enrol(self, grant: Enrolment) -> Future[Enrolled]:
        """Accept a session grant; the future raises as `enrol.grant` does. Raises as `hand_in`."""
        return self._submit(grant)

    def close(self) -> None:
        """Answer what is waiting, and take no more."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _submit(self, work: Work) -> Future[Any]:
        future: Future[Any] = Future()
        with self._changed:
            if self._stopping:
                raise Unavailable("the service is ending")
            if self._queue and self._weight + work.weight > self._most_waiting:
                raise Overloaded(f"{self._weight} entries wait to be appended: come again in a moment")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="sequencer", daemon=True)
                self._thread.start()
            self._queue.append(_Waiting(work, future))
            self._weight += work.weight
            self._changed.notify()
        return future

    def _run(self) -> None:
        while batch := self._take():
            # From here on nobody can take back what it asked for; what was taken back before is left out.
            wanted = [one for one in batch if one.future.set_running_or_notify_cancel()]
            if wanted:
                self._answer(wanted)

    def _take(self) -> list[_Waiting]:
        """Whatever waits, as much as fits into one batch; nothing once there will be nothing any more."""
        taken: list[_Waiting] = []
        weight = 0
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._stopping)
            while self._queue and (not taken or weight + self._queue[0].work.weight <= self._most_pooled):
                one = self._queue.popleft()
                taken.append(one)
                weight += one.work.weight
            self._weight -= weight
        return taken

    def _answer(self, batch: Sequence[_Waiting]) -> None:
        for one, outcome in zip(batch, self._outcomes([one.work for one in batch]), strict=True):
            # Crash before this line: the batch is committed and its submitters do not know. Who asks again
            # gets the same receipts from the rows.
            if isinstance(outcome, Exception):
                one.future.set_exception(outcome)
            else:
                one.future.set_result(outcome)

    def _outcomes(self, works: Sequence[Work]) -> Sequence[Outcome | Exception]:
        """What came of each, of one batch; where that cannot be had, of one batch for each.

        An error of the database says that something in the batch is wrong, not what. After one whose commit
        was not answered, those that are in the log nevertheless are found there.
        """
        try:
            return self._commit(works)
        except Exception as error:
            if len(works) == 1:
                return [error]
        outcomes: list[Outcome | Exception] = []
        for work in works:
            down = bool(outcomes) and isinstance(outcomes[-1], Unavailable)
            outcomes += [Unavailable(str(outcomes[-1]))] if down else self._outcomes([work])
        return outcomes

    def _commit(self, works: Sequence[Work]) -> list[Outcome]:
        self._refresh()
        with self._store.begin() as uow:
            # Crash before the commit, which ends this block: nothing of the batch is there, and nobody was
            # answered.
            return _Batch(uow, self._ledger, self._specifications, works).append()
            # Crash after the commit: the whole batch is there, under a head that was signed with it.


class _Batch:
    """One transaction for works of every kind."""

    def __init__(
        self, uow: UnitOfWork, ledger: Ledger, specifications: label.Specifications, works: Sequence[Work]
    ) -> None:
        self._uow, self._works = uow, works
        self._callers = uow.sessions.find_all({work.token for work in works})
        known = [work for work in works if work.token in self._callers]
        answers = [
            label.Request(self._callers[work.token], work.submissions)
            for work in known
            if isinstance(work, Answers)
        ]
        grants = [work.signed(self._callers[work.token]) for work in known if isinstance(work, Enrolment)]
        self._labels = label.Pool(uow, ledger, specifications, answers)
        self._grants = enrol.GrantPool(uow, ledger, grants)

    def append(self) -> list[Outcome]:
        """Append what can be accepted; what came of each work, in their order."""
        # Assignments are locked here, and the log's head after them: everywhere in this order.
        labelled, granted = self._labels.check(), self._grants.check()
        indices = self._uow.log.append([*labelled, *granted]) if labelled or granted else []
        self._labels.record(indices[: len(labelled)])
        self._grants.record(indices[len(labelled) :])
        checkpoint = self._uow.log.head().checkpoint
        labels, grants = iter(self._labels.outcomes()), iter(self._grants.outcomes())
        outcomes: list[Outcome] = []
        for work in self._works:
            if work.token not in self._callers:
                outcomes.append(Unauthenticated(ENDED))
            elif isinstance(work, Answers):
                found = next(labels)
                outcomes.append(found if isinstance(found, LedgerError) else Handed(found, checkpoint))
            else:
                row = next(grants)
                outcomes.append(row if isinstance(row, LedgerError) else Enrolled(row, checkpoint))
        return outcomes
