"""A copy of the log in a folder: every tile and every entry, checked under its head."""

from __future__ import annotations

from ledger_service.audit.progress import Progress, silent
from ledger_service.audit.source import DirSource
from ledger_service.errors import Refused, VerificationError
from ledger_service.fsck.report import Difference, Report
from ledger_service.log import tiles
from ledger_service.log.checkpoint import VerifierKey
from ledger_service.log.follow import Follower, read_bundle
from ledger_service.mirror.tile_copy import tiles_of


def check_folder(source: DirSource, key: VerifierKey, progress: Progress = silent) -> Report:
    """Check a mirror.

     1. Its checkpoint is signed by the log.
     2. Every hash tile is the one under the checkpoint's root.
     3. Every entry is the one of its leaf hash, and each bundle has one encoding.

    What lies there beyond the checkpoint, as an update that broke off leaves it, is not looked at.

    Raises:
        Difference: the first that does not hold, by the name of the file.
        VerificationError: the checkpoint is not signed so.
    """
    follower, report = Follower(source, key), Report()
    head, _ = follower.head()
    try:
        proved = follower.proved(head)
    except (VerificationError, Refused) as error:
        raise Difference("tile/", "right edge", "root", "0x" + head.root.hex(), error) from error
    for tile in tiles_of(head.size):
        name = tiles.tile_path(tile.level, tile.index, tile.width)
        try:
            hashes = proved.read(tile.level, tile.index, tile.width)
        except (VerificationError, Refused) as error:
            raise Difference(name, "hashes", "tile", "the one under the head", error) from error
        report.add("tiles")
        if tile.level == 0:
            _check_entries(source, tile.index, tile.width, hashes, report)
            progress("entries", tile.index * tiles.WIDTH, head.size)
    report.size, report.root = head.size, head.root
    return report


def _check_entries(source: DirSource, index: int, width: int, hashes: bytes, report: Report) -> None:
    name = tiles.entries_path(index, width)
    try:
        raw, found = read_bundle(source, index, width, hashes)
        if source.entries(index, width) != raw:
            raise VerificationError("more in the file than its entries")
    except (VerificationError, Refused) as error:
        raise Difference(name, "entries", "bundle", "those of the leaf hashes", error) from error
    report.add("entries", len(found))
