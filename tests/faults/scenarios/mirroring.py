"""A growing log is copied into a folder; faults befall the copying."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from ledger_service.audit.source import DirSource
from ledger_service.errors import LedgerError
from ledger_service.fsck.folder import check_folder
from ledger_service.fsck.report import Difference
from ledger_service.log import tiles
from ledger_service.log.checkpoint import LogKey, open_checkpoint, sign_checkpoint
from ledger_service.log.hashing import leaf_hash
from ledger_service.mirror.mirroring import mirror
from ledger_service.mirror.tile_copy import tiles_of
from tests.faults.machine import Begin, Say

KEY = LogKey("log.example", bytes(range(32)))
SIZES = (260, 515)


class Mirroring:
    """The log has 260 entries at first, then 515."""

    name = "mirror"

    def __init__(self, server_url: str) -> None:
        """No database is needed."""

    def prepare(self, folder: Path) -> None:
        """The log at each of its sizes, as a static folder."""
        for size in SIZES:
            publish(folder / "logs" / str(size), size)

    def fresh(self, folder: Path) -> None:
        """An empty folder."""
        folder.mkdir()

    def act(self, folder: Path, begin: Begin, say: Say) -> None:
        """Copy it at each size; what fails is begun again once."""
        begin()
        for size in SIZES:
            for attempt in range(2):
                try:
                    copy(folder, size, say)
                    break
                except (LedgerError, OSError):
                    if attempt:
                        raise

    def resume(self, folder: Path, say: Say) -> None:
        """Say what is there, then bring it up to date."""
        target = folder / "copy"
        if (target / "checkpoint").exists():
            check_folder(DirSource(target), KEY.verifier)  # at every moment a whole copy under its head
            say({"size": open_checkpoint((target / "checkpoint").read_text(), KEY.verifier).size})
        copy(folder, SIZES[-1], say)

    def check(self, folder: Path, said: list[dict[str, Any]]) -> list[str]:
        """The copy is the log's newest head, byte for byte, and never was a smaller one again."""
        sizes = [word["size"] for word in said]
        problems = [] if sizes == sorted(sizes) else [f"the copy went back: {sizes}"]
        target, origin = folder / "copy", logs(folder) / str(SIZES[-1])
        try:
            check_folder(DirSource(target), KEY.verifier)
        except (Difference, LedgerError) as error:
            problems.append(f"fsck: {error}")
        found, wanted = contents(target), contents(origin)
        problems += [f"{name} differs" for name in wanted if found.get(name) != wanted[name]]
        return problems + [f"{name} is no file of the log" for name in found if stray(name, found, wanted)]

    def remove(self, folder: Path) -> None:
        """All files."""
        shutil.rmtree(folder)


def logs(folder: Path) -> Path:
    """Where the log lies, from a case's folder."""
    return folder.parent.parent / "logs"


def copy(folder: Path, size: int, say: Say) -> None:
    """Bring the copy up to the log's head of this size, unless it is further."""
    head = mirror(DirSource(logs(folder) / str(size)), folder / "copy", key=KEY.verifier).head
    say({"size": head.size})


def stray(name: str, found: dict[str, bytes], wanted: dict[str, bytes]) -> bool:
    """Whether a file of the copy should not be there: an earlier head's partial tiles may be until the full
    one is (C2SP tlog-tiles, "Partial Tiles")."""
    full, partial, _ = name.partition(".p/")
    return name.startswith("tile/") and name not in wanted and (not partial or full in found)


def publish(folder: Path, size: int) -> None:
    """A log in static files (C2SP tlog-tiles)."""
    entries = [f"entry {number}".encode() for number in range(size)]
    leaves = [leaf_hash(entry) for entry in entries]
    hashes, root = tiles.append(tiles.MemoryTiles({}), 0, leaves)
    for tile in tiles_of(size):
        raw = hashes[tile.level, tile.index]
        save(folder / tiles.tile_path(tile.level, tile.index, tile.width), raw)
        if tile.level == 0:
            start = tile.index * tiles.WIDTH
            bundle = tiles.encode_bundle(entries[start : start + tile.width])
            save(folder / tiles.entries_path(tile.index, tile.width), bundle)
    save(folder / "checkpoint", sign_checkpoint(KEY.name, size, root, KEY).encode())


def save(path: Path, raw: bytes) -> None:
    """Write a file, and the folders that it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file by its name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
