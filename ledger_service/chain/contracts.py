"""The contracts as Python sees them: calldata for what the service writes, typed answers to what it reads.

Calldata functions raise BadInput for values that a contract's types do not hold. Reading functions raise what
`ChainClient.call` does: Unavailable, Corrupt, and Reverted where the contract refuses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from enum import IntEnum
from typing import Any

from ledger_service.chain.abi import Artifact
from ledger_service.chain.client import Call, ChainClient, Tag
from ledger_service.entries import ZERO_ADDRESS
from ledger_service.errors import Unavailable
from ledger_service.terms import Terms

Artifacts = Mapping[str, Artifact]


@dataclass(frozen=True, slots=True)
class Head:
    """An anchored head: number of entries, their root, block time in seconds."""

    size: int
    root: bytes
    time: int


class Stage(IntEnum):
    """Where a posted payroll stands, in the contract's order."""

    EMPTY = 0
    PENDING = 1
    DISPUTED = 2
    CONFIRMED = 3


@dataclass(frozen=True, slots=True)
class CampaignState:
    """A campaign in the escrow, in the contract's order. Amounts in token minor units, times in seconds."""

    settled_root: bytes
    settled_total: int
    settled_count: int
    epoch: int
    stage: Stage
    closed: bool
    pending_root: bytes
    pending_total: int
    pending_count: int
    posted_at: int
    deposited: int
    claimed: int
    fee_collected: int
    refunded: int
    disputer: str
    disputed_at: int
    evidence: int

    def settles_at(self, window: int) -> int | None:
        """The block time from which the posted payroll settles (`_settlesAt`); None where there is none.

        A dispute on which the arbiter stays silent lapses two windows after it was opened.
        """
        if self.stage is Stage.EMPTY:
            return None
        if self.stage is Stage.DISPUTED:
            return self.disputed_at + 2 * window
        return self.posted_at + window


@dataclass(frozen=True, slots=True)
class Claim:
    """One payment of `claim_many`: a position of the settled payroll, with its path to the root."""

    index: int
    account: str
    amount: int
    path: tuple[bytes, ...]


class Contract:
    """A contract of ours at an address."""

    name = ""

    def __init__(self, artifacts: Artifacts, address: str) -> None:
        self.address = address
        self.artifact = artifact(artifacts, self.name)

    def read(self, client: ChainClient, function: str, *args: object, at: Tag = "latest") -> tuple[Any, ...]:
        """Call a view function."""
        message = Call(ZERO_ADDRESS, self.address, self.artifact.call(function, *args))
        return self.artifact.result(function, client.call(message, at))


class ProvenanceLog(Contract):
    """The heads of the log (contracts/src/ProvenanceLog.sol)."""

    name = "ProvenanceLog"

    @classmethod
    def creation(cls, artifacts: Artifacts, operator: str) -> bytes:
        """Creates the contract; only `operator` can ever anchor."""
        return artifact(artifacts, cls.name).creation(operator)

    def anchor(self, size: int, root: bytes, proof: Sequence[bytes]) -> bytes:
        """Anchors a head; `proof` is the consistency path from the latest one, empty for the first."""
        return self.artifact.call("anchor", size, root, list(proof))

    def latest(self, client: ChainClient, at: Tag = "latest") -> Head | None:
        """The latest head, None before the first."""
        head = Head(*self.read(client, "latest", at=at))
        return None if head.size == 0 else head

    def head(self, client: ChainClient, size: int, at: Tag = "latest") -> Head:
        """The anchored head of exactly this size; Reverted where there is none."""
        return Head(size, *self.read(client, "head", size, at=at))

    def operator(self, client: ChainClient) -> str:
        """Who may anchor."""
        return str(self.read(client, "operator")[0])


