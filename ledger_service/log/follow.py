"""Reading a transparency log that nobody has to trust (C2SP tlog-tiles, tlog-checkpoint).

Everything a source gives is proved under a signed root before it is used:

 1. The checkpoint carries the log's signature and, where there is a policy, enough witnesses.
 2. The partial tiles of the right edge hash to the checkpoint's root (RFC 6962, 2.1).
 3. A full tile hashes to the value that its parent tile, proved before it, holds for it.
 4. An entry hashes to the value that its level-0 tile holds for it.

So a source can refuse to answer, and nothing else. What is kept in memory is bounded, however long the log.
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Protocol

from ledger_service.errors import BadInput, Refused, Unavailable, VerificationError
from ledger_service.log import nodes, tiles
from ledger_service.log.checkpoint import Checkpoint, VerifierKey, open_checkpoint
from ledger_service.log.hashing import EMPTY_ROOT, HASH_BYTES, leaf_hash, node_hash
from ledger_service.log.policy import Policy, open_under_policy

CACHED_TILES = 1024  # of 8,192 bytes each


class TlogSource(Protocol):
    """Where a log's resources come from.

    Every method raises `BadInput` (or another `Refused`) for what is not there or too large, and
    `Unavailable` when the source does not answer.
    """

    name: str

    def checkpoint(self) -> str:
        """The signed note."""
        ...

    def tile(self, level: int, index: int, width: int) -> bytes:
        """A hash tile: `width` (1 to 256) hashes of 32 bytes."""
        ...

    def entries(self, index: int, width: int) -> bytes:
        """Entry bundle `index`, with `width` (1 to 256) entries."""
        ...


class Fork(VerificationError):
    """Two signed heads of one log, of which the second does not extend the first: its history was rewritten.

    Attributes:
        old, new: the two heads. root: of the first `old.size` leaves under `new`, proved.
        proof: the path from `root` to the root of `new` (RFC 9162, 2.1.4.1); with the two signed notes it
            shows the fork to anybody. Empty where the two sizes are the same, or where the source broke off.
    """

    def __init__(self, old: Checkpoint, new: Checkpoint, root: bytes, proof: tuple[bytes, ...] = ()) -> None:
        self.old, self.new, self.root, self.proof = old, new, root, proof
        what = f"the log is forked: the head of {new.size} entries does not extend that of {old.size}; root"
        super().__init__(f"{what} at {old.size}", expected=old.root.hex(), found=root.hex())


class Behind(VerificationError):
    """A head that is older than one already seen: it proves nothing against the log."""

    def __init__(self, old: Checkpoint, new: Checkpoint) -> None:
        self.old, self.new = old, new
        super().__init__(
            "the log is behind a head that it has signed", expected=f"{old.size} entries", found=str(new.size)
        )


class Follower:
    """Follows one log, known by its key. All methods may be used from several threads at once."""

    def __init__(self, source: TlogSource, key: VerifierKey, policy: Policy | None = None) -> None:
        self._source, self._key, self._policy = source, key, policy
        self._proved = _ProvedCache(CACHED_TILES)

    def head(self) -> tuple[Checkpoint, str]:
        """The newest head, signed by the log and cosigned as the policy demands, and its signed note.

        Raises:
            VerificationError: not signed so, or of another log.
            BadInput, Unavailable: from the source.
        """
        text = self._source.checkpoint()
        checkpoint = open_checkpoint(text, self._key)
        if self._policy is not None:
            open_under_policy(text, self._policy, self._key)
        return checkpoint, text

    def tree(self, checkpoint: Checkpoint) -> tiles.TiledTree:
        """The tree under a head whose signature has been checked; every hash in it is proved as it is read.

        Raises (also its methods, as they read):
            VerificationError: a tile that is not the one under the checkpoint's root.
            BadInput, Unavailable: from the source.
        """
        return tiles.TiledTree(self.proved(checkpoint), checkpoint.size)

    def check_extends(self, old: Checkpoint, new: Checkpoint) -> None:
        """Check that the log under `new` begins with the log under `old` (both signed).

        Raises:
            Fork: it does not, which is proved. Behind: `new` is the smaller one.
            VerificationError: another origin, or a tile that is not the one under the root of `new`: then
                nothing is known about the two heads.
            BadInput, Unavailable: from the source.
        """
        if old.origin != new.origin:
            raise VerificationError("origin of the checkpoint", expected=old.origin, found=new.origin)
        if new.size < old.size:
            raise Behind(old, new)
        if old.size in (0, new.size):
            root = new.root if old.size else EMPTY_ROOT
            if root != old.root:
                raise Fork(old, new, root)
            return
        tree = self.tree(new)
        root = tree.root(old.size)
        if root != old.root:
            raise Fork(old, new, root, _path(tree, old.size))

    def entries(self, checkpoint: Checkpoint, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        """The entries [start, end) under a head whose signature has been checked, each with its index.

        Raises:
            VerificationError: an entry, or a tile, that is not the one under the checkpoint's root.
            BadInput: no such entries. BadInput, Unavailable: from the source.
        """
        if not 0 <= start <= end <= checkpoint.size:
            raise BadInput(f"there are no entries {start} to {end} in a log of {checkpoint.size}")
        if start == end:
            return
        proved = self.proved(checkpoint)
        for bundle in range(start // tiles.WIDTH, (end - 1) // tiles.WIDTH + 1):
            first = bundle * tiles.WIDTH
            width = tiles.tile_width(0, bundle, checkpoint.size)
            _, found = read_bundle(self._source, bundle, width, proved.read(0, bundle, width))
            for index in range(max(start, first), min(end, first + width)):
                yield index, found[index - first]

    def proved(self, checkpoint: Checkpoint) -> ProvedTiles:
        """The tiles under a head whose signature has been checked. Raises as `ProvedTiles` does."""
        return ProvedTiles(self._source, checkpoint, self._proved)


class ProvedTiles:
    """The tiles of a log at one size, each proved under its root (steps 2 and 3 above) before it is given.

    Raises on creation, and as `read` does:
        VerificationError: the tiles of the right edge do not make the checkpoint's root.
        BadInput, Unavailable: from the source.
    """

    def __init__(self, source: TlogSource, checkpoint: Checkpoint, proved: _ProvedCache) -> None:
        self._source, self._size, self._proved = source, checkpoint.size, proved
        self._edge: dict[tuple[int, int], bytes] = {}
        level = 0
        while count := checkpoint.size >> tiles.HEIGHT * level:
            index, width = divmod(count, tiles.WIDTH)
            if width:
                self._edge[level, index] = _read_tile(source, level, index, width)
            level += 1
        found = nodes.root(self._edge_node, checkpoint.size)
        if found != checkpoint.root:
            raise VerificationError("root over the tiles", expected=checkpoint.root.hex(), found=found.hex())

    def read(self, level: int, index: int, width: int) -> bytes:
        """The first `width` hashes of a tile of this tree, `width` * 32 bytes.

        Raises:
            BadInput: the tree has no such tile; or from the source.
            VerificationError: the source's tile is another. Unavailable: from the source.
        """
        if not 0 < width <= tiles.tile_width(level, index, self._size):
            raise BadInput(f"there is no tile {level}/{index} of width {width} in a log of {self._size}")
        return self._whole(level, index)[: width * HASH_BYTES]

    def offer(self, level: int, index: int, raw: bytes) -> bool:
        """Whether `raw` is this full tile; if so, the source is not asked for it while it is remembered.

        Raises as `read` does, about the tiles above.
        """
        if len(raw) != tiles.WIDTH * HASH_BYTES:
            return False
        expected = self._expected(level, index)
        if _fold(raw, tiles.HEIGHT) != expected:
            return False
        self._proved.get(expected, lambda: raw)
        return True

    def _whole(self, level: int, index: int) -> bytes:
        if (level, index) in self._edge:
            return self._edge[level, index]
        expected = self._expected(level, index)
        return self._proved.get(expected, lambda: self._prove(level, index, expected))

    def _expected(self, level: int, index: int) -> bytes:
        """The hash that a full tile makes: it stands in the tile above."""
        parent, place = divmod(index, tiles.WIDTH)
        above = self._whole(level + 1, parent)
        return above[place * HASH_BYTES : (place + 1) * HASH_BYTES]

    def _prove(self, level: int, index: int, expected: bytes) -> bytes:
        raw = _read_tile(self._source, level, index, tiles.WIDTH)
        found = _fold(raw, tiles.HEIGHT)
        if found != expected:
            raise VerificationError(f"tile {level}/{index}", expected=expected.hex(), found=found.hex())
        return raw

    def _edge_node(self, level: int, index: int) -> bytes:
        """A complete subtree that the root is made of: it lies within a partial tile of the right edge."""
        tile_level, inner = divmod(level, tiles.HEIGHT)
        tile = index << inner >> tiles.HEIGHT
        start = (index << inner) - tile * tiles.WIDTH
        row = self._edge[tile_level, tile]
        return _fold(row[start * HASH_BYTES : (start + (1 << inner)) * HASH_BYTES], inner)


class _ProvedCache:
    """Full tiles by the hash that they make. That hash says all about them, so one cache serves all heads."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, bytes] = OrderedDict()

    def get(self, digest: bytes, prove: Callable[[], bytes]) -> bytes:
        """The tile that makes `digest`; from `prove` where it is not known, outside the lock."""
        with self._lock:
            if digest in self._known:
                self._known.move_to_end(digest)
                return self._known[digest]
        raw = prove()
        with self._lock:
            self._known[digest] = raw
            while len(self._known) > self._capacity:
                self._known.popitem(last=False)
        return raw


