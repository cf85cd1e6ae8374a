"""Who owns a dataset and who may use it, as ERC-721 tokens (contracts/src/DatasetRights.sol)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple

from ledger_service.chain.client import ChainClient, Tag
from ledger_service.chain.contract import Artifacts, Contract, artifact
from ledger_service.entries import Dataset
from ledger_service.heads import HeadProof
from ledger_service.signing import keccak256
from ledger_service.terms import Terms


class DatasetRights(Contract):
    """One token for each version of a dataset, minted to the requester of a closed campaign."""

    name = "DatasetRights"

    @classmethod
    def creation(cls, artifacts: Artifacts, escrow: str) -> bytes:
        """Creates the contract; `escrow` must exist."""
        return artifact(artifacts, cls.name).creation(escrow)

    def register(
        self,
        terms: Terms,
        entry: Dataset,
        signature: bytes,
        index: int,
        head: HeadProof,
        proof: Sequence[bytes],
    ) -> bytes:
        """Mints the token of a dataset whose entry is in the log at `index`, with its inclusion path."""
        return self.artifact.call(
            "register", astuple(terms), astuple(entry), signature, index, astuple(head), list(proof)
        )

    def grant(self, token: int, licensee: str, licence: bytes, until: int) -> bytes:
        """Lets `licensee` use the dataset under a licence (its digest), until a time in seconds."""
        return self.artifact.call("grant", token, licensee, licence, until)

    def licensed(
        self,
        client: ChainClient,
        token: int,
        licensee: str,
        licence: bytes,
        moment: int,
        at: Tag = "latest",
    ) -> bool:
        """Whether a grant of this licence lasts at `moment` (seconds)."""
        return bool(self.read(client, "licensed", token, licensee, licence, moment, at=at)[0])

    def escrow(self, client: ChainClient) -> str:
        """The escrow that says whether a campaign is closed."""
        return str(self.read(client, "escrow")[0])

    def token_of(self, client: ChainClient, campaign: bytes, root: bytes) -> int:
        """The token of a dataset as the contract computes it; `token_id` computes the same."""
        return int(self.read(client, "tokenOf", campaign, root)[0])

    def owner_of(self, client: ChainClient, token: int, at: Tag = "latest") -> str:
        """Who holds the token; Reverted where there is none."""
        return str(self.read(client, "ownerOf", token, at=at)[0])


def token_id(campaign: bytes, root: bytes) -> int:
    """The token of a campaign's dataset with this root of its records: keccak256(abi.encode(both))."""
    return int.from_bytes(keccak256(campaign + root), "big")
