"""The root of a tree whose leaves come one after the other (RFC 6962, 2.1), in memory that does not grow.

Kept are the complete subtrees that the leaves so far make, the largest first: one for each bit that is set in
their number (a compact range).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ledger_service.log.hashing import EMPTY_ROOT, node_hash


@dataclass
class Frontier:
    """The number of leaves so far, and the hashes (32 bytes) of the complete subtrees over them."""

    size: int = 0
    hashes: list[bytes] = field(default_factory=list)

    def append(self, leaf: bytes) -> None:
        """Add the next leaf hash."""
        node, carry = leaf, self.size
        while carry & 1:
            node = node_hash(self.hashes.pop(), node)
            carry >>= 1
        self.hashes.append(node)
        self.size += 1

    def root(self) -> bytes:
        """The root over all leaves so far."""
        if not self.hashes:
            return EMPTY_ROOT
        *left, node = self.hashes
        for other in reversed(left):
            node = node_hash(other, node)
        return node

    def is_whole(self) -> bool:
        """Whether there are as many hashes as the size demands."""
        return self.size >= 0 and len(self.hashes) == self.size.bit_count()
