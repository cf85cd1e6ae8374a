"""For the requester, the auditors it named and the operator: bundles, openings and results of a campaign."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from api import examples
from api.auth import Caller
from api.dependencies import CampaignId, Running
from api.models import Body, Bytes32, Position, shown
from api.problems import responses
from ledger_service import commitments, entries
from ledger_service.errors import Corrupt, NotYours, Unauthenticated
from ledger_service.flow import openings
from ledger_service.flow.prove import Prover
from ledger_service.service import Service
from ledger_service.store.campaigns import CampaignRow
from ledger_service.store.judgements import TruthRow
from ledger_service.store.store import UnitOfWork

router = APIRouter(prefix="/v1/campaigns/{campaign}", tags=["audit"])
NDJSON = "application/x-ndjson"
NEXT = "Crowdledger-Next"
Limit = Annotated[int, Query(ge=1, le=1000)]


class Result(Body):
    """The inferred answer of one item."""

    position: int
    item: Bytes32
    label: str
    confidence_ppm: int


class ResultPage(Body):
    """Inferred answers in order of position; `next` is what to pass as `after`, null at the end."""

    model_config = shown(examples.RESULT_PAGE)

    results: list[Result]
    next: int | None


def lines_of(example: str) -> dict[int | str, dict[str, Any]]:
    """The answer of a route that gives such lines, for the API's documentation."""
    content = {"schema": {"type": "string"}, "example": example}
    header = {"description": "While more may follow: pass it as `after`", "schema": {"type": "string"}}
    described = {
        "description": "One JSON value a line",
        "headers": {NEXT: header},
        "content": {NDJSON: content},
    }
    return {200: described}


@router.get(
    "/bundles",
    summary="Get proofs of labels or payments",
    response_class=Response,
    responses={**lines_of(examples.BUNDLE_LINES), **responses(Unauthenticated, NotYours)},
)
def get_bundles(
    service: Running,
    caller: Caller,
    campaign: CampaignId,
    kind: Literal["label", "payment"] = "label",
    after: Position = -1,
    limit: Limit = 200,
) -> Response:
    """Bundles in log order, one a line, each for `crowdledger verify`."""
    with service.store.begin() as uow:
        row = _audited(service, uow, campaign, caller)
        prover = Prover(uow, service.ledger, row)
        if kind == "label":
            labels = uow.labels.page(campaign, after, limit)
            made, indices = prover.labels(labels), [label.index for label in labels]
        else:
            payouts = uow.payouts.page(campaign, after, limit)
            made, indices = prover.payments(payouts), [one.index for one in payouts]
    return lines(made, indices, limit)


@router.get(
    "/openings",
    summary="Get what the entries commit to",
    response_class=Response,
    responses={**lines_of(examples.OPENING_LINES), **responses(Unauthenticated, NotYours)},
)
def get_openings(
    service: Running, caller: Caller, campaign: CampaignId, after: Position = -1, limit: Limit = 1000
) -> Response:
    """Contents and salts in log order, one entry a line."""
    with service.store.begin() as uow:
        found = openings.page(uow, service.ledger, _audited(service, uow, campaign, caller), after, limit)
    made = [commitments.canonical(line.to_json()) for line in found]
    return lines(made, [line.index for line in found], limit)


@router.get("/results", summary="Get the dataset", responses=responses(Unauthenticated, NotYours))
def get_results(
    service: Running,
    caller: Caller,
    campaign: CampaignId,
    after: Position = -1,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> ResultPage:
    """The inferred answer of every item, with its confidence."""
    with service.store.begin() as uow:
        row = _audited(service, uow, campaign, caller)
        found = uow.judgements.results(campaign, after, limit)
        raw = uow.log.at((truth.index, truth.leaf) for _, truth in found)
        results = [
            Result(
                position=position,
                item=truth.item,
                label=_label(uow, row, truth, raw[truth.index]),
                confidence_ppm=truth.confidence,
            )
            for position, truth in found
        ]
    return ResultPage(results=results, next=found[-1][0] if len(found) == limit else None)


def _label(uow: UnitOfWork, campaign: CampaignRow, truth: TruthRow, raw: bytes) -> str:
    struct = entries.decode(raw).struct
    if not isinstance(struct, entries.Truth):
        raise Corrupt(f"entry {truth.index} is no truth")
    return str(uow.vault.open(campaign.requester, truth.opening, struct.answer).content["label"])


def _audited(service: Service, uow: UnitOfWork, campaign: bytes, caller: str) -> CampaignRow:
    """The campaign, for its requester, whom that has named, and the operator: its service holds the key that
    all content is encrypted under, and its copy is what a service can be built from again."""
    row = uow.campaigns.get(campaign)
    operator = caller == service.ledger.operator.address and row.state != "draft"
    if not operator and not uow.campaigns.may_audit(campaign, caller):
        raise NotYours("there is no such campaign")
    return row


def lines(made: Sequence[bytes], indices: Sequence[int], limit: int) -> Response:
    """A page of lines; where more may follow it says after which number."""
    headers = {NEXT: str(indices[-1])} if len(indices) == limit else {}
    return Response(b"".join(line + b"\n" for line in made), media_type=NDJSON, headers=headers)
