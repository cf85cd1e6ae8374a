"""chain ── watch ─▶ what an operator has to know of: payrolls that are disputed, and what workers redeem."""

from __future__ import annotations

from ledger_service.flow.context import Ledger
from ledger_service.store.campaigns import CampaignRow
from ledger_service.store.onchain import Redemption
from ledger_service.store.store import UnitOfWork


def news(uow: UnitOfWork, ledger: Ledger, campaign: CampaignRow) -> list[str]:
    """What the final events say of a campaign that a person should look at, a sentence each.

    Redemptions begin after the deadline, so until then nothing is read for them.
    """
    said = []
    if campaign.state == "posted":
        said += _disputed(uow, campaign)
    if (
        campaign.state in ("payable", "posted", "void", "settled")
        and ledger.clock.now() >= campaign.escrow_terms.deadline
    ):
        said += [_redeemed(campaign, one) for one in uow.onchain.redemptions(campaign.campaign)]
    return said


def _disputed(uow: UnitOfWork, campaign: CampaignRow) -> list[str]:
    payroll = uow.payouts.payroll(campaign.campaign)
    dispute = uow.onchain.dispute(campaign.campaign, payroll.epoch) if payroll else None
    if payroll is None or dispute is None:
        return []
    name = f"payroll {payroll.epoch} of campaign 0x{campaign.campaign.hex()}"
    if dispute.upheld is not None:
        return [] if dispute.upheld else [f"{name} was disputed, and the arbiter let it stand"]
    if payroll.disputed_at is None:
        return []  # the next look at the contract tells since when
    terms, reason = campaign.escrow_terms, "0x" + dispute.reason.hex()
    return [
        f"{name} is disputed by {dispute.disputer}, whose reason has the digest {reason}; the arbiter "
        f"{terms.arbiter} can rule until {payroll.disputed_at + 2 * terms.window}, or else it settles"
    ]


def _redeemed(campaign: CampaignRow, one: Redemption) -> str:
    said = (
        f"campaign 0x{campaign.campaign.hex()}: {one.account} redeems {one.statement} by a statement and "
        f"{one.labels} by labels"
    )
    if one.dispute is None:
        return said
    ruled = {None: "", True: ", which is void", False: ", which stands"}[one.dispute.upheld]
    return f"{said}{ruled}; disputed by {one.dispute.disputer}"
