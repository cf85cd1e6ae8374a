"""Campaigns that share one specification because one payroll could not hold all of their workers or items."""

from __future__ import annotations

from dataclasses import dataclass

from ledger_service.flow.context import Ledger
from ledger_service.store.campaigns import CampaignRow
from ledger_service.store.store import UnitOfWork


@dataclass(frozen=True, slots=True)
class Part:
    """A published campaign of a specification; `takes_workers` as far as anybody can still join it."""

    campaign: bytes
    part: int
    state: str
    takes_workers: bool


def parts_of(uow: UnitOfWork, ledger: Ledger, campaign: CampaignRow) -> list[Part]:
    """All campaigns of the same requester and specification, this one among them, by part."""
    spec = campaign.spec
    rows = uow.campaigns.parts(campaign.requester, spec.digest)
    over = ledger.clock.now() >= spec.closes_at
    return [
        Part(
            row.campaign,
            row.part,
            row.state,
            row.state in ("published", "open")
            and not row.closing
            and not over
            and row.workers < spec.most_workers,
        )
        for row in rows
    ]
