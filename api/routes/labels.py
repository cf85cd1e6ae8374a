"""Labels: signed answers in, receipts and bundles out."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field

from api import examples
from api.auth import Caller, Token
from api.dependencies import Leaf, Unclocked
from api.models import Body, Bytes32, OpeningBody, ReceiptBody, Seconds, Signature, json_bundle, shown
from api.problems import responses
from ledger_service.errors import (
    BadInput,
    BadSignature,
    Conflict,
    NotYours,
    Overloaded,
    Unauthenticated,
)
from ledger_service.flow import label
from ledger_service.flow.prove import Prover
from ledger_service.flow.sequencer import Answers
from ledger_service.log.receipts import SignedReceipt
from ledger_service.store.asked import ask_label
from ledger_service.store.labels import LabelRow
from ledger_service.store.sessions import ENDED
from ledger_service.store.store import UnitOfWork

router = APIRouter(prefix="/v1/labels", tags=["labels"])
BUNDLE = "application/json"
_NO_LABEL = "there is no such label"


class LabelBody(OpeningBody):
    """One answer, its salt, and the session key's signature on the EIP-712 `Label`."""

    campaign: Bytes32
    item: Bytes32
    made_at: Seconds
    signature: Signature


class LabelsBody(Body):
    """One to a hundred answers: all are accepted, or none."""

    model_config = shown(examples.LABELS)

    labels: Annotated[list[LabelBody], Field(min_length=1, max_length=100)]


class Receipts(Body):
    """A receipt for each label, in the order sent.

    `checkpoint`: a head of the log that includes them all, signed by the log (C2SP tlog-checkpoint).
    """

    model_config = shown(examples.RECEIPTS)

    receipts: list[ReceiptBody]
    checkpoint: str


@router.post(
    "",
    status_code=201,
    response_model=Receipts,
    summary="Hand in answers",
    responses=responses(Unauthenticated, NotYours, BadInput, Conflict, BadSignature, Overloaded),
)
async def post_labels(service: Unclocked, token: Token, body: LabelsBody) -> Response:
    """`201` means that they are in the log for good, as the checkpoint says; the same sent again changes
    nothing."""
    given = [
        label.Submission(one.campaign, one.item, one.opening(), one.made_at, one.signature)
        for one in body.labels
    ]
    handed = await asyncio.wrap_future(service.sequencer.hand_in(Answers(token, given)))
    receipts = [_body(one.receipt, one.entry) for one in handed.accepted]
    made = Receipts(receipts=receipts, checkpoint=handed.checkpoint)
    return Response(made.model_dump_json(), status_code=201, media_type=BUNDLE)


@router.get(
    "/{leaf}/receipt", summary="Get a label's receipt", responses=responses(Unauthenticated, NotYours)
)
def get_receipt(service: Unclocked, caller: Caller, leaf: Leaf) -> ReceiptBody:
    """The receipt of one of your labels, again."""
    with service.store.begin() as uow:
        row = uow.labels.get(leaf)
        if row is None:
            raise NotYours(_NO_LABEL)
        _check_readable(uow, caller, row)
        (raw,) = uow.log.at([(row.index, leaf)]).values()
        return _body(label.receipt(row, service.ledger), raw)


@router.get(
    "/{leaf}/bundle",
    summary="Get a label's proof",
    response_class=Response,
    responses={**json_bundle(examples.LABEL_BUNDLE), **responses(Unauthenticated, NotYours, Conflict)},
)
def get_bundle(service: Unclocked, token: Token, leaf: Leaf, anchored: bool = False) -> Response:
    """Everything that proves one label; for its worker, the requester and the campaign's auditors.

    With `anchored`, under a head that is on the chain for good, so that the label can be redeemed from the
    escrow; without its judgement where that is not on the chain yet.
    """
    with service.store.look() as uow:
        address, asked = ask_label(uow.connection, token, leaf)
        if address is None:  # looked up each time, so that a session ends at once
            raise Unauthenticated(ENDED)
        if asked is None:
            raise NotYours(_NO_LABEL)
        _check_readable(uow, address, asked.row)
        campaign = service.published.of(uow, service.ledger, asked.row.campaign)
        prover = Prover(uow, service.ledger, campaign, asked.heads)
        made = (prover.anchored_label if anchored else prover.label)(asked.row, asked.around)
    return Response(made, media_type=BUNDLE)


def _check_readable(uow: UnitOfWork, caller: str, row: LabelRow) -> None:
    if row.worker != caller and not uow.campaigns.may_audit(row.campaign, caller):
        raise NotYours(_NO_LABEL)


def _body(signed: SignedReceipt, raw: bytes) -> ReceiptBody:
    return ReceiptBody(
        leaf=signed.receipt.leaf,
        index=signed.receipt.index,
        deadline=signed.receipt.deadline,
        operator=signed.operator,
        signature=signed.signature,
        entry=raw,
    )
