"""The anchored heads of the log: an accumulator (Merkle mountain range) that proves each of them for ever.

    leaf = keccak256(size ‖ root ‖ time)             one 32-byte word each (`abi.encode`)
    node = keccak256(left ‖ right)

The n-th head is carried through the peaks like a one added to a binary counter: while bit l of n is set, the
peak of level l becomes the left sibling, and the node that results is the peak of the first level whose bit
is not set. A peak of level l covers 2^l heads; those of the set bits of the count are in use, the highest
first (Todd, "Merkle mountain ranges", 2012; Flyclient, 2020, section 4.3). `ProvenanceLog` stores the peaks
and the latest head; whoever has its `Anchored` events, in their order, can make every path.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ledger_service.eip712 import encode_word
from ledger_service.errors import BadInput, VerificationError
from ledger_service.signing import keccak256

# Topic of the event that tells of a head: its size is indexed; root and block time are the data.
ANCHORED = keccak256(b"Anchored(uint64,bytes32,uint64)")
HASH_BYTES = 32
MAX_LEVELS = 64


@dataclass(frozen=True, slots=True)
class Head:
    """An anchored head: number of entries, their root (32 bytes), block time in seconds."""

    size: int
    root: bytes
    time: int


@dataclass(frozen=True, slots=True)
class HeadProof:
    """That `head` was anchored: how many heads came before it, and its siblings, from the leaf's upwards."""

    head: Head
    position: int
    path: tuple[bytes, ...]


def leaf(head: Head) -> bytes:
    """The leaf of a head, 32 bytes.

    Raises:
        BadInput: a value that its type (uint64, bytes32, uint64) does not hold.
    """
    words = (
        encode_word("uint64", head.size),
        encode_word("bytes32", head.root),
        encode_word("uint64", head.time),
    )
    return keccak256(b"".join(words))


class Heads:
    """All heads in their order; makes the proof of any of them, under any number of heads."""

    def __init__(self, heads: Iterable[Head] = ()) -> None:
        self._heads: list[Head] = []
        self._levels: list[list[bytes]] = [[]]  # [l][i]: the node over the heads from i·2^l to (i + 1)·2^l
        for head in heads:
            self.append(head)

    def __len__(self) -> int:
        return len(self._heads)

    def __getitem__(self, position: int) -> Head:
        return self._heads[position]

    def __iter__(self) -> Iterator[Head]:
        return iter(self._heads)

    def append(self, head: Head) -> None:
        """Add the next head.

        Raises:
            BadInput: it is not larger than the one before, or a value that its type does not hold.
        """
        before = self._heads[-1].size if self._heads else 0
        if head.size <= before:
            raise BadInput(f"a head of size {head.size} cannot follow one of size {before}")
        node = leaf(head)
        self._heads.append(head)
        for level in range(len(self._levels) + 1):
            if level == len(self._levels):
                self._levels.append([])
            row = self._levels[level]
            row.append(node)
            if len(row) % 2:
                return
            node = keccak256(row[-2] + node)

    def peaks(self, count: int | None = None) -> dict[int, bytes]:
        """The peaks in use after `count` heads (all of them by default), by level; 32 bytes each.

        Raises:
            BadInput: there are not so many heads.
        """
        count = self._count(count)
        return {
            level: row[(count >> level) - 1] for level, row in enumerate(self._levels) if count >> level & 1
        }

    def proof(self, position: int, count: int | None = None) -> HeadProof:
        """The proof of the head at `position` under the first `count` heads (all of them by default).

        Raises:
            BadInput: there is no such head among them.
        """
        count = self._count(count)
        if not 0 <= position < count:
            raise BadInput(f"there is no head at position {position} of {count}")
        # The peak that covers it is the one below the highest bit in which position and count differ.
        length = (position ^ count).bit_length() - 1
        path = tuple(self._levels[level][position >> level ^ 1] for level in range(length))
        return HeadProof(self._heads[position], position, path)

    def newest(self) -> HeadProof:
        """The latest head with an empty path, which the contract compares with what it stores.

        Raises:
            BadInput: there is none.
        """
        if not self._heads:
            raise BadInput("there is no head yet")
        return HeadProof(self._heads[-1], len(self._heads) - 1, ())

    def find(self, size: int) -> int | None:
        """The position of the head of exactly this size; None where there is none."""
        position = bisect_left(self._heads, size, key=lambda head: head.size)
        there = position < len(self._heads) and self._heads[position].size == size
        return position if there else None

    def _count(self, count: int | None) -> int:
        count = len(self._heads) if count is None else count
        if not 0 <= count <= len(self._heads):
            raise BadInput(f"there are {len(self._heads)} heads, not {count}")
        return count


def verify(proof: HeadProof, count: int, peak: bytes) -> None:
    """Check a proof against the peak of level `len(proof.path)` after `count` heads.

    The contract does this, unless the path is empty: then it compares the head with the latest one.

    Raises:
        VerificationError: the path has no place under so many heads, or leads to another peak.
        BadInput: a head whose values its types do not hold.
    """
    level = len(proof.path)
    placed = level < MAX_LEVELS and count >> level & 1 == 1 and proof.position >= 0
    if not placed or proof.position >> level != (count >> level) - 1:
        raise VerificationError(
            "place among the anchored heads", expected=f"one of {count} heads", found=str(proof.position)
        )
    found = fold(leaf(proof.head), proof.position, proof.path)
    if found != peak:
        raise VerificationError("peak of the heads", expected="0x" + peak.hex(), found="0x" + found.hex())


def fold(node: bytes, position: int, path: Sequence[bytes]) -> bytes:
    """The node that a leaf at `position` and its siblings lead to.

    Raises:
        VerificationError: a sibling is no hash.
    """
    for level, sibling in enumerate(path):
        if len(sibling) != HASH_BYTES:
            raise VerificationError("length of a hash", expected=str(HASH_BYTES), found=str(len(sibling)))
        node = keccak256(sibling + node if position >> level & 1 else node + sibling)
    return node
