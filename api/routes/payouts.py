"""What a worker has earned, and the proofs with which it can claim by itself."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from api import examples
from api.auth import Caller
from api.dependencies import CampaignId, Running
from api.models import Body, Bytes32, Money, Signature, json_bundle, shown
from api.problems import responses
from ledger_service.errors import NotYours, Unauthenticated
from ledger_service.flow.prove import Prover
from ledger_service.store.payouts import PayoutRow
from ledger_service.store.store import UnitOfWork

router = APIRouter(prefix="/v1/campaigns/{campaign}/payouts", tags=["payouts"])


class PayoutBody(Body):
    """Earnings of one worker in all, the operator's signed statement, and the place in the payroll.

    `index`, `amount` and `path` are what `CampaignEscrow.claim` takes; null until the payroll is on its way.
    """

    model_config = shown(examples.PAYOUT)

    campaign: Bytes32
    worker: str
    amount: Money
    epoch: int
    statement: Any
    signature: Signature
    state: str
    index: int | None
    count: int | None
    path: list[Bytes32] | None
    root: Bytes32 | None
    evidence: int | None


@router.get("/me", summary="See what you have earned", responses=responses(Unauthenticated, NotYours))
def get_payout(service: Running, caller: Caller, campaign: CampaignId) -> PayoutBody:
    """Your earnings in this campaign, once the work has been judged, and your place in the payroll."""
    with service.store.begin() as uow:
        row = _mine(uow, campaign, caller)
        owner = uow.campaigns.get(campaign)
        proof = Prover(uow, service.ledger, owner).payroll_proofs([row]).get(caller)
    return PayoutBody(
        campaign=campaign,
        worker=caller,
        amount=row.amount,
        epoch=row.epoch,
        statement=row.statement,
        signature=row.signature,
        state=owner.state,
        index=proof.index if proof else None,
        count=proof.count if proof else None,
        path=list(proof.path) if proof else None,
        root=proof.root if proof else None,
        evidence=proof.evidence if proof else None,
    )


@router.get(
    "/me/bundle",
    summary="Get your payment's proof",
    response_class=Response,
    responses={**json_bundle(examples.PAYMENT_BUNDLE), **responses(Unauthenticated, NotYours)},
)
def get_payment_bundle(service: Running, caller: Caller, campaign: CampaignId) -> Response:
    """Everything that proves your payment."""
    with service.store.begin() as uow:
        row = _mine(uow, campaign, caller)
        (made,) = Prover(uow, service.ledger, uow.campaigns.get(campaign)).payments([row])
    return Response(made, media_type="application/json")


def _mine(uow: UnitOfWork, campaign: bytes, caller: str) -> PayoutRow:
    row = uow.payouts.of_worker(campaign, caller)
    if row is None:
        raise NotYours("nothing has been judged for you in this campaign")
    return row
