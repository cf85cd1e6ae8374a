"""A plain C2SP log, with no service like ours around it; and what a mirror of it should hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from ledger_service.audit.source import DirSource
from ledger_service.commitments import Json
from ledger_service.errors import NotYours
from ledger_service.log.follow import Follower
from tests.log.memory_log import KEY, MemoryLog, entry


class PlainLog(MemoryLog):
    """Checkpoint, tiles and entries, and nothing else."""

    def info(self) -> NoReturn:
        raise NotYours("no service here")

    def campaigns(self) -> list[dict[str, Json]]:
        raise NotYours("no service here")

    def openings(self, campaign: bytes) -> Iterator[Json] | None:
        raise NotYours("no service here")

    def bundles(self, campaign: bytes, kind: str) -> Iterator[bytes] | None:
        raise NotYours("no service here")

    def state(self) -> Iterator[bytes] | None:
        raise NotYours("no service here")

    def grow(self, size: int) -> None:
        """Append entries until there are so many."""
        self.entries_there += [entry(index) for index in range(len(self.entries_there), size)]


def plain_log(size: int) -> PlainLog:
    """A log of the first `size` entries."""
    return PlainLog([entry(index) for index in range(size)])


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a mirror that others read, by name."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def logged(folder: Path) -> dict[str, bytes]:
    """As `contents`, without what partial tiles of earlier sizes are still there."""
    return {name: raw for name, raw in contents(folder).items() if ".p/" not in name}


def assert_whole(folder: Path, size: int) -> None:
    """Everything in the folder is proved, from the folder alone."""
    follower = Follower(DirSource(folder), KEY.verifier)
    head, _ = follower.head()
    assert head.size == size
    assert [raw for _, raw in follower.entries(head, 0, size)] == [entry(index) for index in range(size)]
