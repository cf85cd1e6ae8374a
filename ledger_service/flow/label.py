"""worker signs ── label ─▶ Label entries, and a signed receipt for each back to the worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger_service import entries, signing
from ledger_service.errors import BadInput, BadSignature, Conflict, NotYours
from ledger_service.flow.context import CLOCK_SKEW, MAX_MERGE_DELAY, Ledger
from ledger_service.log.receipts import SignedReceipt, promise
from ledger_service.specification import Specification
from ledger_service.store.assignments import AssignmentRow
from ledger_service.store.labels import LabelRow
from ledger_service.store.store import UnitOfWork
from ledger_service.store.vault import Opening
from ledger_service.store.workers import GrantRow


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
    new = {entry.leaf: (entry, given) for entry, given in (_entry(worker, given) for given in submissions)}
    if len({(given.campaign, given.item) for given in submissions}) < len(submissions):
        raise BadInput("a request answers each item once")
    # Assignments are locked before they are looked at, so that the same submission sent twice at once waits
    # here for the first one and then finds its labels.
    batch = _Batch(uow, ledger, worker, submissions)
    known = uow.labels.find(list(new))
    fresh = [pair for leaf, pair in new.items() if leaf not in known]
    checked = [batch.check(*pair) for pair in fresh]
    # Crash before the commit: nothing happened, the client retries. After it: the retry finds the rows.
    indices = uow.log.append([entry for entry, _ in fresh])
    rows = [
        batch.row(*pair, index, grant) for pair, index, grant in zip(fresh, indices, checked, strict=True)
    ]
    if rows:
        uow.labels.add(rows)
        uow.assignments.done([row.assignment for row in rows])
    known |= {row.leaf: row for row in rows}
    return [receipt(known[leaf], ledger) for leaf in new]


def receipt(row: LabelRow, ledger: Ledger) -> SignedReceipt:
    """The receipt that was promised for a label."""
    promised = entries.Receipt(row.leaf, row.index, row.deadline)
    return SignedReceipt(promised, ledger.operator.address, row.receipt)


def _entry(worker: str, given: Submission) -> tuple[entries.Entry, Submission]:
    return entries.encode(given.struct(worker), given.signature), given


class _Batch:
    """What the answers of one request have in common: campaigns, assignments and grants, each read once."""

    def __init__(
        self, uow: UnitOfWork, ledger: Ledger, worker: str, submissions: Sequence[Submission]
    ) -> None:
        self._uow, self._ledger, self._worker = uow, ledger, worker
        self._assignments: dict[tuple[bytes, bytes], AssignmentRow] = {}
        self._specifications: dict[bytes, Specification] = {}
        self._open: dict[bytes, bool] = {}
        self._grants: dict[tuple[bytes, str], GrantRow] = {}
        for campaign in sorted({given.campaign for given in submissions}):
            wanted = [given.item for given in submissions if given.campaign == campaign]
            rows = uow.assignments.of_worker(worker, campaign, wanted)
            self._assignments |= {(campaign, item): row for item, row in rows.items()}
            found = uow.campaigns.get(campaign)
            self._open[campaign] = found.state == "open"
            self._specifications[campaign] = found.spec

    def check(self, entry: entries.Entry, given: Submission) -> bytes:
        """Whether this answer can be accepted; the leaf of the grant that covers it."""
        assignment = self._assignments.get((given.campaign, given.item))
        if assignment is None:
            raise NotYours(f"item 0x{given.item.hex()} is not assigned to you")
        if assignment.state == "done":
            raise Conflict(f"item 0x{given.item.hex()} has another answer of yours already")
        if not self._open[given.campaign]:
            raise Conflict("the campaign takes no labels now")
        now = self._ledger.clock.now()
        if assignment.state == "expired" or now > assignment.due_at:
            raise Conflict(f"item 0x{given.item.hex()} was due at {assignment.due_at}")
        if not assignment.assigned_at <= given.made_at <= min(now + CLOCK_SKEW, assignment.due_at):
            raise BadInput(f"made_at {given.made_at} is not between the assignment and now ({now})")
        if self._specifications[given.campaign].answer_index(given.opening.content) is None:
            raise BadInput("the answer is not one of the schema's labels")
        return self._grant(entry, given).leaf

    def _grant(self, entry: entries.Entry, given: Submission) -> GrantRow:
        key = signing.recover(entries.digest(entry.struct, self._ledger.domain), given.signature)
        grant = self._grants.get((given.campaign, key))
        if grant is None or not grant.valid_from <= given.made_at <= grant.valid_until:
            grant = self._uow.workers.covering(self._worker, key, given.campaign, given.made_at)
        if grant is None:
            raise BadSignature(f"no grant lets {key} label for {self._worker} here and then")
        self._grants[(given.campaign, key)] = grant
        return grant

    def row(self, entry: entries.Entry, given: Submission, index: int, grant: bytes) -> LabelRow:
        """The row of an accepted answer, with the operator's signature on its receipt."""
        deadline = self._ledger.clock.now() + MAX_MERGE_DELAY
        signed = promise(entry.leaf, index, deadline, self._ledger.domain, self._ledger.operator)
        return LabelRow(
            leaf=entry.leaf,
            index=index,
            campaign=given.campaign,
            item=given.item,
            worker=self._worker,
            assignment=self._assignments[given.campaign, given.item].leaf,
            grant_leaf=grant,
            made_at=given.made_at,
            opening=self._uow.vault.seal(self._worker, given.opening),
            deadline=deadline,
            receipt=signed.signature,
        )
