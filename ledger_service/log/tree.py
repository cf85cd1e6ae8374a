"""An append-only Merkle tree in memory (RFC 6962)."""

from __future__ import annotations

from collections.abc import Iterable

from ledger_service.errors import BadInput
from ledger_service.log import nodes
from ledger_service.log.hashing import HASH_BYTES, leaf_hash, node_hash


class Tree:
    """Keeps the hash of every complete subtree, so a proof costs O(log n) look-ups and hashes."""

    def __init__(self, leaf_hashes: Iterable[bytes] = ()) -> None:
        self._levels: list[list[bytes]] = [[]]
        for leaf in leaf_hashes:
            self.append(leaf)

    def __len__(self) -> int:
        return len(self._levels[0])

    def append(self, leaf: bytes) -> int:
        """Append one leaf hash (32 bytes); returns its index.

        Raises:
            BadInput: not 32 bytes.
        """
        if len(leaf) != HASH_BYTES:
            raise BadInput(f"a leaf hash has {HASH_BYTES} bytes, this one has {len(leaf)}")
        self._levels[0].append(leaf)
        for level, hashes in enumerate(self._levels):
            if len(hashes) % 2:
                break
            if level + 1 == len(self._levels):
                self._levels.append([])
            self._levels[level + 1].append(node_hash(hashes[-2], hashes[-1]))
        return len(self) - 1

    def root(self, size: int | None = None) -> bytes:
        """The root over the first `size` leaves (all of them when None).

        Raises:
            BadInput: the tree has fewer leaves.
        """
        return nodes.root(self._node, self._at_most(size))

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """Proof that leaf `index` is in the tree of `size` leaves (RFC 9162, 2.1.3.1).

        Raises:
            BadInput: no such leaf, or the tree has fewer leaves.
        """
        return nodes.inclusion_proof(self._node, index, self._at_most(size))

    def consistency_proof(self, size1: int, size2: int | None = None) -> list[bytes]:
        """Proof that the tree of `size2` leaves begins with the tree of `size1` (RFC 9162, 2.1.4.1).

        Raises:
            BadInput: `size1` is zero or beyond `size2`, or the tree has fewer leaves.
        """
        return nodes.consistency_proof(self._node, size1, self._at_most(size2))

    def _node(self, level: int, index: int) -> bytes:
        return self._levels[level][index]

    def _at_most(self, size: int | None) -> int:
        if size is None:
            return len(self)
        if not 0 <= size <= len(self):
            raise BadInput(f"the tree has {len(self)} leaves, not {size}")
        return size


def root_of(leaf_hashes: Iterable[bytes]) -> bytes:
    """The RFC 6962 root over leaf hashes (32 bytes each), in their order."""
    return Tree(leaf_hashes).root()


def root_of_data(leaves: Iterable[bytes]) -> bytes:
    """The RFC 6962 root over leaf data, for example the item ids of a campaign in position order."""
    return root_of(leaf_hash(data) for data in leaves)
