"""The log in tiles (C2SP tlog-tiles)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_service.errors import BadInput, Corrupt
from ledger_service.log import tiles
from ledger_service.log.tiles import MemoryTiles, TileCache, TiledTree
from ledger_service.log.tree import Tree
from tests.log import naive

LEAVES = naive.some_leaves(70_000)
TREE = Tree(LEAVES)


class Recorder:
    """Tiles in memory that note what was read."""

    def __init__(self, stored: tiles.Tiles) -> None:
        self.stored, self.reads = stored, list[tuple[int, int, int]]()

    def read(self, level: int, index: int, width: int) -> bytes:
        self.reads.append((level, index, width))
        return MemoryTiles(self.stored).read(level, index, width)


def grown(batches: list[int]) -> tiles.Tiles:
    """The tiles after appending batches of these sizes; each root on the way is checked."""
    stored: tiles.Tiles = {}
    size = 0
    for count in batches:
        changed, root = tiles.append(MemoryTiles(stored), size, LEAVES[size : size + count])
        stored.update(changed)
        size += count
        assert root == TREE.root(size)
    return stored


@given(st.lists(st.integers(0, 700), max_size=8))
@settings(max_examples=40, deadline=None)
def test_however_batches_are_cut_the_tiles_are_the_same(batches: list[int]) -> None:
    assert grown(batches) == grown([sum(batches)])


def test_a_tree_of_70000_has_the_tiles_that_the_specification_names() -> None:
    stored = grown([70_000])
    widths = {key: len(value) // 32 for key, value in stored.items()}
    assert [width for (level, _), width in sorted(widths.items()) if level == 0] == [256] * 273 + [112]
    assert {key: width for key, width in widths.items() if key[0]} == {(1, 0): 256, (1, 1): 17, (2, 0): 1}
    for (level, index), width in widths.items():
        assert tiles.tile_width(level, index, 70_000) == width


def test_a_tree_of_256_has_a_full_tile_and_one_hash_above() -> None:
    assert {key: len(value) for key, value in grown([256]).items()} == {(0, 0): 8192, (1, 0): 32}


def test_proofs_from_tiles_are_those_of_the_tree() -> None:
    tree = TiledTree(MemoryTiles(grown([70_000])), 70_000)
    for index in (0, 1, 255, 256, 65_535, 65_536, 69_887, 69_888, 69_999):
        assert tree.leaf(index) == LEAVES[index]
        for size in (index + 1, 65_537, 69_999, 70_000):
            if index < size:
                assert tree.inclusion_proof(index, size) == TREE.inclusion_proof(index, size)
    for size1 in (1, 2, 255, 256, 257, 4096, 65_536, 69_888, 70_000):
        assert tree.root(size1) == TREE.root(size1)
        assert tree.consistency_proof(size1) == TREE.consistency_proof(size1)


@given(st.integers(1, 2000), st.data())
@settings(max_examples=60, deadline=None)
def test_proofs_at_any_size_are_those_of_the_tree(size: int, data: st.DataObject) -> None:
    tree = TiledTree(MemoryTiles(grown([size])), size)
    index = data.draw(st.integers(0, size - 1))
    earlier = data.draw(st.integers(index + 1, size))
    assert tree.inclusion_proof(index, earlier) == TREE.inclusion_proof(index, earlier)
    assert tree.consistency_proof(earlier) == TREE.consistency_proof(earlier, size)


def test_an_append_reads_and_writes_the_right_edge_only() -> None:
    reader = Recorder(grown([69_999]))
    changed, _ = tiles.append(reader, 69_999, LEAVES[69_999:])
    assert set(changed) == {(0, 273)}
    assert set(reader.reads) == {(0, 273, 111), (1, 1, 17), (2, 0, 1)}


def test_a_full_tile_is_read_once_while_it_is_cached() -> None:
    reader, cache = Recorder(grown([1000])), TileCache()
    for index in range(1000):
        TiledTree(reader, 1000, cache).inclusion_proof(index)
    assert len(reader.reads) == len(set(reader.reads)) == 5


def test_the_cache_keeps_no_more_tiles_than_it_may() -> None:
    reader, cache = Recorder(grown([1000])), TileCache(capacity=1)
    tree = TiledTree(reader, 1000, cache)
    assert [tree.leaf(0), tree.leaf(999), tree.leaf(0)] == [LEAVES[0], LEAVES[999], LEAVES[0]]
    assert reader.reads == [(0, 0, 256), (0, 3, 232), (0, 0, 256)]


def test_a_tile_of_the_wrong_length_is_no_tile() -> None:
    stored = grown([300])
    stored[(0, 1)] = stored[(0, 1)][:-1]
    with pytest.raises(Corrupt):
        TiledTree(MemoryTiles(stored), 300).inclusion_proof(299)
    with pytest.raises(Corrupt):
        tiles.append(MemoryTiles(stored), 300, LEAVES[:1])


def test_sizes_beyond_the_tree_and_short_hashes_are_refused() -> None:
    tree = TiledTree(MemoryTiles(grown([10])), 10)
    for ask in (lambda: tree.root(11), lambda: tree.inclusion_proof(0, 11), lambda: tree.leaf(10)):
        with pytest.raises(BadInput):
            ask()
    with pytest.raises(BadInput):
        tiles.append(MemoryTiles({}), 0, [b"short"])


@pytest.mark.parametrize(
    ("level", "index", "width", "path"),
    [
        (0, 0, 256, "tile/0/000"),
        (0, 1_234_067, 256, "tile/0/x001/x234/067"),
        (5, 999, 12, "tile/5/999.p/12"),
        (63, 1000, 255, "tile/63/x001/000.p/255"),
        (None, 273, 112, "tile/entries/273.p/112"),
    ],
)
def test_paths_are_those_of_the_specification(level: int | None, index: int, width: int, path: str) -> None:
    made = tiles.entries_path(index, width) if level is None else tiles.tile_path(level, index, width)
    assert made == path
    assert tiles.parse_path(path) == (level, index, width)


@given(st.integers(0, 63), st.integers(0, 10**12), st.integers(1, 256))
def test_paths_round_trip(level: int, index: int, width: int) -> None:
    assert tiles.parse_path(tiles.tile_path(level, index, width)) == (level, index, width)


@pytest.mark.parametrize(
    "path",
    [
        "", "tile/0", "tile/0/0", "tile/00/000", "tile/64/000", "tile/0/x000/001", "tile/0/001/002",
        "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/x001", "tile/entry/000",
        "/tile/0/000", "tile/0/000\n", "tile/0/٠٠٠", "tile/-1/000",
    ],
)  # fmt: skip
def test_other_paths_are_refused(path: str) -> None:
    with pytest.raises(BadInput):
        tiles.parse_path(path)


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_entry_bundles_round_trip(found: list[bytes]) -> None:
    assert tiles.parse_bundle(tiles.encode_bundle(found)) == found


def test_an_entry_bundle_is_length_and_bytes() -> None:
    assert tiles.encode_bundle([b"ab", b""]) == b"\x00\x02ab\x00\x00"


@pytest.mark.parametrize("raw", [b"\x00", b"\x00\x01", b"\x00\x02a", b"\x00\x01a\x00"])
def test_a_bundle_that_ends_within_an_entry_is_refused(raw: bytes) -> None:
    with pytest.raises(BadInput):
        tiles.parse_bundle(raw)


def test_an_entry_beyond_65535_bytes_fits_no_bundle() -> None:
    assert len(tiles.encode_bundle([bytes(65_535)])) == 65_537
    with pytest.raises(BadInput):
        tiles.encode_bundle([bytes(65_536)])
