"""worker signs ── label ─▶ Label entries, and a signed receipt for each back to the worker.

Answers of many requests are checked together, with one query for each kind of row that they need. Still every
request is accepted or refused by itself, in their order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ledger_service import entries, signing
from ledger_service.errors import BadInput, BadSignature, Conflict, NotYours, Refused
from ledger_service.flow.context import CLOCK_SKEW, MAX_MERGE_DELAY, Ledger
from ledger_service.log.receipts import SignedReceipt, promise
from ledger_service.specification import Specification
from ledger_service.store.assignments import AssignmentRow, Place
from ledger_service.store.labels import LabelRow
from ledger_service.store.store import UnitOfWork
from ledger_service.store.vault import Opening
from ledger_service.store.workers import GrantRow

MOST_SPECIFICATIONS = 256


@dataclass(frozen=True, slots=True)
class Submission:
    """One signed answer as the worker sends it."""

    campaign: bytes
    item: bytes
    opening: Opening
    made_at: int
    signature: bytes

    def struct(self, worker: str) -> entries.Label:
        """The struct that the session key has signed."""
        return entries.Label(
            self.campaign, self.item, worker, self.opening.commitment, entries.ZERO32, self.made_at
        )


@dataclass(frozen=True, slots=True)
class Request:
    """Answers of one worker: all are accepted, or none."""

    worker: str
    submissions: Sequence[Submission]


@dataclass(frozen=True, slots=True)
class Accepted:
    """An answer that is in the log: its entry there, and the operator's receipt for it."""

    entry: bytes
    receipt: SignedReceipt


def label(
    uow: UnitOfWork, ledger: Ledger, worker: str, submissions: Sequence[Submission]
) -> list[SignedReceipt]:
    """Accept signed answers, all or none: append their entries and promise their inclusion.

    The same submission again gets the same receipt.

    Raises:
        NotYours: the item is not assigned to the worker.
        Conflict: it was answered otherwise before, is overdue, or the campaign takes no labels now.
        BadSignature: not by a session key whose grant covers worker, campaign and time.
        BadInput: an answer that the schema does not have, or a time that cannot be.
    """
    pool = Pool(uow, ledger, Specifications(), [Request(worker, submissions)])
    # Crash before the commit: nothing happened, the client retries. After it: the retry finds the rows.
    pool.record(uow.log.append(pool.check()))
    (outcome,) = pool.outcomes()
    if isinstance(outcome, Refused):
        raise outcome
    return [accepted.receipt for accepted in outcome]


def receipt(row: LabelRow, ledger: Ledger) -> SignedReceipt:
    """The receipt that was promised for a label."""
    promised = entries.Receipt(row.leaf, row.index, row.deadline)
    return SignedReceipt(promised, ledger.operator.address, row.receipt)


class Specifications:
    """Specifications of published campaigns, each read once: an id stands for one for ever."""

    def __init__(self) -> None:
        self._known: dict[bytes, Specification] = {}

    def of(self, uow: UnitOfWork, campaign: bytes) -> Specification:
        """The specification of a campaign that exists."""
        known = self._known.pop(campaign, None) or uow.campaigns.get(campaign).spec
        self._known[campaign] = known  # the last one used is the last one
        if len(self._known) > MOST_SPECIFICATIONS:
            del self._known[next(iter(self._known))]
        return known


@dataclass(frozen=True, slots=True)
class _Answer:
    """A submission with its entry."""

    worker: str
    given: Submission
    entry: entries.Entry
    leaf: bytes

    @property
    def place(self) -> Place:
        return self.worker, self.given.campaign, self.given.item


@dataclass(frozen=True, slots=True)
class _Fresh:
    """An answer that is to be appended, what it answers, and the grant that covers it."""

    answer: _Answer
    assignment: AssignmentRow
    grant: GrantRow


