"""The accumulator of anchored heads: each is proved under every number of heads, and nothing else is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_service import heads
from ledger_service.errors import BadInput, VerificationError
from ledger_service.heads import Head, HeadProof, Heads
from ledger_service.signing import keccak256

WORDS = st.binary(min_size=32, max_size=32)


def head(number: int) -> Head:
    return Head(3 * number + 1, keccak256(number.to_bytes(8, "big")), 1_770_000_000 + number)


def perfect(nodes: list[bytes]) -> bytes:
    """The root of a perfect tree over 2^k leaves, by its definition."""
    if len(nodes) == 1:
        return nodes[0]
    middle = len(nodes) // 2
    return keccak256(perfect(nodes[:middle]) + perfect(nodes[middle:]))


def mountains(leaves: list[bytes]) -> dict[int, bytes]:
    """The peaks by their definition: the highest set bit of the count covers the first leaves."""
    found, at = {}, 0
    for level in range(len(leaves).bit_length() - 1, -1, -1):
        if len(leaves) >> level & 1:
            found[level] = perfect(leaves[at : at + (1 << level)])
            at += 1 << level
    return found


def on_chain(leaves: list[bytes]) -> dict[int, bytes]:
    """As the contract appends: one peak a level; those of the count's bits are in use."""
    peaks: dict[int, bytes] = {}
    for count, node in enumerate(leaves):
        level = 0
        while count >> level & 1:
            node = keccak256(peaks[level] + node)
            level += 1
        peaks[level] = node
    return {level: node for level, node in peaks.items() if len(leaves) >> level & 1}


@pytest.mark.parametrize("count", range(70))
def test_the_peaks_are_the_perfect_trees_of_the_count_s_bits(count: int) -> None:
    leaves = [heads.leaf(head(number)) for number in range(count)]
    made = Heads(map(head, range(count)))
    assert made.peaks() == mountains(leaves) == on_chain(leaves)
    assert (len(made), made.peaks(0)) == (count, {})


@pytest.mark.parametrize("count", range(1, 70))
def test_every_head_is_proved_under_every_number_of_heads_after_it(count: int) -> None:
    made, before = Heads(map(head, range(69))), Heads(map(head, range(count)))
    for position in range(count):
        proof = made.proof(position, count)
        assert proof == before.proof(position)
        assert (proof.head, proof.position) == (head(position), position)
        heads.verify(proof, count, made.peaks(count)[len(proof.path)])


@given(st.integers(1, 200), st.data())
def test_a_proof_is_good_for_its_head_alone(count: int, data: st.DataObject) -> None:
    made = Heads(map(head, range(count)))
    position = data.draw(st.integers(0, count - 1))
    proof = made.proof(position)
    peak = made.peaks()[len(proof.path)]
    other = data.draw(
        st.sampled_from(["size", "time", "root", "position", "sibling", "shorter", "longer", "peak", "count"])
    )
    changed, under, seen = proof, count, peak
    if other in ("size", "time"):
        more = getattr(proof.head, other) + data.draw(st.integers(1, 1 << 40))
        changed = replace(proof, head=replace(proof.head, **{other: more}))
    elif other == "root":
        changed = replace(proof, head=replace(proof.head, root=data.draw(WORDS)))
    elif other == "position":
        changed = replace(
            proof, position=data.draw(st.integers(-3, 2 * count).filter(lambda at: at != position))
        )
    elif other == "peak":
        seen = data.draw(WORDS)
    elif other == "count":
        under = data.draw(
            st.integers(0, 400).filter(lambda found: found >> len(proof.path) != count >> len(proof.path))
        )
    elif other == "longer":
        changed = replace(proof, path=(*proof.path, data.draw(WORDS)))
    elif proof.path:
        at = data.draw(st.integers(0, len(proof.path) - 1))
        wrong = [] if other == "shorter" else [data.draw(WORDS)]
        changed = replace(proof, path=(*proof.path[:at], *wrong, *proof.path[at + 1 :]))
    if (changed, under, seen) == (proof, count, peak):
        heads.verify(changed, under, seen)
    else:
        with pytest.raises(VerificationError):
            heads.verify(changed, under, seen)


def test_the_leaf_is_abi_encoded() -> None:
    found = heads.leaf(Head(5, bytes(range(32)), 7))
    assert found == keccak256((5).to_bytes(32, "big") + bytes(range(32)) + (7).to_bytes(32, "big"))


def test_heads_grow() -> None:
    made = Heads([head(0), head(1)])
    for wrong in (head(1), head(0), Head(0, bytes(32), 1), Head(1 << 64, bytes(32), 1), Head(9, b"", 1)):
        with pytest.raises(BadInput):
            made.append(wrong)
    assert (len(made), made[1]) == (2, head(1))
    made.append(head(2))
    assert made.peaks() == Heads(map(head, range(3))).peaks()
    for position, count in ((-1, 3), (3, 3), (2, 2), (0, 0), (0, 4), (0, -1)):
        with pytest.raises(BadInput):
            made.proof(position, count)
    with pytest.raises(BadInput):
        made.peaks(4)


def test_a_head_is_found_by_its_size() -> None:
    made = Heads(map(head, range(20)))
    assert [made.find(head(number).size) for number in range(20)] == list(range(20))
    assert [made.find(size) for size in (0, 2, 3, 59, 10**9)] == [None] * 5
    assert Heads().find(1) is None


def test_the_latest_head_needs_no_path() -> None:
    assert Heads(map(head, range(20))).newest() == HeadProof(head(19), 19, ())
    with pytest.raises(BadInput):
        Heads().newest()


def test_siblings_are_hashes() -> None:
    made = Heads(map(head, range(2)))
    proof = replace(made.proof(0), path=(b"short",))
    with pytest.raises(VerificationError, match="length of a hash"):
        heads.verify(proof, 2, made.peaks()[1])
