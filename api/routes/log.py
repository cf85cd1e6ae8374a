"""The log as C2SP tlog-tiles: checkpoint, tiles and entry bundles; public."""

from __future__ import annotations

import gzip
import re
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Response

from api import examples
from api.dependencies import Unclocked
from api.problems import responses
from ledger_service.errors import BadInput, NotYours
from ledger_service.log import tiles

router = APIRouter(tags=["log"])
TEXT = "text/plain; charset=utf-8"
OCTETS = "application/octet-stream"
MAX_TILE_INDEX = 1 << 40  # beyond any log, within any column
IMMUTABLE = "public, max-age=31536000, immutable"
ANYWHERE = {"Access-Control-Allow-Origin": "*"}  # the log is public: pages of others may read it, too
_GZIP_LEVEL = 3
_REFUSED = re.compile(r"q\s*=\s*0(\.0{0,3})?")
_CHECKPOINT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A C2SP signed note: origin, size, root, the log's signature, and its witnesses'",
        "content": {TEXT: {"schema": {"type": "string"}, "example": examples.CHECKPOINT}},
    }
}
_TILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Hashes of 32 bytes one after another, or entries, each after its length (2 bytes)",
        "content": {OCTETS: {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.get(
    "/checkpoint", summary="Get the newest signed head", response_class=Response, responses=_CHECKPOINT
)
def checkpoint(service: Unclocked) -> Response:
    """Size and root of the log, signed by it (C2SP tlog-checkpoint), cosigned by its witnesses where it has
    any (C2SP tlog-cosignature)."""
    with service.store.look() as uow:
        head = uow.log.published()
    return Response(head.checkpoint, media_type=TEXT, headers={"Cache-Control": "no-cache", **ANYWHERE})


@router.get(
    "/tile/{path:path}",
    summary="Get a tile of the log",
    response_class=Response,
    responses={**_TILE, **responses(NotYours)},
)
def tile(
    service: Unclocked,
    path: Annotated[str, Path(examples=[examples.TILE])],
    accept_encoding: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """A Merkle tile `<L>/<N>[.p/<W>]` or an entry bundle `entries/<N>[.p/<W>]` (C2SP tlog-tiles)."""
    try:
        level, index, width = tiles.parse_path(f"tile/{path}")
    except BadInput as error:
        raise NotYours("the log has no such tile") from error
    if index >= MAX_TILE_INDEX:
        raise NotYours("the log has no such tile")
    headers = {"Cache-Control": IMMUTABLE, **ANYWHERE}
    with service.store.look() as uow:
        if level is not None:  # hashes do not compress
            return Response(uow.log.tile(level, index, width), media_type=OCTETS, headers=headers)
        found = uow.log.entries(index * tiles.WIDTH, width)
    raw = tiles.encode_bundle(found)
    headers["Vary"] = "Accept-Encoding"
    if _takes_gzip(accept_encoding):
        raw, headers["Content-Encoding"] = gzip.compress(raw, _GZIP_LEVEL, mtime=0), "gzip"
    return Response(raw, media_type=OCTETS, headers=headers)


def _takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding names gzip (RFC 9110, 12.5.3), and not to refuse it."""
    for one in accepted.lower().split(","):
        name, *parameters = (part.strip() for part in one.split(";"))
        if name in ("gzip", "x-gzip"):
            return not any(_REFUSED.fullmatch(parameter) for parameter in parameters)
    return False
