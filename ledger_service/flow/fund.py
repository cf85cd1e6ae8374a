"""wallet ── fund ─▶ the campaign opens once its budget is on the escrow contract, for good."""

from __future__ import annotations

from ledger_service.flow.context import Ledger
from ledger_service.store.store import UnitOfWork


def fund(uow: UnitOfWork, ledger: Ledger, campaign_id: bytes) -> bool:
    """Open a published campaign whose final deposits cover its budget; whether anything changed.

    One that was not funded before labelling was to close is expired: the requester takes back on the chain
    what it deposited, if anything.
    """
    campaign = uow.campaigns.get(campaign_id, lock=True)
    if campaign.state != "published":
        return False
    if ledger.clock.now() >= campaign.spec.closes_at:
        uow.campaigns.change(campaign_id, state="expired")
        return True
    if uow.onchain.deposited(campaign_id) < campaign.budget:
        return False
    uow.campaigns.change(campaign_id, state="open")
    return True
