"""wallet ── fund ─▶ the campaign opens once its budget is on the escrow contract, for good."""

from __future__ import annotations

from ledger_service.store.store import UnitOfWork


def fund(uow: UnitOfWork, campaign_id: bytes) -> bool:
    """Open a published campaign whose final deposits cover its budget; whether it did."""
    campaign = uow.campaigns.get(campaign_id, lock=True)
    if campaign.state != "published" or uow.onchain.deposited(campaign_id) < campaign.budget:
        return False
    uow.campaigns.change(campaign_id, state="open")
    return True
