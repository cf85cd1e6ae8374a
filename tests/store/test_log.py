"""The log's rows against a tree in memory; appends one after the other, or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from ledger_service import entries
from ledger_service.errors import Conflict, NotYours
from ledger_service.log.checkpoint import LogKey, open_checkpoint
from ledger_service.log.proof import verify_inclusion
from ledger_service.log.tree import Tree
from ledger_service.store.store import Store


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


def test_an_entry_is_in_the_log_once(store: Store) -> None:
    with store.begin() as uow:
        uow.log.append(erasures(0, 2))
    for batch in (erasures(1, 1), [*erasures(5, 1), *erasures(5, 1)]):
        with pytest.raises(Conflict), store.begin() as uow:
            uow.log.append(batch)


def test_what_the_log_does_not_have_is_not_found(store: Store) -> None:
    with store.begin() as uow:
        uow.log.append(erasures(0, 3))
        assert len(uow.log.tile(0, 0, 3)) == 96
        for level, index, width in ((0, 0, 4), (0, 1, 1), (1, 0, 1)):
            with pytest.raises(NotYours):
                uow.log.tile(level, index, width)
        with pytest.raises(NotYours):
            uow.log.entries(2, 2)
