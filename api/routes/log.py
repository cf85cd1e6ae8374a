"""The log as C2SP tlog-tiles: checkpoint, tiles and entry bundles; public."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from api import examples
from api.dependencies import Running
from api.problems import responses
from ledger_service.errors import BadInput, NotYours
from ledger_service.log import tiles

router = APIRouter(tags=["log"])
TEXT = "text/plain; charset=utf-8"
OCTETS = "application/octet-stream"
MAX_TILE_INDEX = 1 << 40  # beyond any log, within any column
IMMUTABLE = "public, max-age=31536000, immutable"
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
def checkpoint(service: Running) -> Response:
    """Size and root of the log, signed by it (C2SP tlog-checkpoint), cosigned by its witnesses where it has
    any (C2SP tlog-cosignature)."""
    with service.store.begin() as uow:
        head = uow.log.published()
    return Response(head.checkpoint, media_type=TEXT, headers={"Cache-Control": "no-cache"})


@router.get(
    "/tile/{path:path}",
    summary="Get a tile of the log",
    response_class=Response,
    responses={**_TILE, **responses(NotYours)},
)
def tile(service: Running, path: Annotated[str, Path(examples=[examples.TILE])]) -> Response:
    """A Merkle tile `<L>/<N>[.p/<W>]` or an entry bundle `entries/<N>[.p/<W>]` (C2SP tlog-tiles)."""
    try:
        level, index, width = tiles.parse_path(f"tile/{path}")
    except BadInput as error:
        raise NotYours("the log has no such tile") from error
    if index >= MAX_TILE_INDEX:
        raise NotYours("the log has no such tile")
    with service.store.begin() as uow:
        if level is None:
            raw = tiles.encode_bundle(uow.log.entries(index * tiles.WIDTH, width))
        else:
            raw = uow.log.tile(level, index, width)
    return Response(raw, media_type=OCTETS, headers={"Cache-Control": IMMUTABLE})
