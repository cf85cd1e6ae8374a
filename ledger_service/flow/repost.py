"""A payroll that is void pays nobody: say so, and post it anew when the operator has decided to.

What the log says is owed does not change: its settlement is the last. So the new payroll is what the log
owes, computed again from the labels and compared, under the escrow's next number; the statements hold for it.
"""

from __future__ import annotations

from ledger_service.errors import Conflict, Corrupt
from ledger_service.flow import settle
from ledger_service.flow.context import Ledger
from ledger_service.store.onchain import Shortfall
from ledger_service.store.payouts import PayrollRow
from ledger_service.store.store import UnitOfWork


def note_void(uow: UnitOfWork, campaign_id: bytes) -> bool:
    """Note that the chain has declared the newest payroll void for good; whether it was new."""
    campaign = uow.campaigns.get(campaign_id, lock=True)
    if campaign.state not in ("payable", "posted") or not _is_void(uow, campaign_id):
        return False
    uow.campaigns.change(campaign_id, state="void")
    return True


def _is_void(uow: UnitOfWork, campaign_id: bytes) -> bool:
    return uow.payouts.payroll(campaign_id) is not None and settle.voided(uow, campaign_id)


def why_void(uow: UnitOfWork, payroll: PayrollRow) -> str:
    """Who made a payroll void, and why, in a sentence's second half."""
    shortfall = uow.onchain.enforced(payroll.campaign, payroll.epoch)
    if shortfall is not None:
        return f"it pays {shortfall.worker} less than the {shortfall.stated} that the operator stated"
    dispute = uow.onchain.dispute(payroll.campaign, payroll.epoch)
    if dispute is None:
        return "the escrow does not say why"
    reason = f"whose reason has the digest 0x{dispute.reason.hex()}"
    return f"the arbiter upheld the dispute of {dispute.disputer}, {reason}"


def describe(uow: UnitOfWork, ledger: Ledger, campaign_id: bytes) -> str:
    """What an operator has to know of a campaign whose payroll is void."""
    campaign, payroll = uow.campaigns.get(campaign_id), uow.payouts.payroll(campaign_id)
    if payroll is None:
        raise Corrupt(f"campaign 0x{campaign_id.hex()} is void without a payroll")
    said = (
        f"payroll {payroll.epoch} of campaign 0x{campaign_id.hex()} is void, nobody is paid by it: "
        f"{why_void(uow, payroll)}; "
    )
    deadline = campaign.escrow_terms.deadline
    if ledger.clock.now() >= deadline:
        return said + f"the deadline {deadline} has passed, so workers redeem their statements at the escrow"
    return (
        said + f"until {deadline} it can be posted anew: crowdledger repost --campaign 0x{campaign_id.hex()}"
    )


def repost(uow: UnitOfWork, ledger: Ledger, campaign_id: bytes) -> None:
    """Queue the payroll of a campaign whose last one is void, under the escrow's next number.

    Raises:
        NotYours: no such campaign.
        Conflict: its payroll is not void, the deadline has passed, no final head holds the settlement, or the
            statement that made it void says more than the log does.
        Corrupt: the labels do not give what the log says is owed.
    """
    campaign, payroll = uow.campaigns.get(campaign_id, lock=True), uow.payouts.payroll(campaign_id)
    if campaign.state != "void" or payroll is None:
        raise Conflict(f"there is no void payroll to post anew: the campaign is {campaign.state}")
    deadline = campaign.escrow_terms.deadline
    if ledger.clock.now() >= deadline:
        raise Conflict(f"the escrow takes no payroll of this campaign since its deadline {deadline}")
    owed = _recomputed(uow, campaign_id)
    shortfall = uow.onchain.enforced(campaign_id, payroll.epoch)
    if shortfall is not None:
        _check_kept(owed, shortfall)
    if not settle.queue_payroll(uow, ledger, campaign):
        raise Conflict("no head that is final on the chain holds the settlement yet")
    # Crash before the commit: still void, the operator asks again. After it: the chain writer posts it.
    uow.campaigns.change(campaign_id, state="payable")


def _recomputed(uow: UnitOfWork, campaign_id: bytes) -> dict[str, int]:
    """What everybody is owed, from the labels themselves."""
    campaign = uow.campaigns.get(campaign_id)
    owed = {
        worker: sum(line.amount for line in lines) for worker, lines in settle.earned(uow, campaign).items()
    }
    logged = {row.worker: row.amount for row in uow.payouts.of_campaign(campaign_id)}
    if owed != logged:
        differ = sorted(who for who in owed.keys() | logged.keys() if owed.get(who) != logged.get(who))
        raise Corrupt(f"the labels and the log's payouts say different amounts for {', '.join(differ[:3])}")
    return owed


def _check_kept(owed: dict[str, int], shortfall: Shortfall) -> None:
    if owed.get(shortfall.worker, 0) < shortfall.stated:
        raise Conflict(
            f"a signed statement says {shortfall.stated} for {shortfall.worker}, and the log owes "
            f"{owed.get(shortfall.worker, 0)}: posted anew, it would be void again"
        )
