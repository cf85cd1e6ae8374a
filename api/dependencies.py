"""What routes are given: the service, and a campaign's id from the path."""

from __future__ import annotations

import re
from typing import Annotated, cast

from fastapi import Depends, Path, Request
from fastapi.concurrency import run_in_threadpool

from api import examples
from ledger_service.errors import NotYours
from ledger_service.service import Service

_ID = re.compile(r"0x[0-9a-f]{64}", re.ASCII)


async def service(request: Request) -> Service:
    """The service behind the application."""
    running = cast(Service, request.app.state.service)
    if running.clock_is_stale:
        await run_in_threadpool(running.refresh_clock)
    return running


async def unclocked(request: Request) -> Service:
    """The service behind the application, for what does not depend on the ledger's time."""
    return cast(Service, request.app.state.service)


def _id(text: str) -> bytes:
    if not _ID.fullmatch(text):
        raise NotYours("there is nothing by this name")
    return bytes.fromhex(text[2:])


async def campaign_id(campaign: Annotated[str, Path(examples=[examples.CAMPAIGN_ID])]) -> bytes:
    """A campaign's id: 32 bytes of hex in the path."""
    return _id(campaign)


async def leaf_hash(leaf: Annotated[str, Path(examples=[examples.LABEL_LEAF])]) -> bytes:
    """A leaf hash: 32 bytes of hex in the path."""
    return _id(leaf)


Running = Annotated[Service, Depends(service)]
Unclocked = Annotated[Service, Depends(unclocked)]
CampaignId = Annotated[bytes, Depends(campaign_id)]
Leaf = Annotated[bytes, Depends(leaf_hash)]