def read_bundle(source: TlogSource, index: int, width: int, hashes: bytes) -> tuple[bytes, list[bytes]]:
    """Entry bundle `index` with `width` entries, as bytes and apart, each entry compared with its leaf hash.

    Args:
        hashes: `width` leaf hashes that have been proved.
    Raises:
        VerificationError: another entry, or not so many. BadInput, Unavailable: from the source.
    """
    found = check_bundle(_with_fallback(source.entries, index, width), index, hashes)
    return tiles.encode_bundle(found), found


def check_bundle(raw: bytes, index: int, hashes: bytes) -> list[bytes]:
    """The entries of entry bundle `index`, one for each of the leaf hashes given, and compared with it.

    A full bundle may stand in the place of a partial one; its further entries are left out.

    Raises:
        VerificationError: another entry, or not so many.
    """
    width = len(hashes) // HASH_BYTES
    try:
        found = tiles.parse_bundle(raw)
    except BadInput as error:
        raise VerificationError(f"entry bundle {index}: {error}") from error
    if len(found) == tiles.WIDTH:  # where the partial bundle is gone, the full one has come
        found = found[:width]
    if len(found) != width:
        raise VerificationError(f"entries in bundle {index}", expected=str(width), found=str(len(found)))
    for place, entry in enumerate(found):
        expected, hashed = hashes[place * HASH_BYTES : (place + 1) * HASH_BYTES], leaf_hash(entry)
        if hashed != expected:
            what = f"leaf hash of entry {index * tiles.WIDTH + place}"
            raise VerificationError(what, expected=expected.hex(), found=hashed.hex())
    return found


