"""What an account is due in a campaign, as the escrow computes it (contracts/src/escrow/Payments.sol)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ledger_service.chain.escrow_types import Account, Claim, Contest
from ledger_service.claims.phases import moment, pending_words, phases
from ledger_service.claims.record import Record, read_state
from ledger_service.claims.tables import Table
from ledger_service.errors import Conflict, LedgerError, NotYours


@dataclass(frozen=True, slots=True)
class Standing:
    """One account in a campaign. Amounts in token minor units; all but `book` from the rebuilt payrolls.

    Attributes:
        owed: what the payroll in force owes it in all. promised: what the pending one will.
        book: what the escrow has written down of it.
        contested: whether a dispute of what it redeemed waits for the arbiter.
        claim: its position in the payroll in force.
    """

    account: str
    owed: int
    promised: int
    book: Account
    contested: bool
    claim: Claim

    @property
    def earned(self) -> int:
        """What it has earned by settled payrolls."""
        return max(self.owed, self.book.proven)

    @property
    def redeemed(self) -> int:
        """What it redeemed beyond that."""
        return max(self.book.statement - self.earned, self.book.labels, 0)

    @property
    def payable(self) -> int:
        """What it can fetch of its payroll at once."""
        return max(0, self.earned - self.book.paid)

    @property
    def rest(self) -> int:
        """All that it has still to get, at most: redemptions are paid in proportion where money lacks."""
        return max(0, self.earned + self.redeemed - self.book.paid)


def standing(
    record: Record, table: Table | None, waiting: Table | None, account: str, at: int | None = None
) -> Standing:
    """Where an account stands. `table` is the payroll in force, `waiting` the pending one.

    Args:
        at: the block whose books count; the record's by default.

    Raises:
        Unavailable: the node does not answer. Corrupt: not as this contract does.
    """
    at = record.block.number if at is None else at
    book = record.escrow.account_of(record.client, record.campaign, account, at)
    contest = record.escrow.read(record.client, "contestOf", record.campaign, account, at=at)[0]
    return Standing(
        account=account,
        owed=table.amount(account) if table else 0,
        promised=waiting.amount(account) if waiting else 0,
        book=book,
        contested=contest == Contest.OPEN,
        claim=table.claim(account) if table else Claim(0, account, 0, ()),
    )


def after(found: Standing, statement: int, labels: int) -> Standing:
    """Where the account would stand had it redeemed a statement, and so much by labels, more."""
    book = found.book
    wanted = replace(book, statement=max(book.statement, statement), labels=book.labels + labels)
    return replace(found, book=wanted)


def reserved_share(record: Record, block: int | None = None) -> tuple[int, int]:
    """What all redemptions ask for, and what the deposit has for them: (reserved, available).

    Args:
        block: as of which block; the record's by default.
    """
    state = record.state
    if block is not None:
        state = read_state(record.client, record.escrow, record.campaign, block)
    settles = record.due_now and state.pending_root != bytes(32)
    total = state.pending_total if settles else state.settled_total
    fee = total * record.terms.fee_bps // 10_000
    return state.reserved, max(0, state.deposited - total - fee)


def fetchable(record: Record, found: Standing) -> bool:
    """Whether it is worth asking the escrow to pay: it has something that may be due by now."""
    times = phases(record)
    return found.payable > 0 or (found.rest > 0 and times is not None and record.now >= times.paid_from)


def why_nothing(record: Record, found: Standing) -> LedgerError | None:
    """Why an account can fetch nothing now; None where it has received all that it was ever due."""
    coming = _coming(record, found)
    if coming:
        return Conflict(f"{found.account} can fetch nothing now: {'; '.join(coming)}")
    if found.earned or found.book.paid:
        return None
    if not record.idle:
        return NotYours(f"{found.account} is in no payroll of this campaign; {pending_words(record)}")
    if record.state.settled_root == bytes(32) and not record.due_now:
        return Conflict(f"no payroll has settled in this campaign; {_outlook(record)}")
    return NotYours(f"{found.account} is in no settled payroll of this campaign and has redeemed nothing")


def _outlook(record: Record) -> str:
    """What is still possible in a campaign without a payroll."""
    times = phases(record)
    if times is None or record.now >= times.opens:
        return f"its deadline has passed, and {times.words(record.now)}" if times else pending_words(record)
    return f"the operator can post one until {moment(record.terms.deadline)}; {times.words(record.now)}"


def _coming(record: Record, found: Standing) -> list[str]:
    """What it will be able to fetch later, and when; one clause each."""
    clauses = []
    if found.promised > found.earned:
        more = found.promised - found.earned
        clauses.append(f"{pending_words(record)}; that owes it {more} more (minor units)")
    if found.redeemed and found.rest:
        when = _paid_when(record, found)
        if when:
            clauses.append(f"it has redeemed {found.redeemed} (minor units), {when}")
    return clauses


def _paid_when(record: Record, found: Standing) -> str:
    """When what it redeemed is paid; empty where that time has come for all."""
    times = phases(record)
    if times is None:
        return "which is paid two windows after the pending payroll has settled, or later"
    if record.now >= times.all_paid_from:
        return ""
    reserved, available = reserved_share(record)
    if reserved > available:
        share = f"in proportion, since all redemptions ask for {reserved} and {available} are there"
        return f"paid from {moment(times.all_paid_from)} on, {share}"
    if found.contested:
        return (
            f"which is disputed: paid from {moment(times.all_paid_from)} on, unless the arbiter is against it"
        )
    return f"paid from {moment(times.paid_from)} on, unless somebody disputes it"
