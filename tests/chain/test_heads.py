"""The heads of a real ProvenanceLog: its peaks, and the proofs that it takes, are those of `heads`."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from ledger_service import entries, heads
from ledger_service.chain import abi
from ledger_service.chain.client import ChainClient
from ledger_service.chain.contracts import ProvenanceLog
from ledger_service.chain.rpc import Reverted, Rpc
from ledger_service.errors import VerificationError
from ledger_service.heads import Head, HeadProof, Heads
from ledger_service.log.tree import Tree
from ledger_service.signing import Wallet, keccak256
from tests.audit.builder import seeded
from tests.audit.chain_world import ChainWorld

COUNT = 37
WORKER = "0x" + "77" * 20


class Anchored:
    """A log whose entries are payouts, anchored again and again."""

    def __init__(self, world: ChainWorld) -> None:
        self.world, self.client = world, world.client
        self.log = ProvenanceLog(world.artifacts, world.log)
        self.entries: list[entries.Payout] = []
        self.tree = Tree()
        self.heads = Heads()

    def anchor(self, growth: int) -> None:
        """Append this many entries, and anchor."""
        before = len(self.tree)
        for number in range(before, before + growth):
            self.entries.append(entries.Payout(seeded("campaign"), WORKER, number, bytes(32), bytes(32)))
            self.tree.append(entries.encode(self.entries[-1]).leaf)
        proof = self.tree.consistency_proof(before) if before else []
        self.world.send(
            self.world.operator,
            self.log.address,
            self.log.anchor(len(self.tree), self.tree.root(), proof),
        )
        self.heads.append(Head(len(self.tree), self.tree.root(), self.client.head().timestamp))

    def takes(self, proof: HeadProof) -> bool:
        """What the contract says."""
        try:
            self.log.check_head(self.client, proof)
        except Reverted as error:
            words = abi.explain(error.data, self.world.artifacts)
            assert words == f"NotAnchored(size={proof.head.size})"
            return False
        return True

    def holds(self, proof: HeadProof) -> bool:
        """What this side says."""
        if not proof.path:
            return proof == self.heads.newest()
        peak = self.heads.peaks().get(len(proof.path), bytes(32))
        try:
            heads.verify(proof, len(self.heads), peak)
        except VerificationError:
            return False
        return True


@pytest.fixture(scope="module")
def log(node_url: str, artifacts: dict[str, abi.Artifact]) -> Iterator[Anchored]:
    client, node = ChainClient.connect(node_url, finality_depth=0), Rpc(node_url, 30)
    operator, requester = Wallet(seeded("operator of heads")), Wallet(seeded("requester of heads"))
    found = Anchored(ChainWorld(node, client, artifacts, operator, requester))
    yield found
    node.close()
    client.close()


def test_peaks_latest_and_count_are_the_contract_s_after_every_head(log: Anchored) -> None:
    source = random.Random(5)
    assert (log.log.latest(log.client), log.log.heads(log.client), log.log.size(log.client)) == (None, 0, 0)
    assert not log.takes(HeadProof(Head(0, bytes(32), 0), 0, ()))
    for count in range(1, COUNT + 1):
        log.anchor(source.choice((1, 1, 2, 5, 9)))
        assert log.log.heads(log.client) == count
        assert log.log.latest(log.client) == log.heads[count - 1]
        assert log.log.size(log.client) == log.heads[count - 1].size
        peaks = log.heads.peaks()
        assert [log.log.peak(log.client, level) for level in range(7)] == [
            peaks.get(level, bytes(32)) for level in range(7)
        ]
        assert log.takes(log.heads.newest())
        position = source.randrange(count)
        assert log.takes(log.heads.proof(position))
    assert log.log.peak(log.client, 200) == bytes(32)


def test_every_head_is_proved_and_under_the_present_number_alone(log: Anchored) -> None:
    for position in range(COUNT):
        proof = log.heads.proof(position)
        assert log.takes(proof)
        log.log.check_head(log.client, proof)
        for count in range(position + 1, COUNT):
            earlier = log.heads.proof(position, count)
            assert log.takes(earlier) == (earlier == proof), "a path is longer once more heads came"


def test_the_contract_takes_exactly_the_proofs_that_hold_here(log: Anchored) -> None:
    source = random.Random(7)
    taken = 0
    for _ in range(300):
        proof = log.heads.proof(source.randrange(COUNT))
        change = source.randrange(8)
        if change == 0:
            proof = replace(proof, position=source.randrange(2 * COUNT))
        elif change == 1:
            proof = replace(proof, head=log.heads[source.randrange(COUNT)])
        elif change == 2:
            proof = replace(proof, path=proof.path[: source.randrange(len(proof.path) + 1)])
        elif change == 3:
            proof = replace(proof, path=(*proof.path, keccak256(bytes([source.randrange(256)]))))
        elif change == 4 and proof.path:
            at = source.randrange(len(proof.path))
            proof = replace(proof, path=(*proof.path[:at], bytes(32), *proof.path[at + 1 :]))
        elif change == 5:
            proof = replace(proof, head=replace(proof.head, time=proof.head.time + 1))
        elif change == 6:
            proof = HeadProof(proof.head, source.choice((COUNT - 1, COUNT, proof.position)), ())
        assert log.takes(proof) == log.holds(proof), proof
        taken += log.takes(proof)
    assert 30 < taken < 250
    assert not log.takes(HeadProof(log.heads[0], (1 << 256) - 1, ()))


def test_entries_are_proved_under_old_heads(log: Anchored) -> None:
    source = random.Random(9)
    for position in (0, 1, 17, COUNT - 2, COUNT - 1):
        proof = log.heads.proof(position)
        index = source.randrange(proof.head.size)
        path = log.tree.inclusion_proof(index, proof.head.size)
        time = log.log.prove_payout(log.client, log.entries[index], index, proof, path)
        assert time == proof.head.time
        with pytest.raises(Reverted):
            log.log.prove_payout(log.client, replace(log.entries[index], amount=7**9), index, proof, path)
