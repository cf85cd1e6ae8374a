"""The log as tiles (C2SP tlog-tiles): 256 hashes a tile, entries in bundles.

A tile at level L and index N holds the hashes of the complete subtrees of height 8 L over the leaves
[N * 256^(L+1), (N+1) * 256^(L+1)). A store that keeps one row per tile appends a batch by writing the rows of
the right edge that `append` returns, and nothing else.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from ledger_service.errors import BadInput, Corrupt
from ledger_service.log import nodes
from ledger_service.log.hashing import EMPTY_ROOT, HASH_BYTES, node_hash

HEIGHT = 8
WIDTH = 1 << HEIGHT
TILE_BYTES = WIDTH * HASH_BYTES
MAX_LEVEL = 63
MAX_ENTRY_BYTES = 0xFFFF
_PATH = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<index>(?:x[0-9]{3}/)*[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)

Tiles = dict[tuple[int, int], bytes]


class TileReader(Protocol):
    """Where tiles come from: a database, a folder, another server, memory."""

    def read(self, level: int, index: int, width: int) -> bytes:
        """The first `width` hashes of a tile, `width` * 32 bytes.

        The row of a tile may have grown since; its first hashes never change.
        """
        ...


class MemoryTiles:
    """Tiles in a mapping {(level, index): hashes}; also what lies over a reader while appending."""

    def __init__(self, tiles: Mapping[tuple[int, int], bytes], below: TileReader | None = None) -> None:
        self._tiles, self._below = tiles, below

    def read(self, level: int, index: int, width: int) -> bytes:
        """The first `width` hashes; a tile that is nowhere reads as nothing, which a tree refuses."""
        found = self._tiles.get((level, index))
        if found is not None:
            return found[: width * HASH_BYTES]
        return self._below.read(level, index, width) if self._below else b""


class TileCache:
    """Tiles already read, with the hashes of their inner nodes. Tiles of a width never change.

    One cache may serve all trees of one log and all threads. A full tile takes about 17 kB.
    """

    def __init__(self, capacity: int = 2048) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[int, int, int], list[bytes]] = OrderedDict()

    def levels(self, reader: TileReader, level: int, index: int, width: int) -> list[bytes]:
        """The tile's hashes, and above them those of the complete subtrees within it: by height, joined.

        Raises:
            Corrupt: the reader gives another number of bytes than the tile has.
        """
        key = (level, index, width)
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        found = _inner_nodes(_hashes(reader, level, index, width))
        with self._lock:
            self._known[key] = found
            while len(self._known) > self._capacity:
                self._known.popitem(last=False)
        return found


class TiledTree:
    """Roots and proofs at any size up to `size`, read from tiles."""

    def __init__(self, reader: TileReader, size: int, cache: TileCache | None = None) -> None:
        self.size = size
        self._reader, self._cache = reader, cache or TileCache()

    def root(self, size: int | None = None) -> bytes:
        """The root over the first `size` leaves (all of them when None).

        Raises:
            BadInput: the tree has fewer leaves.
            Corrupt: a tile has another number of hashes than the tree's size demands.
        """
        return nodes.root(self._node, self._at_most(size))

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """Proof that leaf `index` is in the tree of `size` leaves. Raises as `root` does."""
        return nodes.inclusion_proof(self._node, index, self._at_most(size))

    def consistency_proof(self, size1: int, size2: int | None = None) -> list[bytes]:
        """Proof that the tree of `size2` leaves begins with that of `size1`. Raises as `root` does."""
        return nodes.consistency_proof(self._node, size1, self._at_most(size2))

    def leaf(self, index: int) -> bytes:
        """The leaf hash at `index`. Raises as `root` does."""
        if not 0 <= index < self.size:
            raise BadInput(f"there is no leaf {index} in a tree of {self.size}")
        return self._node(0, index)

    def levels(self, level: int, tile: int) -> list[bytes]:
        """The hashes of a tile and of the complete subtrees within it, by height, joined."""
        return self._cache.levels(self._reader, level, tile, tile_width(level, tile, self.size))

    def _node(self, level: int, index: int) -> bytes:
        tile_level, inner = divmod(level, HEIGHT)
        tile = index << inner >> HEIGHT
        return hash_at(self.levels(tile_level, tile)[inner], index - (tile << HEIGHT >> inner))

    def _at_most(self, size: int | None) -> int:
        if size is None:
            return self.size
        if not 0 <= size <= self.size:
            raise BadInput(f"the tree has {self.size} leaves, not {size}")
        return size


@dataclass(frozen=True, slots=True)
class Edge:
    """The right edge of a tree: all that an append has to know of what is there.

    Attributes:
        size: leaves. root: over them, 32 bytes.
        peaks: by height, the last complete subtree where the tree has one of its own (bit `height` of
            `size`), else nothing.
        partial: by level, the hashes of the last tile unless it is full, else nothing.
    """

    size: int
    root: bytes
    peaks: tuple[bytes, ...]
    partial: tuple[bytes, ...]

    @staticmethod
    def read(reader: TileReader, size: int) -> Edge:
        """The edge of a tree kept in tiles; reads only the partial ones.

        Raises:
            Corrupt: one of them has another number of hashes than `size` demands.
        """
        peaks: list[bytes] = []
        partial: list[bytes] = []
        while count := size >> HEIGHT * len(partial):
            tile, width = divmod(count, WIDTH)
            row = _hashes(reader, len(partial), tile, width) if width else b""
            levels = _inner_nodes(row)
            # The last node of each row that is complete and has no sibling yet.
            peaks += [hash_at(levels[h], (width >> h) - 1) if width >> h & 1 else b"" for h in range(HEIGHT)]
            partial.append(row)
        return Edge(size, _root_of_peaks(peaks), tuple(peaks), tuple(partial))

    def extend(self, leaf_hashes: Sequence[bytes]) -> tuple[Edge, Tiles]:
        """Append leaf hashes (32 bytes each): each inner node is hashed once.

        Returns:
            the new edge, and the tiles that are new or have grown, whole: {(level, index): hashes}.
        """
        peaks, partial, changed = list(self.peaks), list(self.partial), dict[tuple[int, int], bytes]()
        height, fresh = 0, list(leaf_hashes)
        while fresh:
            if height == len(peaks):
                peaks.append(b"")
            if height % HEIGHT == 0:
                _fill(height // HEIGHT, self.size >> height, fresh, partial, changed)
            row = [peaks[height], *fresh] if peaks[height] else fresh
            peaks[height] = row[-1] if len(row) % 2 else b""
            pairs = iter(row)
            fresh = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs)]  # noqa: B905
            height += 1
        size = self.size + len(leaf_hashes)
        return Edge(size, _root_of_peaks(peaks), tuple(peaks), tuple(partial)), changed


def append(reader: TileReader, size: int, leaf_hashes: Sequence[bytes]) -> tuple[Tiles, bytes]:
    """Append leaf hashes to a tree of `size` leaves kept in tiles.

    Reads only the partial tiles of the right edge.

    Returns:
        the tiles that are new or have grown, whole: {(level, index): hashes}; and the new root.
    Raises:
        BadInput: a leaf hash is not 32 bytes.
        Corrupt: a tile of the right edge has another number of hashes than `size` demands.
    """
    if any(len(leaf) != HASH_BYTES for leaf in leaf_hashes):
        raise BadInput(f"a leaf hash has {HASH_BYTES} bytes")
    edge, changed = Edge.read(reader, size).extend(leaf_hashes)
    return changed, edge.root


def _fill(level: int, count: int, fresh: list[bytes], partial: list[bytes], out: Tiles) -> None:
    """Append hashes to the tiles of a level that holds `count`."""
    if level == len(partial):
        partial.append(b"")
    row = partial[level] + b"".join(fresh)
    for start in range(0, len(row), TILE_BYTES):
        out[level, count // WIDTH + start // TILE_BYTES] = row[start : start + TILE_BYTES]
    partial[level] = row[len(row) // TILE_BYTES * TILE_BYTES :]


def _root_of_peaks(peaks: Sequence[bytes]) -> bytes:
    digest = b""
    for peak in peaks:
        if peak:
            digest = node_hash(peak, digest) if digest else peak
    return digest or EMPTY_ROOT


def tile_width(level: int, index: int, size: int) -> int:
    """How many hashes a tile has in a tree of `size` leaves: 0 to 256."""
    return max(0, min(WIDTH, (size >> HEIGHT * level) - index * WIDTH))


def tile_path(level: int, index: int, width: int = WIDTH) -> str:
    """`tile/<L>/<N>[.p/<W>]`, for example `tile/0/x001/x234/067.p/12`.

    Raises:
        BadInput: level, index or width out of range.
    """
    if not 0 <= level <= MAX_LEVEL:
        raise BadInput(f"there is no tile level {level}")
    return _path(str(level), index, width)


def entries_path(index: int, width: int = WIDTH) -> str:
    """`tile/entries/<N>[.p/<W>]`. Raises as `tile_path` does."""
    return _path("entries", index, width)


def parse_path(path: str) -> tuple[int | None, int, int]:
    """(level, or None for entries; index; width) of a tile's path.

    Raises:
        BadInput: not in the one form that C2SP tlog-tiles allows.
    """
    match = _PATH.fullmatch(path)
    if match is None or not path.isascii():
        raise BadInput("not the path of a tile")
    level = None if match["level"] == "entries" else int(match["level"])
    index = int(match["index"].replace("x", "").replace("/", ""))
    width = int(match["width"]) if match["width"] else WIDTH
    if (level or 0) > MAX_LEVEL or _path(match["level"], index, width) != path:
        raise BadInput("not the path of a tile")
    return level, index, width


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """An entry bundle: each entry after its length as a big-endian uint16.

    Raises:
        BadInput: an entry is longer than 65,535 bytes.
    """
    parts = []
    for entry in entries:
        if len(entry) > MAX_ENTRY_BYTES:
            raise BadInput(f"an entry has at most {MAX_ENTRY_BYTES} bytes, this one has {len(entry)}")
        parts.append(len(entry).to_bytes(2, "big") + entry)
    return b"".join(parts)


def parse_bundle(raw: bytes) -> list[bytes]:
    """The entries of an entry bundle.

    Raises:
        BadInput: it ends within an entry, or has more than 256.
    """
    entries: list[bytes] = []
    at = 0
    while at < len(raw):
        if len(entries) == WIDTH:
            raise BadInput(f"an entry bundle has at most {WIDTH} entries")
        end = at + 2 + int.from_bytes(raw[at : at + 2], "big")
        if at + 2 > len(raw) or end > len(raw):
            raise BadInput(f"the entry bundle ends within entry {len(entries)}")
        entries.append(raw[at + 2 : end])
        at = end
    return entries


def _path(level: str, index: int, width: int) -> str:
    if index < 0 or not 1 <= width <= WIDTH:
        raise BadInput(f"there is no tile {index} of width {width}")
    digits = str(index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    parts = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    name = "/".join([*("x" + part for part in parts[:-1]), parts[-1]])
    return f"tile/{level}/{name}" + (f".p/{width}" if width < WIDTH else "")


def hash_at(joined: bytes, place: int) -> bytes:
    """One of several hashes that are joined."""
    return joined[place * HASH_BYTES : (place + 1) * HASH_BYTES]


def _hashes(reader: TileReader, level: int, index: int, width: int) -> bytes:
    raw = reader.read(level, index, width)
    if len(raw) != width * HASH_BYTES:
        raise Corrupt(f"tile {level}/{index} has {len(raw)} bytes where {width * HASH_BYTES} are due")
    return raw


def _inner_nodes(row: bytes) -> list[bytes]:
    levels = [row]
    while len(row) > HASH_BYTES:
        pairs = range(0, len(row) - HASH_BYTES, 2 * HASH_BYTES)
        row = b"".join([sha256(b"\x01" + row[i : i + 2 * HASH_BYTES]).digest() for i in pairs])
        levels.append(row)
    return levels
