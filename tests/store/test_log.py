"""The log's rows against a tree in memory; appends one after the other, or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, select, text, update

from ledger_service import entries
from ledger_service.errors import BadInput, Conflict, Corrupt, NotYours, Unavailable
from ledger_service.log import tiles
from ledger_service.log.checkpoint import LogKey, open_checkpoint
from ledger_service.log.proof import verify_inclusion
from ledger_service.log.tree import Tree
from ledger_service.store.store import Store
from ledger_service.store.tables import log_tiles


@pytest.fixture
def store(database: Engine) -> Iterator[Store]:
    made = Store(database, LogKey("example.org/log", bytes(range(32))), bytes(32))
    with made.begin() as uow:
        uow.log.initialise()
    yield made
    made.close()


def erasures(first: int, count: int) -> list[entries.Entry]:
    return [
        entries.encode(entries.Erasure(hashlib.sha256(str(n).encode()).digest(), n))
        for n in range(first, first + count)
    ]


@pytest.mark.parametrize("sizes", [[1, 1, 1], [255, 1, 1], [256, 300], [1000, 70_000 - 1000]])
def test_batches_give_the_root_and_proofs_of_a_tree_in_memory(store: Store, sizes: list[int]) -> None:
    tree, done = Tree(), 0
    for size in sizes:
        batch = erasures(done, size)
        with store.begin() as uow:
            assert uow.log.append(batch) == list(range(done, done + size))
        for entry in batch:
            tree.append(entry.leaf)
        done += size
    with store.begin() as uow:
        head = uow.log.head()
        assert (head.size, head.root) == (done, tree.root())
        assert open_checkpoint(head.checkpoint, store.log_key.verifier).root == head.root
        for index in {0, done // 3, done - 1}:
            proof = uow.log.tree(done).inclusion_proof(index)
            assert proof == tree.inclusion_proof(index)
            verify_inclusion(erasures(index, 1)[0].leaf, index, done, proof, head.root)


def test_concurrent_appends_leave_no_gap_and_lose_nothing(store: Store) -> None:
    def append(number: int) -> list[int]:
        with store.begin() as uow:
            return uow.log.append(erasures(number * 10, 3))

    with ThreadPoolExecutor(8) as pool:
        indices = sorted(index for batch in pool.map(append, range(40)) for index in batch)
    assert indices == list(range(120))
    with store.begin() as uow:
        raw = uow.log.entries(0, 120)
        assert uow.log.head().root == Tree(entries.leaf_hash(one) for one in raw).root()


def test_what_is_rolled_back_was_never_there(store: Store) -> None:
    with store.begin() as uow:
        uow.log.append(erasures(0, 300))
        before = uow.log.head()

    def fail() -> None:
        with store.begin() as uow:
            uow.log.append(erasures(300, 300))
            raise RuntimeError("the process ends here")

    with pytest.raises(RuntimeError):
        fail()
    with store.begin() as uow:
        assert uow.log.head() == before
        assert uow.log.append(erasures(900, 1)) == [300]
        tree = Tree(entry.leaf for entry in [*erasures(0, 300), *erasures(900, 1)])
        assert uow.log.head().root == tree.root()


def test_raw_entries_are_those_that_typed_ones_would_be(store: Store) -> None:
    typed = erasures(0, 5)
    with store.begin() as uow:
        assert uow.log.append_raw([("Erasure", entry.raw) for entry in typed[:2]]) == [0, 1]
        assert uow.log.append(typed[2:]) == [2, 3, 4]
        assert uow.log.entries(0, 5) == [entry.raw for entry in typed]
        assert uow.log.at([(3, typed[3].leaf), (0, typed[0].leaf)]) == {3: typed[3].raw, 0: typed[0].raw}
        assert uow.log.head().root == Tree(entry.leaf for entry in typed).root()


@pytest.mark.parametrize("raw", [b"", b"\x00", bytes(65_535), "ä\\\t\n\\N".encode()])
def test_any_bytes_up_to_65535_can_be_an_entry(store: Store, raw: bytes) -> None:
    with store.begin() as uow:
        assert uow.log.append_raw([("Any", raw)]) == [0]
        assert uow.log.entries(0, 1) == [raw]


def test_an_entry_that_is_too_long_is_refused(store: Store) -> None:
    with pytest.raises(BadInput), store.begin() as uow:
        uow.log.append_raw([("Any", bytes(65_536))])


def test_an_entry_is_looked_up_by_its_index_and_has_to_have_its_leaf(store: Store) -> None:
    one, other = erasures(0, 2)
    with store.begin() as uow:
        uow.log.append([one, other])
        assert uow.log.at([]) == {}
        for places in ([(0, other.leaf)], [(1, other.leaf), (2, one.leaf)], [(0, one.leaf), (0, other.leaf)]):
            with pytest.raises(Corrupt, match="is not the one that a row names"):
                uow.log.at(places)


def test_an_entry_is_in_a_batch_once(store: Store) -> None:
    with store.begin() as uow:
        uow.log.append(erasures(0, 2))
        head = uow.log.head()
    for batch in (
        [*erasures(5, 1), *erasures(5, 1)],  # twice in one piece of the copy
        [*erasures(5, 300), *erasures(5, 1)],  # and in two
    ):
        with pytest.raises(Conflict), store.begin() as uow:
            uow.log.append(batch)
        with store.begin() as uow:
            assert uow.log.head() == head


def test_tiles_are_those_of_a_tree_that_is_built_anew_at_every_size(store: Store) -> None:
    sizes = [1, 2, 3, 250, 255, 256, 257, 511, 512, 513, 1000, 5000, 65_535, 65_536, 65_537, 66_000]
    leaves = [entry.leaf for entry in erasures(0, sizes[-1])]
    done = 0
    for size in sizes:
        with store.begin() as uow:
            uow.log.append(erasures(done, size - done))
        done = size
        wanted, root = tiles.append(tiles.MemoryTiles({}), 0, leaves[:size])
        with store.begin() as uow:
            rows = uow.connection.execute(select(log_tiles)).all()
            assert {(level, index): hashes for level, index, hashes in rows} == wanted
            assert uow.log.head().root == root


def test_stores_that_take_turns_do_not_mislead_each_other(store: Store, database: Engine) -> None:
    # Two processes: each remembers the edge that its own last append left.
    second = Store(database, store.log_key, store.storage_key)
    done = 0
    for turn, size in enumerate([3, 300, 1, 1, 256, 700, 5, 5]):
        with (store, second)[turn % 3 == 1].begin() as uow:
            assert uow.log.append(erasures(done, size))[0] == done
        done += size
    with store.begin() as uow:
        assert uow.log.head().root == Tree(entry.leaf for entry in erasures(0, done)).root()


def test_two_appends_in_one_transaction_are_as_one(store: Store) -> None:
    with store.begin() as uow:
        assert uow.log.append(erasures(0, 300))[-1] == 299
        assert uow.log.append(erasures(300, 300))[0] == 300
        assert uow.log.head().root == Tree(entry.leaf for entry in erasures(0, 600)).root()


def test_nothing_is_appended_to_tiles_that_do_not_make_the_heads_root(store: Store, database: Engine) -> None:
    with store.begin() as uow:
        uow.log.append(erasures(0, 300))
        uow.connection.execute(update(log_tiles).where(log_tiles.c.index == 1).values(hashes=bytes(44 * 32)))
    afresh = Store(database, store.log_key, store.storage_key)
    with pytest.raises(Corrupt, match="root of the head of 300"), afresh.begin() as uow:
        uow.log.append(erasures(300, 1))


def test_a_connection_that_is_lost_within_an_append_says_so_and_the_next_one_works(
    store: Store, database: Engine
) -> None:
    def append_on_a_lost_connection() -> None:
        with store.begin() as uow:
            pid = uow.connection.scalar(text("SELECT pg_backend_pid()"))
            with database.connect() as other:
                other.execute(text(f"SELECT pg_terminate_backend({pid}, 5000)"))
            uow.log.append(erasures(0, 3))

    with pytest.raises(Unavailable):
        append_on_a_lost_connection()
    with store.begin() as uow:
        assert uow.log.append(erasures(0, 3)) == [0, 1, 2]


def test_what_the_log_does_not_have_is_not_found(store: Store) -> None:
    with store.begin() as uow:
        uow.log.append(erasures(0, 3))
        assert len(uow.log.tile(0, 0, 3)) == 96
        for level, index, width in ((0, 0, 4), (0, 1, 1), (1, 0, 1)):
            with pytest.raises(NotYours):
                uow.log.tile(level, index, width)
        with pytest.raises(NotYours):
            uow.log.entries(2, 2)
