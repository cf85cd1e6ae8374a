"""Where an audit reads from: a service over HTTP, or a folder that was saved from one.

Both give the same things, none of them trusted: the checkpoint, tiles and entry bundles (C2SP tlog-tiles),
what the service says about itself, the campaigns it lists, and, for whoever may see them, the openings of a
campaign's commitments and the bundles for its workers.

A saved folder:

    checkpoint                          signed note
    tile/<L>/<N>[.p/W]                  hash tiles
    tile/entries/<N>[.p/W]              entry bundles
    info.json                           GET /v1/info
    campaigns.json                      {"campaigns": [...]}: every page of GET /v1/campaigns
    openings/<campaign>.ndjson          GET /v1/campaigns/{id}/openings, all pages
    bundles/<campaign>.<kind>.ndjson    GET /v1/campaigns/{id}/bundles, all pages
    service.ndjson                      GET /v1/operator/state, all pages
    log-key                             the log's verifier key, as the folder's owner first accepted it
    checkpoint.next                     the head of a mirroring that has not come to its end
    evidence/                           heads of the log that do not belong together
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from ledger_service.audit.reading import as_bytes, as_list, as_object, member, parse_json
from ledger_service.commitments import Json
from ledger_service.errors import BadInput, NotYours, TooLarge
from ledger_service.log import tiles
from ledger_service.log.checkpoint import MAX_NOTE_BYTES
from ledger_service.log.hashing import HASH_BYTES

MAX_TILE_BYTES = tiles.WIDTH * (tiles.MAX_ENTRY_BYTES + 2)
MAX_HASHES_BYTES = tiles.WIDTH * HASH_BYTES
MAX_JSON_BYTES = 64 << 20
MAX_LINE_BYTES = 32 << 20
MAX_LOG_SIZE = 1 << 32
BUNDLE_KINDS = ("label", "payment")


class LogSource(Protocol):
    """What an audit reads. Every method raises `BadInput` for what has the wrong form or size, and
    `Unavailable` when the source does not answer."""

    name: str

    def checkpoint(self) -> str:
        """The signed note."""
        ...

    def tile(self, level: int, index: int, width: int) -> bytes:
        """A hash tile, with `width` (1 to 256) hashes of 32 bytes."""
        ...

    def entries(self, index: int, width: int) -> bytes:
        """Entry bundle `index`, with `width` (1 to 256) entries."""
        ...

    def info(self) -> dict[str, Json]:
        """What the service says about itself."""
        ...

    def campaigns(self) -> list[dict[str, Json]]:
        """Every campaign it lists."""
        ...

    def openings(self, campaign: bytes) -> Iterator[Json] | None:
        """The openings of a campaign's commitments, in log order; None when this reader may not see them."""
        ...

    def bundles(self, campaign: bytes, kind: str) -> Iterator[bytes] | None:
        """The bundles ("label" or "payment") of a campaign, a line each; None as above."""
        ...

    def state(self) -> Iterator[bytes] | None:
        """What of the service's state is in no entry, a JSON value a line; None for all but its operator."""
        ...


class DirSource:
    """A saved folder. It may come from anybody, so its files are bounded like a server's answers."""

    def __init__(self, folder: Path) -> None:
        if not (folder / "checkpoint").is_file():
            raise BadInput(f"{folder} holds no checkpoint: not a saved log, or the download did not finish")
        self.name = str(folder)
        self._folder = folder

    def checkpoint(self) -> str:
        """The signed note."""
        return decode_text(self._read("checkpoint", MAX_NOTE_BYTES), "the checkpoint")

    def tile(self, level: int, index: int, width: int) -> bytes:
        """A hash tile; a folder that `audit --save` once made has none."""
        return self._read(tiles.tile_path(level, index, width), MAX_HASHES_BYTES)

    def entries(self, index: int, width: int) -> bytes:
        """An entry bundle."""
        return self._read(tiles.entries_path(index, width), MAX_TILE_BYTES)

    def info(self) -> dict[str, Json]:
        """info.json.

        Raises:
            NotYours: the folder is a copy of a log alone, without its service.
        """
        if not (self._folder / "info.json").is_file():
            raise NotYours(f"{self._folder} holds no info.json: a copy of a log without its service")
        return as_object(parse_json(self._read("info.json", MAX_JSON_BYTES), "info.json"), "info.json")

    def campaigns(self) -> list[dict[str, Json]]:
        """campaigns.json; none where there is no such file."""
        if not (self._folder / "campaigns.json").is_file():
            return []
        return campaign_page(self._read("campaigns.json", MAX_JSON_BYTES))[0]

    def openings(self, campaign: bytes) -> Iterator[Json] | None:
        """Lines of openings/<campaign>.ndjson."""
        path = self._folder / "openings" / f"0x{campaign.hex()}.ndjson"
        return (parse_json(line, path.name) for line in _lines(path)) if path.is_file() else None

    def bundles(self, campaign: bytes, kind: str) -> Iterator[bytes] | None:
        """Lines of bundles/<campaign>.<kind>.ndjson."""
        path = self._folder / "bundles" / f"0x{campaign.hex()}.{kind}.ndjson"
        return _lines(path) if path.is_file() else None

    def state(self) -> Iterator[bytes] | None:
        """Lines of service.ndjson."""
        path = self._folder / "service.ndjson"
        return _lines(path) if path.is_file() else None

    def _read(self, name: str, limit: int) -> bytes:
        try:
            with (self._folder / name).open("rb") as file:
                raw = file.read(limit + 1)
        except OSError as error:
            raise BadInput(f"cannot read {name} in {self._folder}: {error.strerror}") from error
        if len(raw) > limit:
            raise TooLarge(f"{name} is larger than {limit} bytes")
        return raw


def campaign_page(raw: bytes) -> tuple[list[dict[str, Json]], Json]:
    """The campaigns of one page, and where the next page starts (None at the end).

    Raises:
        BadInput: not a page of campaigns.
    """
    page = as_object(parse_json(raw, "the list of campaigns"), "the list of campaigns")
    listed = as_list(member(page, "campaigns", "the list of campaigns"), "campaigns")
    return [as_object(campaign, "a campaign") for campaign in listed], page.get("next")


def campaign_id_of(campaign: dict[str, Json]) -> bytes:
    """The id in a campaign as it is listed, 32 bytes. Raises BadInput."""
    return as_bytes(member(campaign, "campaign", "a campaign"), 32, "the id of a campaign")


def tile_widths(size: int) -> Iterator[tuple[int, int]]:
    """(bundle, width) of all entry bundles of a log of `size` entries."""
    full, rest = divmod(size, tiles.WIDTH)
    yield from ((index, tiles.WIDTH) for index in range(full))
    if rest:
        yield full, rest


def decode_text(raw: bytes, what: str) -> str:
    """UTF-8, or BadInput."""
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise BadInput(f"{what} is not UTF-8") from error


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while line := file.readline(MAX_LINE_BYTES + 1):
            if len(line) > MAX_LINE_BYTES:
                raise TooLarge(f"{path.name} has a line of more than {MAX_LINE_BYTES} bytes")
            yield line.rstrip(b"\n")
