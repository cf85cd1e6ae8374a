"""RFC 9162 on the chain, in Python, and in the published vectors: they accept and refuse the same proofs."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from ledger_service.errors import VerificationError
from ledger_service.log.hashing import HASH_BYTES, leaf_hash
from ledger_service.log.proof import verify_consistency, verify_inclusion
from ledger_service.log.tree import Tree
from tests.contracts.conftest import Differential

LARGEST = 64
SHARED = Path(os.environ.get("CROWDLEDGER_SHARED", Path(__file__).parents[3] / "shared"))
LEAVES = [leaf_hash(index.to_bytes(4, "big")) for index in range(LARGEST)]
Question = tuple[Any, ...]


def forged(proof: Sequence[bytes]) -> Iterator[list[bytes]]:
    """The proof with one bit flipped, one hash less, one hash more; which bit depends on the proof."""
    chosen = sum(proof[0][:4]) if proof else 0
    if proof:
        at = chosen % len(proof)
        flipped = bytearray(proof[at])
        flipped[chosen % HASH_BYTES] ^= 1 << chosen % 8
        yield [*proof[:at], bytes(flipped), *proof[at + 1 :]]
        yield [*proof[:-1]]
        yield [*proof[1:]]
    yield [*proof, LEAVES[chosen % LARGEST]]


def accepts(verify: Any, *arguments: Any) -> bool:
    try:
        verify(*arguments)
    except VerificationError:
        return False
    return True


def check(differential: Differential, function: str, verify: Any, cases: list[tuple[Question, bool]]) -> None:
    """The chain and Python answer each question as expected."""
    found = differential.ask(function, [question for question, _ in cases])
    wrong = [
        (question, expected)
        for (question, expected), chain in zip(cases, found, strict=True)
        if chain != expected or accepts(verify, *question) != expected
    ]
    assert not wrong, f"{len(wrong)} of {len(cases)} questions, the first: {wrong[0]}"


def test_every_inclusion_to_64_and_no_forged_proof_of_one(differential: Differential) -> None:
    tree = Tree(LEAVES)
    cases: list[tuple[Question, bool]] = []
    for size in range(1, LARGEST + 1):
        root = tree.root(size)
        for index in range(size):
            proof = tree.inclusion_proof(index, size)
            cases.append(((LEAVES[index], index, size, proof, root), True))
            cases += [((LEAVES[index], index, size, other, root), False) for other in forged(proof)]
    assert sum(expected for _, expected in cases) == LARGEST * (LARGEST + 1) // 2
    check(differential, "inclusions", verify_inclusion, cases)


def test_every_consistency_to_64_and_no_forged_proof_of_one(differential: Differential) -> None:
    tree = Tree(LEAVES)
    roots = [tree.root(size) for size in range(LARGEST + 1)]
    cases: list[tuple[Question, bool]] = []
    for second in range(1, LARGEST + 1):
        for first in range(1, second + 1):
            proof = tree.consistency_proof(first, second)
            cases.append(((first, second, roots[first], roots[second], proof), True))
            cases += [((first, second, roots[first], roots[second], other), False) for other in forged(proof)]
    check(differential, "consistencies", verify_consistency, cases)


def test_chain_and_python_agree_on_every_index_and_size_that_a_proof_may_be_shown_with(
    differential: Differential,
) -> None:
    """A proof alone does not bind the size of its tree, which is the head's: some are good for several."""
    tree, size = Tree(LEAVES), 11
    cases: list[tuple[Question, bool]] = []
    for index in range(size):
        proof, root = tree.inclusion_proof(index, size), tree.root(size)
        for other in range(24):
            for among in range(24):
                question = (LEAVES[index], other, among, proof, root)
                cases.append((question, accepts(verify_inclusion, *question)))
    good = [(LEAVES.index(question[0]), question[1], question[2]) for question, yes in cases if yes]
    assert [(index, other) for index, other, among in good if among == size] == [(i, i) for i in range(size)]
    assert len(good) > size
    check(differential, "inclusions", verify_inclusion, cases)


def vectors(name: str) -> list[dict[str, Any]]:
    path = SHARED / "vectors" / name
    if not path.exists():
        pytest.skip(f"no public vectors at {path}; set CROWDLEDGER_SHARED")
    found: list[dict[str, Any]] = json.loads(path.read_text())
    return found


def decoded(text: str | None) -> bytes:
    return base64.b64decode(text) if text else b""


def hashes(proof: list[str] | None) -> list[bytes]:
    return [decoded(text) for text in proof or []]


def can_be_asked(question: Question) -> bool:
    """The contract takes hashes of 32 bytes and sizes from zero to 2^256 only."""
    flat = [one for value in question for one in (value if isinstance(value, list) else [value])]
    return all(len(one) == HASH_BYTES if isinstance(one, bytes) else 0 <= one < 1 << 256 for one in flat)


def judge(differential: Differential, function: str, cases: list[tuple[Question, bool]]) -> None:
    """The chain accepts what the vectors accept; what cannot even be asked is refused by them."""
    asked = [case for case in cases if can_be_asked(case[0])]
    assert not any(wanted for question, wanted in cases if not can_be_asked(question))
    found = differential.ask(function, [question for question, _ in asked])
    wrong = [case for case, yes in zip(asked, found, strict=True) if yes != case[1]]
    assert not wrong, f"{len(wrong)} of {len(asked)} vectors, the first: {wrong[0]}"
    assert len(asked) > len(cases) // 2
    assert set(found) == {True, False}


def test_the_chain_judges_the_inclusion_vectors(differential: Differential) -> None:
    cases: list[tuple[Question, bool]] = []
    for case in vectors("rfc6962-inclusion.json"):
        proof, root = hashes(case["proof"]), decoded(case["root"])
        question = (decoded(case["leafHash"]), case["leafIdx"], case["treeSize"], proof, root)
        cases.append((question, not case["wantErr"]))
    judge(differential, "inclusions", cases)


def test_the_chain_judges_the_consistency_vectors(differential: Differential) -> None:
    cases: list[tuple[Question, bool]] = []
    for case in vectors("rfc6962-consistency.json"):
        # Short roots ("don't care") are only compared, so they can stand for roots of 32 bytes.
        roots = (decoded(case[name]).ljust(HASH_BYTES, b"\0") for name in ("root1", "root2"))
        cases.append(((case["size1"], case["size2"], *roots, hashes(case["proof"])), not case["wantErr"]))
    judge(differential, "consistencies", cases)
