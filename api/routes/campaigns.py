"""Campaigns: terms, items and gold answers in; state out."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from api import examples
from api.auth import Caller
from api.campaign_body import CampaignBody, campaign_body
from api.dependencies import CampaignId, Running
from api.models import Body, Bytes32, Money, OpeningBody, Position, Seconds, Signature, shown
from api.problems import responses
from ledger_service.errors import BadInput, BadSignature, Conflict, NotYours, Unauthenticated
from ledger_service.flow import hold, publish, repost
from ledger_service.terms import Terms

router = APIRouter(prefix="/v1/campaigns", tags=["campaigns"])
BATCH = 500


class Draft(Body):
    """Terms, specification, and the requester's signature on the EIP-712 `Campaign` entry they give."""

    model_config = shown(examples.DRAFT)

    terms: dict[str, Any]
    specification: dict[str, Any]
    created_at: Seconds
    signature: Signature


class Drafted(Body):
    """The campaign's id, and the most that it can cost with the fee: what has to be deposited."""

    model_config = shown(examples.DRAFTED)

    campaign: Bytes32
    state: str
    budget: Money


class ItemBody(OpeningBody):
    """One item at its position; its id is the commitment of its content."""

    position: Annotated[int, Field(ge=0, lt=1 << 40)]


class ItemsBody(Body):
    """A batch of items."""

    model_config = shown(examples.ITEMS)

    items: Annotated[list[ItemBody], Field(min_length=1, max_length=BATCH)]


class GoldBody(OpeningBody):
    """The known answer of one item; its commitment stands in the gold root."""

    item: Bytes32


class GoldsBody(Body):
    """A batch of gold answers."""

    model_config = shown(examples.GOLD)

    gold: Annotated[list[GoldBody], Field(min_length=1, max_length=BATCH)]


class Received(Body):
    """How many are here now."""

    model_config = shown(examples.RECEIVED)

    received: int


class Published(Body):
    """The Campaign entry's place in the log."""

    model_config = shown(examples.PUBLISHED)

    campaign: Bytes32
    state: str
    leaf: Bytes32
    index: int


class CampaignPage(Body):
    """Published campaigns, oldest first; `next` is what to pass as `after`, null at the end."""

    model_config = shown(examples.CAMPAIGN_PAGE)

    campaigns: list[CampaignBody]
    next: int | None


class ShownItem(Body):
    """An item with its opening."""

    position: int
    item: Bytes32
    content: dict[str, str]
    salt: Bytes32


class ItemPage(Body):
    """Items in order of position."""

    model_config = shown(examples.ITEM_PAGE)

    items: list[ShownItem]
    next: int | None


@router.post(
    "",
    status_code=201,
    summary="Begin a campaign",
    responses=responses(Unauthenticated, BadInput, BadSignature),
)
def post_campaign(service: Running, caller: Caller, body: Draft) -> Drafted:
    """Sent again, it is the same one. Items and gold answers follow, then publish."""
    with service.store.begin() as uow:
        row = publish.draft(
            uow,
            service.ledger,
            caller,
            Terms.from_json(body.terms),
            body.specification,
            body.created_at,
            body.signature,
        )
    return Drafted(campaign=row.campaign, state=row.state, budget=row.budget)


@router.put(
    "/{campaign}/items",
    summary="Hand in items",
    responses=responses(Unauthenticated, NotYours, BadInput, Conflict),
)
def put_items(service: Running, caller: Caller, campaign: CampaignId, body: ItemsBody) -> Received:
    """At most 500 at a time; sent again, it replaces those positions."""
    items = [publish.Item(one.position, one.opening()) for one in body.items]
    with service.store.begin() as uow:
        return Received(received=publish.put_items(uow, caller, campaign, items))


@router.put(
    "/{campaign}/gold",
    summary="Hand in gold answers",
    responses=responses(Unauthenticated, NotYours, BadInput, Conflict),
)
def put_gold(service: Running, caller: Caller, campaign: CampaignId, body: GoldsBody) -> Received:
    """At most 500 at a time; nobody but you and your auditors ever sees which items they are."""
    gold = [publish.GoldAnswer(one.item, one.opening()) for one in body.gold]
    with service.store.begin() as uow:
        return Received(received=publish.put_gold(uow, caller, campaign, gold))


@router.delete(
    "/{campaign}/gold",
    status_code=204,
    summary="Take gold answers back",
    responses=responses(Unauthenticated, NotYours, Conflict),
)
def delete_gold(service: Running, caller: Caller, campaign: CampaignId) -> Response:
    """Forget the gold answers of a draft, to send other ones."""
    with service.store.begin() as uow:
        publish.clear_gold(uow, caller, campaign)
    return Response(status_code=204)


