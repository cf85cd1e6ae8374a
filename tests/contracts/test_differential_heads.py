"""The accumulator of heads: the chain's peaks are Python's, and each holds the proofs of the other's."""

from __future__ import annotations

import random
from dataclasses import astuple, replace

from ledger_service.heads import Head, HeadProof, Heads
from ledger_service.signing import keccak256
from tests.contracts.conftest import Differential

MOST = 48


def made() -> list[Head]:
    """Heads of growing sizes, the last of them as large as their types hold."""
    chance = random.Random(24)  # the same in every run
    heads, size = [], 0
    for number in range(MOST):
        size += chance.randint(1, 1 << chance.randint(0, 57))
        heads.append(Head(size, keccak256(number.to_bytes(4, "big")), chance.randint(0, (1 << 64) - 1)))
    assert size < 1 << 64
    return heads


def forged(proof: HeadProof) -> list[HeadProof]:
    """The proof with another size, root, time or position, and with paths of other hashes and lengths."""
    head, path = proof.head, proof.path
    others = [
        replace(proof, head=replace(head, size=head.size ^ 1)),
        replace(proof, head=replace(head, root=keccak256(head.root))),
        replace(proof, head=replace(head, time=head.time ^ 1 << 63)),
        replace(proof, position=proof.position + 1),
        replace(proof, position=proof.position ^ 1 << len(path)),
        replace(proof, position=proof.position + (1 << 255)),
        replace(proof, path=(*path, head.root)),
    ]
    if path:
        others += [
            replace(proof, path=(keccak256(path[0]), *path[1:])),
            replace(proof, path=path[:-1]),
            replace(proof, path=path[1:], position=proof.position >> 1),
        ]
    return others


def test_every_number_of_heads_to_48(differential: Differential) -> None:
    chain, known, heads = differential.created(), Heads(), made()
    for count in range(MOST + 1):
        assert chain.read("count") == count
        peaks = {level: node for level, node in enumerate(chain.read("peaks")) if node != bytes(32)}
        assert peaks == known.peaks()
        proofs = [known.proof(position) for position in range(count)]
        assert chain.ask("holds", [astuple(proof) for proof in proofs]) == [True] * count
        wrong = [astuple(other) for proof in proofs for other in forged(proof)]
        assert not any(chain.ask("holds", wrong))
        if count < MOST:
            chain.send("append", astuple(heads[count]))
            known.append(heads[count])


def test_old_proofs_hold_as_long_as_their_peak_stands(differential: Differential) -> None:
    chain, known, heads = differential.created(), Heads(), made()
    for head in heads[:40]:
        known.append(head)
        chain.send("append", astuple(head))
    asked, expected = [], []
    for count in range(1, 41):
        for position in range(count):
            proof = known.proof(position, count)
            asked.append(astuple(proof))
            expected.append(count >> len(proof.path) == 40 >> len(proof.path))
    assert chain.ask("holds", asked) == expected
    assert {True, False} == set(expected)
