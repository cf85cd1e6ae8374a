"""What every step of the flow is given: nothing global, nothing found by itself."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

from ledger_service.chain.contracts import CampaignEscrow, ProvenanceLog
from ledger_service.eip712 import Domain
from ledger_service.signing import Wallet
from ledger_service.store.chain import Lane

# A receipt promises that its leaf is under a signed checkpoint by then. Appends are synchronous, so the
# promise is kept when it is made; the margin is for clocks.
MAX_MERGE_DELAY = 60
# How far a worker's clock may be ahead of ours.
CLOCK_SKEW = 60


class Clock(Protocol):
    """The ledger's time: what stands in entries and is compared with deadlines."""

    def now(self) -> int:
        """Seconds since 1970."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> int:
        """Seconds since 1970."""
        return int(time.time())


@dataclass(frozen=True, slots=True)
class Policy:
    """Which campaigns this service takes; what it works under it has to be able to stand for towards workers.

    Attributes:
        arbiter: the only arbiter of its campaigns: one of the requester's own could void honest pay.
        tokens: what pay may be in.
        bond: what a dispute costs if it fails, token minor units.
        fee_bps: the operator's fee in basis points of what is settled.
        judging_seconds: between the end of labelling and the deadline, by which pay has to be posted.
    """

    arbiter: str
    tokens: frozenset[str]
    bond: int
    fee_bps: int
    judging_seconds: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """The fixed facts of one deployment, and the operator's key that signs receipts and statements.

    `domain` names the chain and the ProvenanceLog; `lane` is where the operator's transactions queue.
    """

    domain: Domain
    provenance_log: ProvenanceLog
    escrow: CampaignEscrow
    operator: Wallet
    lane: Lane
    policy: Policy
    clock: Clock