def _path(tree: tiles.TiledTree, size: int) -> tuple[bytes, ...]:
    """The consistency proof from a size; nothing where the source does not give the tiles that it needs."""
    try:
        return tuple(tree.consistency_proof(size))
    except (Refused, Unavailable, VerificationError):
        return ()


def _read_tile(source: TlogSource, level: int, index: int, width: int) -> bytes:
    """`width` hashes of a tile, none of them checked."""
    raw = _with_fallback(lambda tile, wide: source.tile(level, tile, wide), index, width)
    if len(raw) == tiles.WIDTH * HASH_BYTES:
        raw = raw[: width * HASH_BYTES]
    if len(raw) != width * HASH_BYTES:
        expected = f"{width * HASH_BYTES} bytes"
        raise VerificationError(f"tile {level}/{index}", expected=expected, found=str(len(raw)))
    return raw


def _with_fallback(read: Callable[[int, int], bytes], index: int, width: int) -> bytes:
    """A tile; the full one where the partial one is gone, as tlog-tiles ("Partial Tiles") allows."""
    try:
        return read(index, width)
    except Refused:
        if width == tiles.WIDTH:
            raise
        with contextlib.suppress(Refused):  # the first refusal says what is wanted
            return read(index, tiles.WIDTH)
        raise


def _fold(row: bytes, height: int) -> bytes:
    """The hash of the complete subtree of this height over 2^height hashes."""
    hashes = [row[at : at + HASH_BYTES] for at in range(0, len(row), HASH_BYTES)]
    for _ in range(height):
        hashes = [node_hash(hashes[at], hashes[at + 1]) for at in range(0, len(hashes), 2)]
    return hashes[0]
