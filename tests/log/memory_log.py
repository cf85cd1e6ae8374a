"""A log in memory, as a source that others read from; it can be made to lie."""

from __future__ import annotations

from collections.abc import Callable

from ledger_service.errors import BadInput
from ledger_service.log import tiles
from ledger_service.log.checkpoint import Checkpoint, LogKey, sign_checkpoint
from ledger_service.log.hashing import leaf_hash
from ledger_service.log.tiles import MemoryTiles
from ledger_service.log.tree import Tree

Change = Callable[[bytes], bytes]
KEY = LogKey("log.example/one", bytes(range(32)))


def entry(index: int) -> bytes:
    """What stands at an index: of another length everywhere."""
    return b"entry %d" % index + b"." * (index % 7)


class MemoryLog:
    """A signed log of entries.

    `changes` are made to what is given for a path; `gone` are paths that are not there; `asked` are those
    that were asked for, in their order.
    """

    def __init__(self, entries: list[bytes], key: LogKey = KEY) -> None:
        self.name = "memory"
        self.entries_there, self.key = list(entries), key
        self.changes: dict[str, Change] = {}
        self.gone: set[str] = set()
        self.asked: list[str] = []
        self.note: str | None = None
        self._tiles, self._size = dict[tuple[int, int], bytes](), 0
        self._tree = Tree()

    def head(self, size: int | None = None) -> Checkpoint:
        """The head over the first entries; all of them when None."""
        self._grow()
        count = self._size if size is None else size
        return Checkpoint(self.key.name, count, self._tree.root(count))

    def checkpoint(self) -> str:
        """The signed note of all entries, or another that was put in its place."""
        head = self.head()
        return self.note or sign_checkpoint(head.origin, head.size, head.root, self.key)

    def tile(self, level: int, index: int, width: int) -> bytes:
        self._grow()
        raw = MemoryTiles(self._tiles).read(level, index, width)
        if len(raw) != width * 32:
            raise BadInput("no such tile")
        return self._give(tiles.tile_path(level, index, width), raw)

    def entries(self, index: int, width: int) -> bytes:
        found = self.entries_there[index * 256 : index * 256 + width]
        if len(found) != width:
            raise BadInput("no such bundle")
        return self._give(tiles.entries_path(index, width), tiles.encode_bundle(found))

    def _give(self, path: str, raw: bytes) -> bytes:
        self.asked.append(path)
        if path in self.gone:
            raise BadInput(f"{path} is not there")
        return self.changes.get(path, bytes)(raw)

    def _grow(self) -> None:
        fresh = [leaf_hash(raw) for raw in self.entries_there[self._size :]]
        if fresh:
            changed, _ = tiles.append(MemoryTiles(self._tiles), self._size, fresh)
            self._tiles.update(changed)
            self._size += len(fresh)
            for leaf in fresh:
                self._tree.append(leaf)


def log_of(size: int, key: LogKey = KEY) -> MemoryLog:
    """A log of the first `size` entries."""
    return MemoryLog([entry(index) for index in range(size)], key)
