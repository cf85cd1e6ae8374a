"""The events of the escrow, as an audit reads them: what happened to the money of a campaign."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from ledger_service.audit.report import Redemption
from ledger_service.audit.words import address, topic, uint, word
from ledger_service.chain.client import Log
from ledger_service.entries import ZERO_ADDRESS
from ledger_service.signing import keccak256
from ledger_service.terms import TUPLE

OPENED = keccak256(f"Opened(bytes32,{TUPLE})".encode())
POSTED = keccak256(b"Posted(bytes32,uint32,bytes32,uint256,uint256,uint64)")
SETTLED = keccak256(b"Settled(bytes32,uint32,bytes32,uint256)")
ENFORCED = keccak256(b"Enforced(bytes32,uint32,address,uint256)")
CLAIMED = keccak256(b"Claimed(bytes32,address,address,uint256)")
REDEEMED = keccak256(b"Redeemed(bytes32,address,uint256,uint256)")
REDEMPTION_RULED = keccak256(b"RedemptionRuled(bytes32,address,bool)")
_BONDS = (
    keccak256(b"Disputed(bytes32,uint32,bytes32,address,bytes32)"),
    keccak256(b"RedemptionDisputed(bytes32,address,address,bytes32)"),
)
_SUMS = {
    keccak256(b"Deposited(bytes32,address,uint256)"): "deposited",
    keccak256(b"FeeCollected(bytes32,address,uint256)"): "fee",
    keccak256(b"Refunded(bytes32,address,uint256)"): "refunded",
    keccak256(b"BondReturned(bytes32,address,uint256)"): "bonds_returned",
}
KINDS = (OPENED, POSTED, SETTLED, ENFORCED, CLAIMED, REDEEMED, REDEMPTION_RULED, *_BONDS, *_SUMS)


@dataclass(frozen=True, slots=True)
class Posted:
    """A payroll as the escrow took it; `evidence` is how many log entries it was computed from."""

    epoch: int
    root: bytes
    total: int
    count: int
    evidence: int


@dataclass(frozen=True, slots=True)
class Enforced:
    """Payroll `epoch` became void: the operator had signed `amount` for `account`, and it paid less."""

    epoch: int
    account: str
    amount: int


@dataclass(slots=True)
class CampaignMoney:
    """What the events say of one campaign; amounts in token minor units.

    Attributes:
        claims: by worker, what it was paid, wherever it had it sent.
        redeemed: by worker; what the arbiter has declared void is not in it.
    """

    token: str = ZERO_ADDRESS
    fee_bps: int = 0
    bond: int = 0
    posted: list[Posted] = field(default_factory=list)
    settled: list[tuple[int, bytes, int]] = field(default_factory=list)
    enforced: list[Enforced] = field(default_factory=list)
    claims: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    redeemed: dict[str, Redemption] = field(default_factory=dict)
    deposited: int = 0
    fee: int = 0
    refunded: int = 0
    bonds_held: int = 0
    bonds_returned: int = 0

    @property
    def claimed(self) -> int:
        """What all workers were paid."""
        return sum(self.claims.values())

    @property
    def remaining(self) -> int:
        """What the escrow still has to hold of it."""
        paid = self.claimed + self.fee + self.refunded + self.bonds_returned
        return self.deposited + self.bonds_held - paid

    def evidence(self) -> int:
        """How many log entries the last settled payroll was computed from; 0 where none has settled."""
        if not self.settled:
            return 0
        return {posted.epoch: posted.evidence for posted in self.posted}.get(self.settled[-1][0], 0)

    def book(self, event: Log) -> None:
        """Book the next event of the campaign.

        Raises:
            Corrupt: it has another form.
        """
        kind, data = event.topics[0], event.data
        if kind == OPENED:
            self.token = address(word(data, 3))
            self.fee_bps, self.bond = uint(word(data, 4)), uint(word(data, 7))
        elif kind == POSTED:
            values = [uint(word(data, at)) for at in (1, 2, 3)]
            self.posted.append(Posted(uint(topic(event, 2)), word(data, 0), *values))
        elif kind == SETTLED:
            self.settled.append((uint(topic(event, 2)), word(data, 0), uint(word(data, 1))))
        elif kind == CLAIMED:
            self.claims[address(topic(event, 2))] += uint(word(data, 1))
        elif kind in _BONDS:
            self.bonds_held += self.bond
        elif kind in _SUMS:
            setattr(self, _SUMS[kind], getattr(self, _SUMS[kind]) + uint(word(data, 0)))
        else:
            self._book_promise(event)

    def _book_promise(self, event: Log) -> None:
        kind, data = event.topics[0], event.data
        if kind == ENFORCED:
            account = address(topic(event, 3))
            self.enforced.append(Enforced(uint(topic(event, 2)), account, uint(word(data, 0))))
        elif kind == REDEEMED:
            self.redeemed[address(topic(event, 2))] = Redemption(uint(word(data, 0)), uint(word(data, 1)))
        elif kind == REDEMPTION_RULED and uint(word(data, 0)):
            self.redeemed.pop(address(topic(event, 2)), None)
