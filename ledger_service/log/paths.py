"""Inclusion paths as text, many of them under few heads: what a page of bundles is made of.

The path of a leaf in a full tile is eight hashes within the tile, and above them what all leaves of the tile
have in common; that is made once for a tile and a size.
"""

from __future__ import annotations

import threading
from binascii import b2a_base64
from collections import OrderedDict
from collections.abc import Sequence

from ledger_service.log.hashing import HASH_BYTES
from ledger_service.log.tiles import HEIGHT, WIDTH, TiledTree

MOST_UPPER = 8_192  # of about 750 bytes each
_IN_A_TILE = range(HEIGHT)


class PathCache:
    """The upper parts of paths, by size and tile. One cache may serve one log's trees and all threads."""

    def __init__(self, capacity: int = MOST_UPPER) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[int, int], bytes] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def upper(self, tree: TiledTree, tile: int) -> bytes:
        """The part of a path above a full tile of level 0. Raises as `TiledTree.inclusion_proof`."""
        key = (tree.size, tile)
        with self._lock:
            known = self._known.get(key)
            if known is not None:
                self._known.move_to_end(key)
                return known
        found = _lines(tree.inclusion_proof(tile * WIDTH)[HEIGHT:])
        with self._lock:
            self._known[key] = found
            while len(self._known) > self._capacity:
                self._known.popitem(last=False)
        return found


def path_lines(tree: TiledTree, index: int, cache: PathCache) -> bytes:
    """The path of a leaf as in a tlog-proof: each hash in base64, with a newline.

    Raises as `TiledTree.inclusion_proof`.
    """
    tile, place = divmod(index, WIDTH)
    if not 0 <= (tile + 1) * WIDTH <= tree.size:
        return _lines(tree.inclusion_proof(index))
    rows = tree.levels(0, tile)
    starts = [((place >> height) ^ 1) * HASH_BYTES for height in _IN_A_TILE]
    lower = _lines([rows[height][start : start + HASH_BYTES] for height, start in enumerate(starts)])
    return lower + cache.upper(tree, tile)


def _lines(path: Sequence[bytes]) -> bytes:
    return b"".join(map(b2a_base64, path))
