"""What is owed: payouts, the settlement they add up to, and the payroll posted for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select, update

from ledger_service.commitments import Json
from ledger_service.store.rows import add, columns, many, one
from ledger_service.store.tables import payouts, payrolls, settlements


@dataclass(frozen=True, slots=True)
class PayoutRow:
    """What one worker has earned in all; `position` is its place in the payroll tree."""

    campaign: bytes
    worker: str
    position: int
    leaf: bytes
    index: int
    run: bytes
    amount: int
    statement: Json
    epoch: int
    signature: bytes


@dataclass(frozen=True, slots=True)
class SettlementRow:
    """What a campaign owes in all."""

    campaign: bytes
    leaf: bytes
    index: int
    run: bytes
    total: int


@dataclass(frozen=True, slots=True)
class PayrollRow:
    """A payroll as it is posted; `evidence` is the anchored size that holds its payouts.

    `posted_at` and `disputed_at` (of a dispute that is open) are block times, None as long as not known.
    """

    campaign: bytes
    epoch: int
    root: bytes
    count: int
    total: int
    entries: bytes
    evidence: int
    posted_at: int | None = None
    disputed_at: int | None = None


class Payouts:
    """Payouts, settlements and payrolls."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, rows: Sequence[PayoutRow], settlement: SettlementRow) -> None:
        """Record payouts and the settlement that were appended to the log."""
        add(self._connection, payouts, rows)
        add(self._connection, settlements, [settlement])

    def of_campaign(self, campaign: bytes) -> list[PayoutRow]:
        """All payouts of a campaign by position in the payroll."""
        query = (
            select(*columns(payouts, PayoutRow))
            .where(payouts.c.campaign == campaign)
            .order_by(payouts.c.position)
        )
        return many(PayoutRow, self._connection.execute(query))

    def page(self, campaign: bytes, after: int, limit: int) -> list[PayoutRow]:
        """Payouts of a campaign in log order, after an index."""
        query = (
            select(*columns(payouts, PayoutRow))
            .where(payouts.c.campaign == campaign, payouts.c.index > after)
            .order_by(payouts.c.index)
            .limit(limit)
        )
        return many(PayoutRow, self._connection.execute(query))

    def of_worker(self, campaign: bytes, worker: str) -> PayoutRow | None:
        """What one worker has earned in a campaign, once judged."""
        query = select(*columns(payouts, PayoutRow)).where(
            payouts.c.campaign == campaign, payouts.c.worker == worker
        )
        return one(PayoutRow, self._connection.execute(query).first())

    def settlement(self, campaign: bytes) -> SettlementRow | None:
        """The campaign's settlement, once there is one."""
        query = select(*columns(settlements, SettlementRow)).where(settlements.c.campaign == campaign)
        return one(SettlementRow, self._connection.execute(query).first())

    def newest_unposted(self) -> int:
        """Log index of the newest settlement that owes something and has no payroll yet; -1 for none."""
        query = (
            select(func.max(settlements.c.index))
            .outerjoin(payrolls, payrolls.c.campaign == settlements.c.campaign)
            .where(payrolls.c.campaign.is_(None), settlements.c.total > 0)
        )
        found = self._connection.scalar(query)
        return -1 if found is None else found

    def add_payroll(self, row: PayrollRow) -> None:
        """Record the payroll that is about to be posted."""
        add(self._connection, payrolls, [row])

    def set_times(self, campaign: bytes, epoch: int, posted_at: int, disputed_at: int | None) -> None:
        """Note what the contract says of a payroll's times."""
        change = update(payrolls).where(payrolls.c.campaign == campaign, payrolls.c.epoch == epoch)
        self._connection.execute(change.values(posted_at=posted_at, disputed_at=disputed_at))

    def payroll(self, campaign: bytes) -> PayrollRow | None:
        """The campaign's newest payroll, once there is one."""
        query = (
            select(*columns(payrolls, PayrollRow))
            .where(payrolls.c.campaign == campaign)
            .order_by(payrolls.c.epoch.desc())
            .limit(1)
        )
        return one(PayrollRow, self._connection.execute(query).first())
