"""Workers: profile, session grants, offers and tasks."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from api import examples
from api.auth import Caller, Token
from api.dependencies import CampaignId, Running
from api.models import Address, Body, Bytes32, Seconds, Signature, shown
from api.problems import responses
from ledger_service.errors import (
    BadInput,
    BadSignature,
    Conflict,
    NotYours,
    Overloaded,
    Unauthenticated,
)
from ledger_service.flow import enrol
from ledger_service.flow.sequencer import Enrolment
from ledger_service.store.workers import WorkerRow

router = APIRouter(prefix="/v1", tags=["workers"])

Word = Annotated[str, Field(min_length=1, max_length=100)]


class Profile(Body):
    """What a worker says of itself. `capacity`: the most labels it takes in one campaign."""

    model_config = shown(examples.PROFILE)

    skills: Annotated[list[Word], Field(max_length=50)]
    languages: Annotated[list[Word], Field(max_length=50)]
    capacity: Annotated[int, Field(ge=1, le=1_000_000)]


class Grant(Body):
    """A signed `SessionGrant`: the caller lets `session_key` sign labels. `scope` zero is any campaign."""

    model_config = shown(examples.GRANT)

    session_key: Address
    scope: Bytes32
    valid_from: Seconds
    valid_until: Seconds
    signature: Signature


class Enrolled(Body):
    """The grant's place in the log, and a signed head of the log that includes it."""

    model_config = shown(examples.ENROLLED)

    leaf: Bytes32
    index: int
    checkpoint: str


class Offer(Body):
    """The items that a worker is willing to take; null for any."""

    model_config = shown(examples.OFFER_ANY, examples.OFFER_SOME)

    items: Annotated[list[Bytes32], Field(max_length=100_000)] | None


class Offered(Body):
    """How many items the offer covers."""

    model_config = shown(examples.OFFERED)

    offers: int


class Task(Body):
    """One assigned item. `content` has `text`, or `image` as a data URL, or both."""

    assignment: Bytes32
    campaign: Bytes32
    item: Bytes32
    content: dict[str, str]
    assigned_at: int
    due_at: int


class Tasks(Body):
    """The caller's open tasks, oldest first."""

    model_config = shown(examples.TASKS)

    tasks: list[Task]


@router.put("/workers/me", summary="Say what you can do", responses=responses(Unauthenticated))
def put_profile(service: Running, caller: Caller, body: Profile) -> Profile:
    """Skills and languages decide which campaigns fit; sent again, it replaces what was said."""
    with service.store.begin() as uow:
        enrol.profile(uow, WorkerRow(caller, body.skills, body.languages, body.capacity))
    return body


@router.post(
    "/grants",
    status_code=201,
    summary="Let a session key sign for you",
    responses=responses(Unauthenticated, BadInput, BadSignature, Overloaded),
)
async def post_grant(service: Running, token: Token, body: Grant) -> Enrolled:
    """Put a session grant into the log; sent again, it is the same entry."""
    given = Enrolment(
        token=token,
        session_key=body.session_key,
        scope=body.scope,
        valid_from=body.valid_from,
        valid_until=body.valid_until,
        signature=body.signature,
    )
    done = await asyncio.wrap_future(service.sequencer.enrol(given))
    return Enrolled(leaf=done.row.leaf, index=done.row.index, checkpoint=done.checkpoint)


@router.put(
    "/campaigns/{campaign}/offers",
    summary="Join a campaign",
    responses=responses(Unauthenticated, NotYours, BadInput, Conflict),
)
def put_offer(service: Running, caller: Caller, campaign: CampaignId, body: Offer) -> Offered:
    """Offer to take any of its items, or some; sent again, it replaces the offer."""
    with service.store.begin() as uow:
        return Offered(offers=enrol.offer(uow, service.ledger, caller, campaign, body.items))


@router.get("/tasks", summary="Get your open tasks", responses=responses(Unauthenticated))
def get_tasks(service: Running, caller: Caller, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> Tasks:
    """What is assigned to you and not answered yet."""
    with service.store.begin() as uow:
        rows = uow.assignments.open_of(caller, service.ledger.clock.now(), limit)
        shown = {}
        for campaign in {row.campaign for row in rows}:
            requester = uow.campaigns.get(campaign).requester
            wanted = [row.item for row in rows if row.campaign == campaign]
            for item, found in uow.items.find(campaign, wanted).items():
                shown[campaign, item] = uow.vault.open(requester, found.opening, item).content
    return Tasks(
        tasks=[
            Task(
                assignment=row.leaf,
                campaign=row.campaign,
                item=row.item,
                content=shown[row.campaign, row.item],
                assigned_at=row.assigned_at,
                due_at=row.due_at,
            )
            for row in rows
        ]
    )
