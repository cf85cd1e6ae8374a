"""Copying the tiles of a log, each proved before it is written."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ledger_service.audit.progress import Progress
from ledger_service.audit.source import MAX_HASHES_BYTES, MAX_TILE_BYTES
from ledger_service.errors import BadInput, VerificationError
from ledger_service.log import tiles
from ledger_service.log.follow import ProvedTiles, TlogSource, check_bundle, read_bundle
from ledger_service.mirror.folder import NEW, Folder

THREADS = 8  # each holds one entry bundle, at most 16 MiB
_PARTIAL = re.compile(r"[0-9]{3}\.p\Z")
_Job = TypeVar("_Job")


@dataclass(frozen=True, slots=True)
class Tile:
    """One hash tile of a log, with its width at the log's size; one of level 0 has its entries with it."""

    level: int
    index: int
    width: int


@dataclass(slots=True)
class Counts:
    """How many files were fetched, and how many were there already."""

    fetched: int = 0
    kept: int = 0

    def add(self, other: Counts) -> None:
        """Count what another piece of work did."""
        self.fetched += other.fetched
        self.kept += other.kept


class TileCopy:
    """Brings the tiles in a folder up to a head.

    A full tile that lies below `sound` entries was proved by an earlier run that came to its end, and is kept
    unread. Every other file that is there, as a run that broke off leaves it, is proved again, and fetched
    anew where it is not the right one.
    """

    def __init__(
        self, source: TlogSource, folder: Folder, proved: ProvedTiles, size: int, sound: int
    ) -> None:
        self._source, self._folder, self._proved = source, folder, proved
        self._size, self._sound = size, sound

    def run(self, progress: Progress) -> Counts:
        """Copy what is missing, in several threads.

        Raises:
            VerificationError: a tile or an entry is not the one under the head.
            BadInput, Unavailable: from the source.
        """
        counts, done, total = Counts(), 0, -(-self._size // tiles.WIDTH)
        for tile, copied in in_parallel(self._copy, tiles_of(self._size)):
            counts.add(copied)
            done += tile.level == 0
            progress("tiles", done, total)
        return counts

    def _copy(self, tile: Tile) -> Counts:
        if tile.level:
            return self._copy_hashes(tile)
        counts = self._copy_hashes(tile)
        counts.add(self._copy_entries(tile))
        return counts

    def _copy_hashes(self, tile: Tile) -> Counts:
        path = tiles.tile_path(tile.level, tile.index, tile.width)
        if self._is_sound(tile, path):
            return Counts(kept=1)
        if tile.width == tiles.WIDTH:
            there = self._folder.read(path, MAX_HASHES_BYTES)
            if there is not None and self._proved.offer(tile.level, tile.index, there):
                return Counts(kept=1)
        self._folder.write(path, [self._proved.read(tile.level, tile.index, tile.width)])
        return Counts(fetched=1)

    def _copy_entries(self, tile: Tile) -> Counts:
        path = tiles.entries_path(tile.index, tile.width)
        if self._is_sound(tile, path):
            return Counts(kept=1)
        hashes = self._proved.read(0, tile.index, tile.width)
        there = self._folder.read(path, MAX_TILE_BYTES)
        if there is not None and _is_bundle(there, tile.index, hashes):
            return Counts(kept=1)
        raw, _ = read_bundle(self._source, tile.index, tile.width, hashes)
        self._folder.write(path, [raw])
        return Counts(fetched=1)

    def _is_sound(self, tile: Tile, path: str) -> bool:
        end = (tile.index + 1) << tiles.HEIGHT * (tile.level + 1)
        return tile.width == tiles.WIDTH and end <= self._sound and self._folder.has(path)


def tiles_of(size: int) -> Iterator[Tile]:
    """All tiles of a log, the highest level first: each is proved by one before it."""
    levels = [level for level in range(tiles.MAX_LEVEL) if size >> tiles.HEIGHT * level]
    for level in reversed(levels):
        for index in range(-(-(size >> tiles.HEIGHT * level) // tiles.WIDTH)):
            yield Tile(level, index, tiles.tile_width(level, index, size))


def in_parallel(
    work: Callable[[_Job], Counts], jobs: Iterable[_Job], threads: int = THREADS
) -> Iterator[tuple[_Job, Counts]]:
    """Do jobs in some threads, a bounded number at a time; the results in the jobs' order.

    The first error ends it: what has not begun is dropped, what has begun is waited for.
    """
    waiting: deque[tuple[_Job, Future[Counts]]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for job in jobs:
            waiting.append((job, pool.submit(work, job)))
            if len(waiting) == 4 * threads:
                done, future = waiting.popleft()
                yield done, future.result()
        for done, future in waiting:
            yield done, future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def tidy(folder: Folder, size: int) -> None:
    """Take away partial tiles whose full tile is there now, and what a run that was killed left beside.

    Partial tiles of the right edge stay until then: who has read an earlier checkpoint from a copy of this
    folder asks for them (tlog-tiles, "Partial Tiles").
    """
    for name, folders, files in os.walk(folder.root):
        for stale in (file for file in files if file.endswith(NEW)):
            (Path(name) / stale).unlink()
        for partial in [one for one in folders if _PARTIAL.match(one)]:
            folders.remove(partial)
            _tidy_partial(folder, Path(name) / partial, size)


def _tidy_partial(folder: Folder, partial: Path, size: int) -> None:
    try:
        level, index, _ = tiles.parse_path(partial.relative_to(folder.root).as_posix().removesuffix(".p"))
    except BadInput:  # somebody else's
        return
    full = tiles.tile_width(level or 0, index, size) == tiles.WIDTH
    for file in sorted(partial.iterdir()):
        if full or file.name.endswith(NEW):
            file.unlink()
    if full:
        partial.rmdir()


def _is_bundle(raw: bytes, index: int, hashes: bytes) -> bool:
    try:
        return tiles.encode_bundle(check_bundle(raw, index, hashes)) == raw
    except VerificationError:
        return False
