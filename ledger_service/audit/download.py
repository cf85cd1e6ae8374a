"""Saving what an audit needs into a folder, so that it can be repeated without the service."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from ledger_service.audit.source import (
    BUNDLE_KINDS,
    MAX_LOG_SIZE,
    LogSource,
    campaign_id_of,
    tile_widths,
)
from ledger_service.commitments import Json, canonical
from ledger_service.errors import BadInput, VerificationError
from ledger_service.log import tiles
from ledger_service.log.checkpoint import Checkpoint, read_unverified

Progress = Callable[[str, int, int], None]
"""(stage, done, total) of a long piece of work."""


def silent(stage: str, done: int, total: int) -> None:
    """A progress callback that shows nothing."""


def download(
    source: LogSource, folder: Path, *, bundles: bool = True, progress: Progress = silent
) -> Checkpoint:
    """Save the log, the campaigns and, where the source gives them, openings and bundles.

    Each file is written beside its name and then moved there, so none is ever half there. The checkpoint
    comes last: a folder with a checkpoint is complete. Full entry bundles that are there already are kept,
    since they never change.

    Returns:
        the head that was saved; its signature has not been checked.
    Raises:
        BadInput: the source sends what no log is, or the folder holds another log.
        Unavailable: the source does not answer.
    """
    text = source.checkpoint()
    head = _head(text)
    _refuse_other_log(folder, head)
    _save(folder / "info.json", [canonical(source.info())])
    _save_tiles(source, folder, head.size, progress)
    campaigns = source.campaigns()
    _save(folder / "campaigns.json", [json.dumps({"campaigns": campaigns, "next": None}).encode()])
    for done, campaign in enumerate(campaigns):
        progress("openings", done, len(campaigns))
        _save_campaign(source, folder, campaign, bundles)
    progress("openings", len(campaigns), len(campaigns))
    _save(folder / "checkpoint", [text.encode()])
    return head


def _head(text: str) -> Checkpoint:
    try:
        head = read_unverified(text)
    except VerificationError as error:
        raise BadInput(str(error)) from error
    if head.size > MAX_LOG_SIZE:
        raise BadInput(f"a log of {head.size} entries is larger than this reads")
    return head


def _refuse_other_log(folder: Path, head: Checkpoint) -> None:
    there = folder / "checkpoint"
    if there.is_file():
        found = _head(there.read_text())
        if found.origin != head.origin or found.size > head.size:
            raise BadInput(f"{folder} holds {found.size} entries of {found.origin}: choose another folder")


def _save_tiles(source: LogSource, folder: Path, size: int, progress: Progress) -> None:
    for index, width in tile_widths(size):
        path = folder / tiles.entries_path(index, width)
        progress("entries", index * tiles.WIDTH, size)
        if not path.is_file():
            _save(path, [source.entries(index, width)])
    progress("entries", size, size)


def _save_campaign(source: LogSource, folder: Path, campaign: dict[str, Json], bundles: bool) -> None:
    name = campaign_id_of(campaign)
    openings = source.openings(name)
    if openings is not None:
        _save(folder / "openings" / f"0x{name.hex()}.ndjson", (canonical(line) + b"\n" for line in openings))
    for kind in BUNDLE_KINDS if bundles else ():
        lines = source.bundles(name, kind)
        if lines is not None:
            path = folder / "bundles" / f"0x{name.hex()}.{kind}.ndjson"
            _save(path, (line + b"\n" for line in lines))


def _save(path: Path, parts: Iterable[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    with beside.open("wb") as file:
        for part in parts:
            file.write(part)
        file.flush()
        os.fsync(file.fileno())
    # Crash before this line: the old file, or none, and a `.new` that the next download overwrites.
    os.replace(beside, path)
