"""For the operator alone: what its service knows beside the log, so that it can be built again elsewhere."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.auth import Caller
from api.dependencies import Running
from api.models import Position
from api.problems import responses
from api.routes.audits import lines, lines_of
from ledger_service import commitments
from ledger_service.errors import NotYours, Unauthenticated
from ledger_service.flow import service_state

router = APIRouter(prefix="/v1/operator", tags=["audit"])
_EXAMPLE = (
    '{"kind":"worker","capacity":100,"languages":["en"],"skills":["digits"],'
    '"worker":"0x1563915e194d8cfba1943570603f7606a3115508"}\n{"kind":"end"}\n'
)


@router.get(
    "/state",
    summary="Get what no entry has",
    response_class=Response,
    responses={**lines_of(_EXAMPLE), **responses(Unauthenticated, NotYours)},
)
def get_state(
    service: Running,
    caller: Caller,
    after: Position = -1,
    limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
) -> Response:
    """The service's own rows, one a line: with the log and all openings, enough for `crowdledger restore`."""
    if caller != service.ledger.operator.address:
        raise NotYours("there is nothing here")
    with service.store.begin() as uow:
        found = service_state.page(uow, service.ledger, after, limit)
    made = [commitments.canonical(line) for _, line in found]
    return lines(made, [number for number, _ in found], limit)
