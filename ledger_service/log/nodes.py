"""Which complete subtrees make a root or a proof (RFC 6962, 2.1; RFC 9162, 2.1.3.1 and 2.1.4.1).

Everything here is written against one function, `node(level, index)`: the hash of the complete subtree over
the leaves [index * 2^level, (index + 1) * 2^level). A tree in memory and a tree in tiles both supply it, so
there is one way of building a proof.
"""

from __future__ import annotations

from collections.abc import Callable

from ledger_service.errors import BadInput
from ledger_service.log.hashing import EMPTY_ROOT, node_hash

Node = Callable[[int, int], bytes]


def root(node: Node, size: int) -> bytes:
    """The root over the first `size` leaves; SHA-256 of nothing for an empty tree."""
    return span(node, 0, size) if size else EMPTY_ROOT


def span(node: Node, start: int, end: int) -> bytes:
    """MTH(D[start:end]) for a span that occurs in a tree: `start` is a multiple of each part's width."""
    parts = []
    while start < end:
        level = (end - start).bit_length() - 1
        parts.append(node(level, start >> level))
        start += 1 << level
    digest = parts.pop()
    while parts:
        digest = node_hash(parts.pop(), digest)
    return digest


def inclusion_proof(node: Node, index: int, size: int) -> list[bytes]:
    """PATH(index, D[0:size]), from the leaf's sibling up to the root's child.

    Raises:
        BadInput: there is no such leaf in a tree of this size.
    """
    if not 0 <= index < size:
        raise BadInput(f"there is no leaf {index} in a tree of {size}")
    path = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(span(node, middle, end))
            end = middle
        else:
            path.append(span(node, start, middle))
            start = middle
    return path[::-1]


def consistency_proof(node: Node, size1: int, size2: int) -> list[bytes]:
    """PROOF(size1, D[0:size2]): that the tree of `size2` leaves begins with the tree of `size1`.

    Raises:
        BadInput: `size1` is zero (nothing to be consistent with) or beyond `size2`.
    """
    if not 0 < size1 <= size2:
        raise BadInput(f"there is no consistency proof from {size1} to {size2}")
    path = []
    start, end, whole = 0, size2, True
    while size1 < end:
        middle = start + _split(end - start)
        if size1 <= middle:
            path.append(span(node, middle, end))
            end = middle
        else:
            path.append(span(node, start, middle))
            start, whole = middle, False
    if not whole:
        path.append(span(node, start, end))
    return path[::-1]


def _split(count: int) -> int:
    """The largest power of two smaller than `count` (at least 2)."""
    return 1 << (count - 1).bit_length() - 1
