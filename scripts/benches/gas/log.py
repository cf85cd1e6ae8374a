"""ProvenanceLog: what anchors cost in a large log, and proofs of a label under its heads."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, replace

from ledger_service import entries
from ledger_service.chain.client import Receipt
from ledger_service.chain.contracts import Artifacts, ProvenanceLog, artifact
from ledger_service.entries import ZERO32, Label
from ledger_service.heads import Head, HeadProof, Heads
from ledger_service.log.hashing import leaf_hash
from ledger_service.log.tree import Tree
from ledger_service.signing import Wallet, keccak256
from scripts.benches.evm import BASE_GAS, Evm
from scripts.benches.gas.crowd import crowd
from scripts.programs import say

BATCHES = 100  # anchors until the log has the size that is asked about
AFTER = 28  # and after it, so that the 128th opens a new level of the heads' accumulator
SEED = 9162


@dataclass(frozen=True, slots=True)
class Anchor:
    """One anchor: the size it reached, how many heads were before it, hashes in its proof, its gas."""

    size: int
    before: int
    hashes: int
    gas: int


@dataclass(frozen=True, slots=True)
class Proof:
    """One transaction to `proveLabel`: hashes of the label's proof and of the head's, gas above 21,000, and
    what of that its code used."""

    hashes: int
    head_hashes: int
    gas: int
    executed: int


@dataclass(frozen=True, slots=True)
class LogGas:
    """Anchors from the asked size on, in batches of one size and of uneven ones, and proofs of a label.

    Proofs, all of the longest kind: of a label without and with a model's suggestion under the latest head,
    and of the first again when that head is an old one.
    """

    even: list[Anchor]
    uneven: list[Anchor]
    latest: Proof
    suggested: Proof
    old: Proof


def measure(evm: Evm, artifacts: Artifacts, size: int) -> LogGas:
    """Anchor a log in 100 batches up to `size` entries and 28 further; then one with uneven batches."""
    batch = size // BATCHES
    log = _Log(evm, artifacts)
    plain, suggested = log.label(size // 4, suggested=False), log.label(size // 4 + 1, suggested=True)
    say(f"building a log of {size + AFTER * batch:,} entries")
    tree = _tree(size + AFTER * batch, (plain, suggested))
    say(f"anchoring it, {BATCHES + AFTER} times")
    before = log.anchor_all(tree, [*(batch * n for n in range(1, BATCHES)), size])
    latest, with_suggestion = (log.prove(tree, one, BATCHES - 1) for one in (plain, suggested))
    after = log.anchor_all(tree, [size + batch * n for n in range(1, AFTER + 1)])
    old = log.prove(tree, plain, BATCHES - 1)
    say("anchoring it again, in uneven batches")
    other = _Log(evm, artifacts)
    uneven = [one for one in other.anchor_all(tree, _uneven(size, batch)) if one.size >= size]
    return LogGas([before[-1], *after], uneven, latest, with_suggestion, old)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A label where it lies in the log."""

    index: int
    label: Label
    signature: bytes

    @property
    def leaf(self) -> bytes:
        return entries.encode(self.label, self.signature).leaf


class _Log:
    """A ProvenanceLog of its own, and the heads that it has."""

    def __init__(self, evm: Evm, artifacts: Artifacts) -> None:
        self.evm, self.operator = evm, evm.accounts[0]
        known = artifact(artifacts, ProvenanceLog.name)
        self.contract = ProvenanceLog(artifacts, evm.create(self.operator, known, self.operator))
        self.heads = Heads()

    def label(self, index: int, *, suggested: bool) -> _Entry:
        """A label as the service would log it, signed under this log's domain."""
        signer = Wallet(keccak256(b"session key"))
        campaign, item, answer, suggestion = (keccak256(f"{index} {i}".encode()) for i in range(4))
        (worker,) = crowd(1, "label")
        label = Label(campaign, item, worker, answer, suggestion if suggested else ZERO32, self.evm.time())
        domain = entries.Domain(self.evm.client.chain_id, self.contract.address)
        return _Entry(index, label, signer.sign(entries.digest(label, domain)))

    def anchor_all(self, tree: Tree, sizes: Iterable[int]) -> list[Anchor]:
        """Anchor these sizes, one after another."""
        return [self._anchor(tree, size) for size in sizes]

    def _anchor(self, tree: Tree, size: int) -> Anchor:
        count, root = len(self.heads), tree.root(size)
        proof = tree.consistency_proof(self.heads[-1].size, size) if count else []
        receipt = self._send(self.contract.anchor(size, root, proof))
        self.heads.append(Head(size, root, self.evm.time(receipt)))
        return Anchor(size, count, len(proof), receipt.gas_used)

    def prove(self, tree: Tree, entry: _Entry, position: int) -> Proof:
        """Prove a label under the head at this position; a proof that does not hold is reverted."""
        head = self.heads.proof(position)
        if position + 1 == len(self.heads):
            head = replace(head, path=())  # the contract knows the latest head without one
        path = tree.inclusion_proof(entry.index, head.head.size)
        receipt = self._send(self._call(entry, head, path))
        executed = self.evm.executed(receipt)
        return Proof(len(path), len(head.path), receipt.gas_used - BASE_GAS, executed)

    def _call(self, entry: _Entry, head: HeadProof, path: Sequence[bytes]) -> bytes:
        label = astuple(entry.label)
        return self.contract.artifact.call(
            "proveLabel", label, entry.signature, entry.index, astuple(head), path
        )

    def _send(self, data: bytes) -> Receipt:
        return self.evm.send(self.operator, self.contract.address, data, self.contract.artifact)


def _tree(size: int, labels: Iterable[_Entry]) -> Tree:
    """An RFC 9162 tree of distinct entries. Only those given are labels: what the other leaves are hashes of
    changes no proof."""
    known = {entry.index: entry.leaf for entry in labels}
    return Tree(known.get(i) or leaf_hash(i.to_bytes(8, "big")) for i in range(size))


def _uneven(size: int, batch: int) -> list[int]:
    """As many sizes as in even batches, each batch between half and one and a half of an even one."""
    chance = random.Random(SEED)  # noqa: S311 (the same in every run)
    sizes = [0]
    while sizes[-1] < size + (AFTER - 1) * batch:
        grown = sizes[-1] + chance.randint(batch // 2 + 1, batch + batch // 2)
        sizes.append(min(grown, size + AFTER * batch))
    return sizes[1:]
