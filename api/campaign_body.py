"""All that is public about a campaign, as several routes give it."""

from __future__ import annotations

from typing import Any

from api import examples
from api.models import Body, Bytes32, Money, shown
from ledger_service.flow.parts import parts_of
from ledger_service.service import Service
from ledger_service.store.campaigns import CampaignRow
from ledger_service.store.onchain import Dispute
from ledger_service.store.payouts import PayrollRow
from ledger_service.store.store import UnitOfWork


class DisputeBody(Body):
    """Somebody contests a payroll or a redemption. `reason`: digest of what is contested.

    `upheld`: the arbiter's ruling, null before it.
    """

    disputer: str
    reason: Bytes32
    upheld: bool | None


class ShortfallBody(Body):
    """The statement that made a payroll void: it paid `worker` less than the operator had `stated`."""

    worker: str
    stated: Money


class PayrollBody(Body):
    """The newest payroll as it is posted: `entries` packed as in the calldata.

    `state` is queued, posted, disputed, confirmed (the arbiter let it stand), void or settled. Where it is
    pending, `settles_at` is the block time from which it settles, as far as that is known; a dispute is ruled
    on before that, or lapses. Where it is void, `enforced` or an upheld `dispute` says why, and
    `repost_until` is the deadline before which the operator can post it anew, null once that has passed.
    """

    epoch: int
    root: Bytes32
    count: int
    total: Money
    evidence: int
    entries: str
    state: str
    settles_at: int | None
    dispute: DisputeBody | None
    enforced: ShortfallBody | None
    repost_until: int | None


class PartBody(Body):
    """Another campaign of the same specification; `takes_workers` where it can still be joined."""

    campaign: Bytes32
    part: int
    state: str
    takes_workers: bool


class RedemptionBody(Body):
    """What an account asks the escrow for after the operator's silence: by statement, and by labels."""

    account: str
    statement: Money
    labels: Money
    dispute: DisputeBody | None


class CampaignBody(Body):
    """All that is public about a campaign.

    `part` is its position among the `parts` of its specification (1 where it has no parts), `others` the
    published campaigns of the other parts. `most_workers` is how many a payroll and an inference hold,
    `workers` how many were given work so far: when these are as many, nobody else can join. `hold` says why a
    campaign whose state stays inferred is not settled: its crowd may have been turned by a ring.
    """

    model_config = shown(examples.CAMPAIGN)

    campaign: Bytes32
    state: str
    requester: str
    terms: dict[str, Any]
    specification: dict[str, Any]
    escrow: str
    budget: Money
    deposited: Money
    part: int
    parts: int
    others: list[PartBody]
    items: int
    labels_wanted: int
    labels_received: int
    assignments_open: int
    workers: int
    most_workers: int
    hold: str | None
    payroll: PayrollBody | None
    redemptions: list[RedemptionBody]
    refunded: bool


def campaign_body(uow: UnitOfWork, service: Service, row: CampaignRow) -> CampaignBody:
    """Read all of it within one transaction."""
    spec = row.spec
    return CampaignBody(
        campaign=row.campaign,
        state=row.state,
        requester=row.requester,
        terms=row.terms,
        specification=row.specification,
        escrow=service.ledger.escrow.address,
        budget=row.budget,
        deposited=uow.onchain.deposited(row.campaign),
        part=spec.part,
        parts=spec.parts,
        others=_others(uow, service, row) if spec.parts > 1 else [],
        items=spec.items.count,
        labels_wanted=spec.items.count * spec.labels_per_item,
        labels_received=uow.labels.count(row.campaign),
        assignments_open=uow.assignments.count(row.campaign, "open"),
        workers=row.workers,
        most_workers=spec.most_workers,
        hold=service.holds.reason(row.campaign) if row.state == "inferred" else None,
        payroll=_payroll(uow, service, row),
        redemptions=_redemptions(uow, row),
        refunded=uow.onchain.refunded(row.campaign),
    )


def _others(uow: UnitOfWork, service: Service, row: CampaignRow) -> list[PartBody]:
    return [
        PartBody(campaign=one.campaign, part=one.part, state=one.state, takes_workers=one.takes_workers)
        for one in parts_of(uow, service.ledger, row)
        if one.campaign != row.campaign
    ]


def _redemptions(uow: UnitOfWork, row: CampaignRow) -> list[RedemptionBody]:
    return [
        RedemptionBody(
            account=one.account, statement=one.statement, labels=one.labels, dispute=_dispute(one.dispute)
        )
        for one in uow.onchain.redemptions(row.campaign)
    ]


def _payroll(uow: UnitOfWork, service: Service, row: CampaignRow) -> PayrollBody | None:
    payroll = uow.payouts.payroll(row.campaign)
    if payroll is None:
        return None
    dispute, enforced = (
        uow.onchain.dispute(row.campaign, payroll.epoch),
        uow.onchain.enforced(row.campaign, payroll.epoch),
    )
    state, terms = _state(uow, payroll, dispute), row.escrow_terms
    anew = state == "void" and service.ledger.clock.now() < terms.deadline
    return PayrollBody(
        epoch=payroll.epoch,
        root=payroll.root,
        count=payroll.count,
        total=payroll.total,
        evidence=payroll.evidence,
        entries="0x" + payroll.entries.hex(),
        state=state,
        settles_at=_settles_at(payroll, state, terms.window),
        dispute=_dispute(dispute),
        enforced=ShortfallBody(worker=enforced.worker, stated=enforced.stated) if enforced else None,
        repost_until=terms.deadline if anew else None,
    )


def _state(uow: UnitOfWork, payroll: PayrollRow, dispute: Dispute | None) -> str:
    """Where the payroll stands by the final events; the last that applies counts."""
    campaign, epoch = payroll.campaign, payroll.epoch
    reached = (
        ("posted", epoch in uow.onchain.posted(campaign)),
        ("disputed", dispute is not None and dispute.upheld is None),
        ("confirmed", dispute is not None and dispute.upheld is False),
        ("void", epoch in uow.onchain.voided_epochs(campaign)),
        ("settled", epoch in uow.onchain.settled_epochs(campaign)),
    )
    return ["queued", *(name for name, applies in reached if applies)][-1]


def _settles_at(payroll: PayrollRow, state: str, window: int) -> int | None:
    """As `CampaignState.settles_at`, from what the contract said when it was asked last."""
    if state == "disputed":
        return None if payroll.disputed_at is None else payroll.disputed_at + 2 * window
    if state in ("posted", "confirmed") and payroll.posted_at is not None:
        return payroll.posted_at + window
    return None


def _dispute(found: Dispute | None) -> DisputeBody | None:
    if found is None:
        return None
    return DisputeBody(disputer=found.disputer, reason=found.reason, upheld=found.upheld)
