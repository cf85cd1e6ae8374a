"""The tree in memory, against the RFC's recursive definitions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_service.errors import BadInput, VerificationError
from ledger_service.log.hashing import EMPTY_ROOT, leaf_hash
from ledger_service.log.proof import verify_consistency, verify_inclusion
from ledger_service.log.tree import Tree, root_of, root_of_data
from tests.log import naive

SIZES = range(1, 65)
LEAVES = naive.some_leaves(64)
TREE = Tree(LEAVES)


def test_roots_are_those_of_the_definition() -> None:
    for size in range(65):
        assert TREE.root(size) == naive.tree_hash(LEAVES[:size]) == root_of(LEAVES[:size])


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert Tree().root() == EMPTY_ROOT == root_of([])


def test_leaf_data_is_hashed_before_it_is_a_leaf() -> None:
    assert root_of_data([b"a", b"b"]) == naive.tree_hash([leaf_hash(b"a"), leaf_hash(b"b")])


@pytest.mark.parametrize("size", SIZES)
def test_every_inclusion_proof_is_that_of_the_definition_and_verifies(size: int) -> None:
    for index in range(size):
        proof = TREE.inclusion_proof(index, size)
        assert proof == naive.path(index, LEAVES[:size])
        verify_inclusion(LEAVES[index], index, size, proof, TREE.root(size))


@pytest.mark.parametrize("size", SIZES)
def test_every_consistency_proof_is_that_of_the_definition_and_verifies(size: int) -> None:
    for earlier in range(1, size + 1):
        proof = TREE.consistency_proof(earlier, size)
        assert proof == naive.proof(earlier, LEAVES[:size])
        verify_consistency(earlier, size, TREE.root(earlier), TREE.root(size), proof)


def refused(verify, *arguments) -> bool:  # type: ignore[no-untyped-def]
    try:
        verify(*arguments)
    except VerificationError:
        return True
    return False


def altered(hashes: list[bytes]) -> Iterator[list[bytes]]:
    """A list of hashes with each one of them changed in its first or last bit, left out, or given twice."""
    for at, value in enumerate(hashes):
        for other in (bytes([value[0] ^ 0x80]) + value[1:], value[:-1] + bytes([value[-1] ^ 1])):
            yield [*hashes[:at], other, *hashes[at + 1 :]]
        yield [*hashes[:at], *hashes[at + 1 :]]
        yield [*hashes[:at], value, *hashes[at:]]
    yield [*hashes, bytes(32)]


@pytest.mark.parametrize("size", SIZES)
def test_every_altered_inclusion_proof_is_refused(size: int) -> None:
    """Of every leaf in a tree of every size: hashes, leaf, root, and every other index there is."""
    root = TREE.root(size)
    for index in range(size):
        leaf, proof = LEAVES[index], TREE.inclusion_proof(index, size)
        for path in altered(proof):
            assert refused(verify_inclusion, leaf, index, size, path, root), (index, path)
        assert refused(verify_inclusion, leaf_hash(leaf), index, size, proof, root), index
        assert refused(verify_inclusion, leaf, index, size, proof, leaf_hash(root)), index
        for other in (*range(index), *range(index + 1, size + 1)):
            assert refused(verify_inclusion, leaf, other, size, proof, root), (index, other)


@pytest.mark.parametrize("size", SIZES)
def test_every_altered_consistency_proof_is_refused(size: int) -> None:
    """Between every two sizes: hashes, roots, and every other earlier size there is."""
    root = TREE.root(size)
    for earlier in range(1, size + 1):
        old, proof = TREE.root(earlier), TREE.consistency_proof(earlier, size)
        for hashes in altered(proof):
            assert refused(verify_consistency, earlier, size, old, root, hashes), (earlier, hashes)
        assert refused(verify_consistency, earlier, size, leaf_hash(old), root, proof), earlier
        assert refused(verify_consistency, earlier, size, old, leaf_hash(root), proof), earlier
        for other in (*range(earlier), *range(earlier + 1, size + 2)):
            assert refused(verify_consistency, other, size, old, root, proof), (earlier, other)


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=90), st.data())
@settings(max_examples=200)
def test_random_trees_are_those_of_the_definition(entries: list[bytes], data: st.DataObject) -> None:
    """Trees of any entries, also equal ones, that grew in any steps."""
    leaves = [naive.leaf(entry) for entry in entries]
    tree = Tree(leaves[: data.draw(st.integers(0, len(leaves)))])
    for leaf in leaves[len(tree) :]:
        tree.append(leaf)
    size = data.draw(st.integers(1, len(leaves)))
    assert tree.root(size) == naive.tree_hash(leaves[:size])
    index, earlier = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    path, proof = tree.inclusion_proof(index, size), tree.consistency_proof(earlier, size)
    assert path == naive.path(index, leaves[:size])
    assert proof == naive.proof(earlier, leaves[:size])
    verify_inclusion(leaves[index], index, size, path, tree.root(size))
    verify_consistency(earlier, size, tree.root(earlier), tree.root(size), proof)


@given(st.data())
@settings(max_examples=300)
def test_a_changed_inclusion_proof_is_refused(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 64))
    index = data.draw(st.integers(0, size - 1))
    leaf, root, proof = LEAVES[index], TREE.root(size), TREE.inclusion_proof(index, size)
    change = data.draw(
        st.sampled_from(["leaf", "root", "index", "size", "shorter", "longer", "hash", "swap"])
    )
    if change == "leaf":
        leaf = flipped(leaf, data)
    elif change == "root":
        root = flipped(root, data)
    elif change == "index":
        index = data.draw(st.integers(-1, 70).filter(lambda other: other != index))
    elif change == "size":
        # Another size may have the same path; then it is the root that tells, so it must differ.
        size = data.draw(
            st.integers(0, 64).filter(lambda n: naive_shape(index, n) != naive_shape(index, size))
        )
    elif change == "longer":
        proof = [*proof, data.draw(st.binary(min_size=32, max_size=32))]
    elif not proof:
        return
    elif change == "shorter":
        proof = proof[:-1]
    elif change == "hash":
        at = data.draw(st.integers(0, len(proof) - 1))
        proof[at] = flipped(proof[at], data)
    elif len(proof) > 1:
        proof[0], proof[1] = proof[1], proof[0]
    else:
        return
    with pytest.raises(VerificationError):
        verify_inclusion(leaf, index, size, proof, root)


def naive_shape(index: int, size: int) -> list[bool] | None:
    """On which side each sibling stands; None where there is no such leaf."""
    if index >= size:
        return None
    if size == 1:
        return []
    k = naive.split(size)
    inner = naive_shape(index, k) if index < k else naive_shape(index - k, size - k)
    return [*(inner or []), index < k]


@given(st.data())
@settings(max_examples=300)
def test_a_changed_consistency_proof_is_refused(data: st.DataObject) -> None:
    size2 = data.draw(st.integers(2, 64))
    size1 = data.draw(st.integers(1, size2 - 1))
    root1, root2 = TREE.root(size1), TREE.root(size2)
    proof = TREE.consistency_proof(size1, size2)
    change = data.draw(st.sampled_from(["root1", "root2", "shorter", "longer", "hash", "zero", "equal"]))
    if change == "root1":
        root1 = flipped(root1, data)
    elif change == "root2":
        root2 = flipped(root2, data)
    elif change == "shorter":
        proof = proof[:-1]
    elif change == "longer":
        proof = [*proof, data.draw(st.binary(min_size=32, max_size=32))]
    elif change == "hash":
        at = data.draw(st.integers(0, len(proof) - 1))
        proof[at] = flipped(proof[at], data)
    elif change == "zero":
        size1 = 0
    else:
        size1 = size2
    with pytest.raises(VerificationError):
        verify_consistency(size1, size2, root1, root2, proof)


def flipped(value: bytes, data: st.DataObject) -> bytes:
    at = data.draw(st.integers(0, len(value) - 1))
    bit = data.draw(st.integers(0, 7))
    return value[:at] + bytes([value[at] ^ 1 << bit]) + value[at + 1 :]


@pytest.mark.parametrize(
    "ask",
    [
        lambda: TREE.root(65),
        lambda: TREE.root(-1),
        lambda: TREE.inclusion_proof(64),
        lambda: TREE.inclusion_proof(-1),
        lambda: TREE.inclusion_proof(5, 5),
        lambda: TREE.consistency_proof(0),
        lambda: TREE.consistency_proof(5, 4),
        lambda: Tree([b"short"]),
    ],
)
def test_what_the_tree_does_not_have_is_refused(ask) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadInput):
        ask()
