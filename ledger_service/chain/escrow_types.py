"""The structs of the escrow (contracts/src/ICampaignEscrow.sol), each in the contract's order.

Amounts in token minor units, times in seconds since 1970, signatures as their bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from ledger_service.eip712 import Address, Bytes32, Domain, Struct, Uint256
from ledger_service.entries import Label


class Stage(IntEnum):
    """Where a posted payroll stands, in the contract's order."""

    EMPTY = 0
    PENDING = 1
    DISPUTED = 2
    CONFIRMED = 3


class Contest(IntEnum):
    """Where the dispute of an account's redemption stands, in the contract's order."""

    NONE = 0
    OPEN = 1
    STANDS = 2
    VOID = 3


@dataclass(frozen=True, slots=True)
class CampaignState:
    """A campaign in the escrow.

    Attributes:
        idle_since: when the last payroll stopped being pending (settled or void); 0 before the first.
        settled_evidence: number of log entries that the settled payroll was computed from.
        evidence: the same of the pending one.
        disputed_at: when the pending payroll was disputed; once it was let stand, when that was ruled.
        reserved: what was redeemed beyond the settled payroll, of all accounts.
    """

    settled_root: bytes
    settled_total: int
    settled_count: int
    epoch: int
    stage: Stage
    closed: bool
    idle_since: int
    settled_evidence: int
    pending_root: bytes
    pending_total: int
    pending_count: int
    posted_at: int
    evidence: int
    disputed_at: int
    deposited: int
    claimed: int
    fee_collected: int
    refunded: int
    reserved: int
    disputer: str

    def settles_at(self, window: int) -> int | None:
        """The block time from which the posted payroll settles (`_settlesAt`); None where there is none.

        A dispute on which the arbiter stays silent lapses two windows after it was opened. A payroll that was
        let stand settles when its own window is over, or with the ruling if that came later.
        """
        if self.stage is Stage.EMPTY:
            return None
        if self.stage is Stage.DISPUTED:
            return self.disputed_at + 2 * window
        return max(self.posted_at + window, self.disputed_at)


@dataclass(frozen=True, slots=True)
class Account:
    """One account in a campaign.

    Attributes:
        paid: all that it has received.
        proven: the largest amount that a claim has shown under a settled payroll.
        statement, labels: what it has redeemed, by the operator's statement and by its labels.
    """

    paid: int
    proven: int
    statement: int
    labels: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A position of the settled payroll with its path to the root.

    Amount 0 with an empty path is no position: only what was redeemed is paid.
    """

    index: int
    account: str
    amount: int
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class AnchoredLabel:
    """A `Label` entry at `index` of the log, with its session signature and its path to an anchored head."""

    entry: Label
    signature: bytes
    index: int
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ReceiptedLabel:
    """A `Label` entry with its session signature, and the operator's receipt, whose deadline passed."""

    entry: Label
    signature: bytes
    index: int
    deadline: int
    receipt: bytes


@dataclass(frozen=True, slots=True)
class ClaimTo(Struct):
    """What an account signs to have its pay sent elsewhere, under `claim_domain`.

    `amount` is all that the account has received in the campaign once this is paid, so it pays once only.
    """

    signer: ClassVar[str | None] = "account"
    campaign: Bytes32
    account: Address
    to: Address
    amount: Uint256
    valid_until: Uint256


def claim_domain(chain_id: int, escrow: str) -> Domain:
    """The EIP-712 domain of `ClaimTo`: the escrow's own."""
    return Domain(chain_id, escrow, name="crowdledger escrow")