@router.post(
    "/{campaign}/publish",
    summary="Publish a campaign",
    responses=responses(Unauthenticated, NotYours, Conflict),
)
def post_publish(service: Running, caller: Caller, campaign: CampaignId) -> Published:
    """Fix items and gold answers: their roots are checked and your signed entry goes into the log."""
    with service.store.begin() as uow:
        row = publish.publish(uow, service.ledger, caller, campaign)
    if row.leaf is None or row.index is None:
        raise Conflict("the campaign is not published")
    return Published(campaign=row.campaign, state=row.state, leaf=row.leaf, index=row.index)


@router.post(
    "/{campaign}/close",
    summary="End labelling early",
    responses=responses(Unauthenticated, NotYours, Conflict),
)
def post_close(service: Running, caller: Caller, campaign: CampaignId) -> CampaignBody:
    """Assign nothing more; labelling ends when what is assigned has been answered or is overdue."""
    with service.store.begin() as uow:
        row = uow.campaigns.get(campaign, lock=True)
        if row.requester != caller:
            raise NotYours("there is no such campaign")
        if row.state not in ("published", "open"):
            raise Conflict("labelling is over, or has not begun")
        uow.campaigns.change(campaign, closing=True)
        return campaign_body(uow, service, uow.campaigns.get(campaign))


@router.post(
    "/{campaign}/repost",
    summary="Post a void payroll anew",
    responses=responses(Unauthenticated, NotYours, Conflict),
)
def post_repost(service: Running, caller: Caller, campaign: CampaignId) -> CampaignBody:
    """For the operator alone, until the deadline: what is owed is computed again and posted once more."""
    if caller != service.ledger.operator.address:
        raise NotYours("there is no such campaign")
    with service.store.begin() as uow:
        repost.repost(uow, service.ledger, campaign)
        return campaign_body(uow, service, uow.campaigns.get(campaign))


@router.post(
    "/{campaign}/release",
    summary="Settle a held campaign",
    responses=responses(Unauthenticated, NotYours, Conflict),
)
def post_release(service: Running, caller: Caller, campaign: CampaignId) -> CampaignBody:
    """For the operator alone, by its own decision; audits go on saying what the crowd is suspected of."""
    if caller != service.ledger.operator.address:
        raise NotYours("there is no such campaign")
    with service.store.begin() as uow:
        hold.release(uow, service.ledger, campaign)
        return campaign_body(uow, service, uow.campaigns.get(campaign))


@router.put(
    "/{campaign}/auditors/{address}",
    status_code=204,
    summary="Name an auditor",
    responses=responses(Unauthenticated, NotYours),
)
def put_auditor(
    service: Running,
    caller: Caller,
    campaign: CampaignId,
    address: Annotated[str, Path(pattern="^0x[0-9a-f]{40}$", examples=[examples.AUDITOR])],
) -> Response:
    """Let somebody read answers, verdicts and statements of this campaign."""
    with service.store.begin() as uow:
        if uow.campaigns.get(campaign).requester != caller:
            raise NotYours("there is no such campaign")
        uow.campaigns.add_auditor(campaign, address)
    return Response(status_code=204)


@router.get("", summary="List campaigns")
def get_campaigns(
    service: Running,
    after: Position = 0,
    limit: Annotated[int, Query(ge=1, le=20)] = 20,
    brief: Annotated[
        Bytes32 | None, Query(description="Only those of the specification with this digest")
    ] = None,
) -> CampaignPage:
    """All that were published, oldest first; with `brief`, all campaigns that share that specification."""
    with service.store.begin() as uow:
        rows = uow.campaigns.page(after, limit, brief)
        bodies = [campaign_body(uow, service, row) for row in rows]
    return CampaignPage(campaigns=bodies, next=rows[-1].number if len(rows) == limit else None)


@router.get("/{campaign}", summary="Look at a campaign", responses=responses(NotYours))
def get_campaign(service: Running, campaign: CampaignId) -> CampaignBody:
    """A published campaign: its terms and how far it is."""
    with service.store.begin() as uow:
        row = uow.campaigns.get(campaign)
        if row.state == "draft":
            raise NotYours("there is no such campaign")
        return campaign_body(uow, service, row)


@router.get(
    "/{campaign}/items", summary="Get a campaign's items", responses=responses(Unauthenticated, NotYours)
)
def get_items(
    service: Running,
    caller: Caller,
    campaign: CampaignId,
    after: Position = -1,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> ItemPage:
    """Items with their content and salts; for the requester and the campaign's auditors."""
    with service.store.begin() as uow:
        if not uow.campaigns.may_audit(campaign, caller):
            raise NotYours("there is no such campaign")
        requester = uow.campaigns.get(campaign).requester
        rows = uow.items.page(campaign, after, limit)
        shown = [(row, uow.vault.open(requester, row.opening, row.item)) for row in rows]
    items = [
        ShownItem(position=row.position, item=row.item, content=opened.content, salt=opened.salt)
        for row, opened in shown
    ]
    return ItemPage(items=items, next=rows[-1].position if len(rows) == limit else None)
