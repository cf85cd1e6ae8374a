"""The heads of the log on the chain, and who may anchor the next (contracts/src/ProvenanceLog.sol)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

from ledger_service.chain.client import ChainClient, Tag
from ledger_service.chain.contract import Artifacts, Contract, artifact
from ledger_service.entries import ZERO_ADDRESS, Assignment, Dataset, Label, Payout, Reputation
from ledger_service.heads import Head, HeadProof


@dataclass(frozen=True, slots=True)
class Succession:
    """Who may become the log's operator, and from when (seconds since 1970)."""

    next: str
    since: int


class ProvenanceLog(Contract):
    """The log on the chain. Views that prove an entry return the block time of the head above it."""

    name = "ProvenanceLog"

    @classmethod
    def creation(cls, artifacts: Artifacts, operator: str) -> bytes:
        """Creates the contract; `operator` anchors, until it has handed that over."""
        return artifact(artifacts, cls.name).creation(operator)

    def anchor(self, size: int, root: bytes, proof: Sequence[bytes]) -> bytes:
        """Anchors a head; `proof` is the consistency path from the latest one, empty for the first."""
        return self.artifact.call("anchor", size, root, list(proof))

    def propose_operator(self, successor: str) -> bytes:
        """Names the next operator, who accepts after ROTATION_DELAY; the zero address withdraws the name."""
        return self.artifact.call("proposeOperator", successor)

    def accept_operator(self) -> bytes:
        """Makes the proposed operator, who calls, the operator."""
        return self.artifact.call("acceptOperator")

    def latest(self, client: ChainClient, at: Tag = "latest") -> Head | None:
        """The latest head, None before the first."""
        head = Head(*self.read(client, "latest", at=at))
        return None if head.size == 0 else head

    def heads(self, client: ChainClient, at: Tag = "latest") -> int:
        """How many heads were anchored."""
        return int(self.read(client, "heads", at=at)[0])

    def size(self, client: ChainClient, at: Tag = "latest") -> int:
        """Number of entries under the latest head, zero before the first."""
        return int(self.read(client, "size", at=at)[0])

    def peak(self, client: ChainClient, level: int, at: Tag = "latest") -> bytes:
        """The peak of a level (`ledger_service.heads`), 32 bytes; in use if that bit of `heads` is set."""
        return bytes(self.read(client, "peak", level, at=at)[0])

    def check_head(self, client: ChainClient, proof: HeadProof, at: Tag = "latest") -> None:
        """Let the contract check that this head was anchored; Reverted (`NotAnchored`) where it was not."""
        self.read(client, "checkHead", astuple(proof), at=at)

    def operator(self, client: ChainClient, at: Tag = "latest") -> str:
        """Who may anchor."""
        return str(self.read(client, "operator", at=at)[0])

    def succession(self, client: ChainClient, at: Tag = "latest") -> Succession | None:
        """Who is proposed as the next operator; None where nobody is."""
        successor, since = self.read(client, "nextOperator", at=at)
        return None if successor == ZERO_ADDRESS else Succession(successor, since)

    def rotation_delay(self, client: ChainClient) -> int:
        """Seconds between a proposal and the first moment at which it can be accepted."""
        return int(self.read(client, "ROTATION_DELAY")[0])

    def domain_separator(self, client: ChainClient) -> bytes:
        """The EIP-712 domain of the log's entries as the contract computes it, 32 bytes."""
        return bytes(self.read(client, "domainSeparator")[0])

    def prove_assignment(
        self, client: ChainClient, entry: Assignment, index: int, head: HeadProof, proof: Sequence[bytes]
    ) -> int:
        """Let the contract check that an entry is in the log at `index`; `proof` is its inclusion path."""
        return self._prove(client, "proveAssignment", astuple(entry), index, astuple(head), list(proof))

    def prove_label(
        self,
        client: ChainClient,
        entry: Label,
        signature: bytes,
        index: int,
        head: HeadProof,
        proof: Sequence[bytes],
    ) -> int:
        """As `prove_assignment`; the signature as it stands in the log."""
        return self._prove(client, "proveLabel", astuple(entry), signature, index, astuple(head), list(proof))

    def prove_reputation(
        self, client: ChainClient, entry: Reputation, index: int, head: HeadProof, proof: Sequence[bytes]
    ) -> int:
        """As `prove_assignment`."""
        return self._prove(client, "proveReputation", astuple(entry), index, astuple(head), list(proof))

    def prove_payout(
        self, client: ChainClient, entry: Payout, index: int, head: HeadProof, proof: Sequence[bytes]
    ) -> int:
        """As `prove_assignment`."""
        return self._prove(client, "provePayout", astuple(entry), index, astuple(head), list(proof))

    def prove_dataset(
        self,
        client: ChainClient,
        entry: Dataset,
        signature: bytes,
        index: int,
        head: HeadProof,
        proof: Sequence[bytes],
    ) -> int:
        """As `prove_label`."""
        return self._prove(
            client, "proveDataset", astuple(entry), signature, index, astuple(head), list(proof)
        )

    def _prove(self, client: ChainClient, function: str, *args: object) -> int:
        return int(self.read(client, function, *args)[0])