class CampaignEscrow(Contract):
    """The money of all campaigns (contracts/src/CampaignEscrow.sol)."""

    name = "CampaignEscrow"

    @classmethod
    def creation(cls, artifacts: Artifacts, provenance_log: str) -> bytes:
        """Creates the contract; `provenance_log` must exist."""
        return artifact(artifacts, cls.name).creation(provenance_log)

    def deposit(self, terms: Terms, amount: int) -> bytes:
        """Funds a campaign from the caller's allowance."""
        return self.artifact.call("deposit", astuple(terms), amount)

    def deposit_with_permit(
        self, terms: Terms, amount: int, permit_deadline: int, v: int, r: bytes, s: bytes
    ) -> bytes:
        """Funds a campaign with the caller's ERC-2612 permit for `amount`."""
        return self.artifact.call("depositWithPermit", astuple(terms), amount, permit_deadline, v, r, s)

    def post(self, terms: Terms, entries: bytes, evidence: int) -> bytes:
        """Posts a payroll: `entries` packed (`payroll.encode_entries`), `evidence` an anchored size."""
        return self.artifact.call("post", astuple(terms), entries, evidence)

    def settle(self, terms: Terms) -> bytes:
        """Settles the pending payroll, once its window has passed."""
        return self.artifact.call("settle", astuple(terms))

    def dispute(self, terms: Terms, reason: bytes) -> bytes:
        """Disputes the pending payroll; `reason` is a digest."""
        return self.artifact.call("dispute", astuple(terms), reason)

    def rule(self, terms: Terms, *, uphold: bool) -> bytes:
        """Decides a dispute: upheld, the payroll is void."""
        return self.artifact.call("rule", astuple(terms), uphold)

    def claim(self, terms: Terms, claim: Claim) -> bytes:
        """Sends one account what it is due."""
        return self.artifact.call(
            "claim", astuple(terms), claim.index, claim.account, claim.amount, list(claim.path)
        )

    def claim_many(self, terms: Terms, claims: Sequence[Claim]) -> bytes:
        """Sends several accounts what they are due."""
        return self.artifact.call("claimMany", astuple(terms), [astuple(claim) for claim in claims])

    def collect_fee(self, terms: Terms) -> bytes:
        """Sends the operator its fee on what is settled."""
        return self.artifact.call("collectFee", astuple(terms))

    def refund(self, terms: Terms) -> bytes:
        """Sends the requester the rest, after the deadline and its windows."""
        return self.artifact.call("refund", astuple(terms))

    def campaign(self, client: ChainClient, campaign: bytes, at: Tag = "latest") -> CampaignState:
        """The state of a campaign; all zero for an unknown one."""
        (found,) = self.read(client, "campaign", campaign, at=at)
        state = CampaignState(*found)
        return replace(state, stage=Stage(state.stage))

    def claimed_of(self, client: ChainClient, campaign: bytes, account: str, at: Tag = "latest") -> int:
        """What an account has received in a campaign, token minor units."""
        return int(self.read(client, "claimedOf", campaign, account, at=at)[0])

    def id_of(self, client: ChainClient, terms: Terms) -> bytes:
        """The campaign's id as the contract computes it; `terms.campaign_id` computes the same."""
        return bytes(self.read(client, "idOf", astuple(terms))[0])

    def provenance(self, client: ChainClient) -> str:
        """The log whose heads payrolls refer to."""
        return str(self.read(client, "provenance")[0])


class LocalToken(Contract):
    """The token of local chains (contracts/src/local/LocalToken.sol); reads any ERC-20 with ERC-2612."""

    name = "LocalToken"

    @classmethod
    def creation(cls, artifacts: Artifacts) -> bytes:
        """Creates the contract."""
        return artifact(artifacts, cls.name).creation()

    def mint(self, account: str, amount: int) -> bytes:
        """Creates money for an account: on a local chain only."""
        return self.artifact.call("mint", account, amount)

    def balance_of(self, client: ChainClient, account: str, at: Tag = "latest") -> int:
        """Token minor units."""
        return int(self.read(client, "balanceOf", account, at=at)[0])

    def permit_nonce(self, client: ChainClient, owner: str) -> int:
        """The nonce of the owner's next ERC-2612 permit."""
        return int(self.read(client, "nonces", owner)[0])

    def domain_separator(self, client: ChainClient) -> bytes:
        """The token's EIP-712 domain, 32 bytes: what permits are signed under."""
        return bytes(self.read(client, "DOMAIN_SEPARATOR")[0])


def artifact(artifacts: Artifacts, name: str) -> Artifact:
    """The compiled contract of this name.

    Raises:
        Unavailable: it has not been compiled.
    """
    if name not in artifacts:
        raise Unavailable(f"the contract {name} has not been compiled")
    return artifacts[name]
