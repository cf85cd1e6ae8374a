"""When what can be done with a campaign whose operator has fallen silent, and in which words that is said.

    R0 ── redeem ──▶ + window ── dispute ──▶ + 2 windows ── ruling ──▶ + 3 windows

R0 is the deadline, or when the last payroll settled or became void, if that is later (ICampaignEscrow.sol).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from ledger_service.chain.escrow_types import Stage
from ledger_service.claims.record import Record
from ledger_service.errors import Conflict


@dataclass(frozen=True, slots=True)
class Phases:
    """The times of one campaign's redemption, seconds since 1970; each is the first moment of what follows.

    Attributes:
        opens: redeeming begins. closes: it ends, and what was redeemed can be disputed.
        paid_from: undisputed redemptions are paid, if all of them fit the funds.
        all_paid_from: all that stand are paid, in proportion where they do not fit.
    """

    opens: int
    closes: int
    paid_from: int
    all_paid_from: int

    def to_json(self) -> dict[str, int]:
        """The four times by their names."""
        return {name: getattr(self, name) for name in self.__slots__}

    def words(self, now: int) -> str:
        """Where the campaign stands now, in a sentence."""
        if now < self.opens:
            return f"redeeming opens at {moment(self.opens)} and closes at {moment(self.closes)}"
        if now < self.closes:
            return f"redeeming is open until {moment(self.closes)}"
        if now < self.paid_from:
            return f"redemptions can be disputed until {moment(self.paid_from)}"
        if now < self.all_paid_from:
            return f"disputed redemptions are ruled on until {moment(self.all_paid_from)}"
        return "redeeming and disputing are over: what stands is paid"


def phases(record: Record) -> Phases | None:
    """The times of this campaign; None while a payroll is pending, since nobody knows when that ends."""
    since, window = record.silent_since, record.terms.window
    if since is None:
        return None
    return Phases(since, since + window, since + 2 * window, since + 3 * window)


def check_open(record: Record) -> Phases:
    """The phases, if the campaign can be redeemed from now.

    Raises:
        Conflict: not yet, or no longer; says until or since when.
    """
    found = phases(record)
    if found is None:
        raise Conflict(f"nothing can be redeemed while a payroll is pending: {pending_words(record)}")
    if record.now < found.opens:
        raise Conflict(
            f"the operator can post payrolls until {moment(record.terms.deadline)}; {found.words(record.now)}"
        )
    if record.now >= found.closes:
        raise Conflict(f"redeeming closed at {moment(found.closes)}")
    return found


def pending_words(record: Record) -> str:
    """In which stage the pending payroll is, and until when."""
    until, epoch = record.settles_at, record.state.epoch
    if until is None:
        return "no payroll is pending"
    if record.state.stage is Stage.DISPUTED:
        return f"payroll {epoch} is disputed; unless the arbiter rules, it settles at {moment(until)}"
    return f"payroll {epoch} can be disputed until {moment(until)} and settles then"


def moment(seconds: int) -> str:
    """A time as people and programs read it."""
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC ({seconds})"
    except (ValueError, OverflowError, OSError):  # beyond the year 9999
        return str(seconds)
