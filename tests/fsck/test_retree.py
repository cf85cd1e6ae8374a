"""A tree grown again gives the tiles and roots that an append gives."""

from __future__ import annotations

import hashlib

import pytest

from ledger_service.fsck.retree import Retree
from ledger_service.log import tiles
from ledger_service.log.tree import Tree


def leaf(index: int) -> bytes:
    return hashlib.sha256(f"leaf {index}".encode()).digest()


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 511, 512, 1000, 65_535, 65_536, 65_537])
def test_tiles_and_root_are_those_of_an_append(size: int) -> None:
    leaves = [leaf(index) for index in range(size)]
    again = Retree()
    found: dict[tuple[int, int], bytes] = {}
    for one in leaves:
        found |= {(level, index): hashes for level, index, hashes in again.add(one)}
    found |= {(level, index): hashes for level, index, hashes in again.partial()}
    appended, root = tiles.append(tiles.MemoryTiles({}), 0, leaves)
    assert found == appended
    assert again.root() == root
    counts: dict[int, int] = {}
    for level, _ in appended:
        counts[level] = counts.get(level, 0) + 1
    assert again.counts() == [counts[level] for level in sorted(counts)]


def test_every_root_on_the_way_is_right() -> None:
    again, tree = Retree(), Tree()
    for index in range(700):
        assert again.root() == tree.root()
        list(again.add(leaf(index)))
        tree.append(leaf(index))
    assert again.root() == tree.root()