class Pool:
    """Requests that are checked together, appended together and answered each by itself.

    `check` gives the entries to append, `record` takes their indices, `outcomes` what to tell each request.
    """

    def __init__(
        self,
        uow: UnitOfWork,
        ledger: Ledger,
        specifications: Specifications,
        requests: Sequence[Request],
    ) -> None:
        self._uow, self._ledger, self._specifications = uow, ledger, specifications
        self._asked = [_answers(request) for request in requests]
        self._fresh: dict[bytes, _Fresh] = {}
        self._taken: set[Place] = set()
        self._rows: dict[bytes, LabelRow] = {}

    def check(self) -> list[entries.Entry]:
        """Decide on every request; the entries of those that are accepted, in their order."""
        answers = [one for asked in self._asked if not isinstance(asked, Refused) for one in asked]
        if not answers:
            return []
        # Assignments are locked before labels are looked at, so that the same submission sent twice at once
        # waits here for the first one and then finds its labels. They are also locked before the log's head.
        self._assignments = self._uow.assignments.lock(dict.fromkeys(one.place for one in answers))
        self._rows = self._uow.labels.find([one.leaf for one in answers])
        self._states = self._uow.campaigns.states({one.given.campaign for one in answers})
        self._now = self._ledger.clock.now()
        # Only of items that are assigned: a signature takes a hundred times as long to check as all the rest,
        # and nobody who works for nobody may occupy the one thread that appends.
        self._signers = self._recover(
            one for one in answers if one.leaf not in self._rows and one.place in self._assignments
        )
        pairs = {(one.worker, key) for one in answers if isinstance(key := self._signers.get(one.leaf), str)}
        self._grants = self._uow.workers.grants_of(pairs)
        self._asked = [asked if isinstance(asked, Refused) else self._decide(asked) for asked in self._asked]
        # Before the log's head is locked: another's first use of the same key may have to be waited for.
        self._uow.vault.prepare(one.answer.worker for one in self._fresh.values())
        return [one.answer.entry for one in self._fresh.values()]

    def record(self, indices: Sequence[int]) -> None:
        """Write the rows of what was appended, with the operator's signature on each receipt."""
        fresh = list(self._fresh.values())
        deadline = self._ledger.clock.now() + MAX_MERGE_DELAY
        rows = [self._row(one, index, deadline) for one, index in zip(fresh, indices, strict=True)]
        self._uow.labels.add(rows)
        if rows:
            self._uow.assignments.done([row.assignment for row in rows])
        self._rows |= {row.leaf: row for row in rows}

    def outcomes(self) -> list[list[Accepted] | Refused]:
        """For each request its accepted answers, in its order, or why it was refused."""
        return [
            asked
            if isinstance(asked, Refused)
            else [Accepted(one.entry.raw, receipt(self._rows[one.leaf], self._ledger)) for one in asked]
            for asked in self._asked
        ]

    def _recover(self, answers: Iterable[_Answer]) -> dict[bytes, str | BadSignature]:
        """Who signed each answer, or why that cannot be said, by leaf."""
        return {one.leaf: _signer(one, self._ledger) for one in answers}

    def _decide(self, asked: list[_Answer]) -> list[_Answer] | Refused:
        """Accept one request, or refuse it and leave no trace of it."""
        try:
            fresh = {
                one.leaf: self._check(one)
                for one in asked
                if one.leaf not in self._rows and one.leaf not in self._fresh
            }
        except Refused as error:
            return error
        self._fresh |= fresh
        self._taken |= {one.answer.place for one in fresh.values()}
        return asked

    def _check(self, one: _Answer) -> _Fresh:
        """Whether this answer can be accepted."""
        given, item = one.given, f"item 0x{one.given.item.hex()}"
        state, assignment = self._states.get(given.campaign), self._assignments.get(one.place)
        if state is None:
            raise NotYours("there is no such campaign")
        if assignment is None:
            raise NotYours(f"{item} is not assigned to you")
        if assignment.state == "done" or one.place in self._taken:
            raise Conflict(f"{item} has another answer of yours already")
        if state != "open":
            raise Conflict("the campaign takes no labels now")
        if assignment.state == "expired" or self._now > assignment.due_at:
            raise Conflict(f"{item} was due at {assignment.due_at}")
        if not assignment.assigned_at <= given.made_at <= min(self._now + CLOCK_SKEW, assignment.due_at):
            raise BadInput(f"made_at {given.made_at} is not between the assignment and now ({self._now})")
        specification = self._specifications.of(self._uow, given.campaign)
        if specification.answer_index(given.opening.content) is None:
            raise BadInput("the answer is not one of the schema's labels")
        return _Fresh(one, assignment, self._grant(one))

    def _grant(self, one: _Answer) -> GrantRow:
        key, given = self._signers[one.leaf], one.given
        if isinstance(key, BadSignature):
            raise key
        for grant in self._grants.get((one.worker, key), ()):
            if grant.covers(given.campaign, given.made_at):
                return grant
        raise BadSignature(f"no grant lets {key} label for {one.worker} here and then")

    def _row(self, fresh: _Fresh, index: int, deadline: int) -> LabelRow:
        one, given = fresh.answer, fresh.answer.given
        signed = promise(one.leaf, index, deadline, self._ledger.domain, self._ledger.operator)
        return LabelRow(
            leaf=one.leaf,
            index=index,
            campaign=given.campaign,
            item=given.item,
            worker=one.worker,
            assignment=fresh.assignment.leaf,
            grant_leaf=fresh.grant.leaf,
            made_at=given.made_at,
            opening=self._uow.vault.seal(one.worker, given.opening),
            deadline=deadline,
            receipt=signed.signature,
        )


def _answers(request: Request) -> list[_Answer] | Refused:
    """What a request asks for, as far as it can be said without looking anything up."""
    places = {(given.campaign, given.item) for given in request.submissions}
    if len(places) < len(request.submissions):
        return BadInput("a request answers each item once")
    try:
        return [_answer(request.worker, given) for given in request.submissions]
    except Refused as error:
        return error


def _answer(worker: str, given: Submission) -> _Answer:
    entry = entries.encode(given.struct(worker), given.signature)
    return _Answer(worker, given, entry, entry.leaf)


def _signer(one: _Answer, ledger: Ledger) -> str | BadSignature:
    try:
        return signing.recover(entries.digest(one.entry.struct, ledger.domain), one.given.signature)
    except BadSignature as error:
        return error
