"""A tree grown again from its leaves (RFC 6962, 2.1), in tiles, of which one a level is in memory."""

from __future__ import annotations

from collections.abc import Iterator

from ledger_service.log import nodes, tiles
from ledger_service.log.hashing import node_hash


class Retree:
    """Takes leaf hashes in their order; gives each tile as it is complete, and the root at any moment."""

    def __init__(self) -> None:
        self.size = 0
        self._open: list[list[bytes]] = []

    def add(self, leaf: bytes) -> Iterator[tuple[int, int, bytes]]:
        """Add a leaf hash (32 bytes): (level, index, hashes) of every tile that it completes."""
        found = []
        level, fresh = 0, leaf
        while True:
            if level == len(self._open):
                self._open.append([])
            row = self._open[level]
            row.append(fresh)
            if len(row) < tiles.WIDTH:
                break
            found.append((level, self.size >> tiles.HEIGHT * (level + 1), b"".join(row)))
            fresh = _fold(row)
            self._open[level] = []
            level += 1
        self.size += 1
        return iter(found)

    def partial(self) -> Iterator[tuple[int, int, bytes]]:
        """(level, index, hashes) of the partial tiles of the right edge."""
        for level, row in enumerate(self._open):
            if row:
                yield level, self.size >> tiles.HEIGHT * (level + 1), b"".join(row)

    def counts(self) -> list[int]:
        """How many tiles the tree has of each level, partial ones included."""
        counts = []
        hashes = self.size
        while hashes:
            counts.append(-(-hashes // tiles.WIDTH))
            hashes //= tiles.WIDTH
        return counts

    def root(self) -> bytes:
        """The root over all leaves so far."""
        return nodes.root(self._node, self.size)

    def _node(self, level: int, index: int) -> bytes:
        """A complete subtree that the root is made of: it lies within a partial tile of the right edge."""
        tile_level, inner = divmod(level, tiles.HEIGHT)
        start = (index << inner) % tiles.WIDTH
        return _fold(self._open[tile_level][start : start + (1 << inner)])


def _fold(row: list[bytes]) -> bytes:
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]
