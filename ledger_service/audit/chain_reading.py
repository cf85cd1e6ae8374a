"""What the audit reads from the chain: events and states of the two contracts, at one final block.

The encodings are written out (the signatures of events, the words of `CampaignEscrow.Campaign`), so that an
audit needs no compiled contract.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from ledger_service.audit.download import Progress
from ledger_service.chain.client import Block, Call, ChainClient, Log
from ledger_service.chain.rpc import AnswerTooLarge, Reverted, RpcRefused
from ledger_service.eip712 import WORD, decode_word, encode_word
from ledger_service.entries import ZERO_ADDRESS
from ledger_service.errors import BadInput, Corrupt
from ledger_service.signing import keccak256
from ledger_service.terms import TUPLE

ANCHORED = keccak256(b"Anchored(uint64,bytes32)")
OPENED = keccak256(f"Opened(bytes32,{TUPLE})".encode())
POSTED = keccak256(b"Posted(bytes32,uint32,bytes32,uint256,uint256,uint64)")
SETTLED = keccak256(b"Settled(bytes32,uint32,bytes32,uint256)")
DISPUTED = keccak256(b"Disputed(bytes32,uint32,bytes32,address,bytes32)")
CLAIMED = keccak256(b"Claimed(bytes32,address,uint256)")
_SUMS = {
    keccak256(b"Deposited(bytes32,address,uint256)"): "deposited",
    CLAIMED: "claimed",
    keccak256(b"FeeCollected(bytes32,address,uint256)"): "fee",
    keccak256(b"Refunded(bytes32,address,uint256)"): "refunded",
    keccak256(b"BondReturned(bytes32,address,uint256)"): "bonds_returned",
}
_KINDS = (OPENED, POSTED, SETTLED, DISPUTED, *_SUMS)
_STATE_WORDS = 17
# Nodes take at most 1,000 values for a topic.
_MOST_TOPICS = 500


@dataclass(frozen=True, slots=True)
class Posted:
    """A payroll as the escrow took it; `evidence` is the size of the anchored head it was computed from."""

    epoch: int
    root: bytes
    total: int
    count: int
    evidence: int


@dataclass(slots=True)
class CampaignMoney:
    """What the events say of one campaign; amounts in token minor units. `claims` by worker."""

    token: str = ZERO_ADDRESS
    fee_bps: int = 0
    bond: int = 0
    posted: list[Posted] = field(default_factory=list)
    settled: list[tuple[int, bytes, int]] = field(default_factory=list)
    claims: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    deposited: int = 0
    claimed: int = 0
    fee: int = 0
    refunded: int = 0
    bonds_held: int = 0
    bonds_returned: int = 0

    @property
    def remaining(self) -> int:
        """What the escrow still has to hold of it."""
        paid = self.claimed + self.fee + self.refunded + self.bonds_returned
        return self.deposited + self.bonds_held - paid


@dataclass(frozen=True, slots=True)
class EscrowCampaign:
    """What the escrow stores of one campaign, as far as it is compared."""

    settled_root: bytes
    settled_total: int
    settled_count: int
    epoch: int
    closed: bool
    deposited: int
    claimed: int
    fee: int
    refunded: int


class ChainReader:
    """The two contracts at the newest final block.

    Raises (every method):
        Unavailable: the node does not answer. Corrupt: its answers have no sense.
    """

    def __init__(self, client: ChainClient, from_block: int = 0, progress: Progress | None = None) -> None:
        self._client, self._first, self._progress = client, from_block, progress
        self.block: Block = client.finalized()

    @property
    def chain_id(self) -> int:
        """EIP-155."""
        return self._client.chain_id

    def anchors(self, log: str) -> list[tuple[int, bytes]]:
        """(size, root) of every anchored head, in the chain's order."""
        events = (event for event in self._events(log, [[ANCHORED]]) if event.topics[0] == ANCHORED)
        return [(_uint(_topic(event, 1)), _word(event.data, 0)) for event in events]

    def heads(self, log: str) -> int:
        """How many heads the contract says that it holds."""
        return _uint(self._call(log, "heads()"))

    def domain_separator(self, log: str) -> bytes:
        """The EIP-712 domain separator that the contract computes."""
        return _word(self._call(log, "domainSeparator()"), 0)

    def provenance(self, escrow: str) -> str:
        """The ProvenanceLog that an escrow refers to."""
        return _address(self._call(escrow, "provenance()"))

    def balance(self, token: str, account: str) -> int | None:
        """Token minor units; None where the token does not answer with a number."""
        try:
            return _uint(self._call(token, "balanceOf(address)", encode_word("address", account)))
        except (Reverted, RpcRefused, AnswerTooLarge, Corrupt):
            return None  # a token is code of anybody's choice: it may revert, run on, or answer anything

    def campaign(self, escrow: str, campaign: bytes) -> EscrowCampaign:
        """What the escrow stores of a campaign; all zero for one that it does not know."""
        raw = self._call(escrow, "campaign(bytes32)", campaign, words=_STATE_WORDS)
        words = [raw[at : at + WORD] for at in range(0, WORD * _STATE_WORDS, WORD)]
        return EscrowCampaign(
            settled_root=words[0],
            settled_total=_uint(words[1]),
            settled_count=_uint(words[2]),
            epoch=_uint(words[3]),
            closed=_uint(words[5]) == 1,
            deposited=_uint(words[10]),
            claimed=_uint(words[11]),
            fee=_uint(words[12]),
            refunded=_uint(words[13]),
        )

    def money(self, escrow: str, campaigns: Collection[bytes]) -> dict[bytes, CampaignMoney]:
        """What happened to the money of these campaigns of an escrow, by campaign.

        The escrow is anybody's to use: events of other campaigns are not asked for, however many there are,
        and are dropped where a node gives them all the same.
        """
        found = {campaign: CampaignMoney() for campaign in campaigns}
        ids = sorted(found)
        for at in range(0, len(ids), _MOST_TOPICS):
            for event in self._events(escrow, [_KINDS, ids[at : at + _MOST_TOPICS]]):
                money = found.get(_topic(event, 1))
                if money is not None:
                    _book(money, event)
        return found

    def _events(self, address: str, topics: Sequence[Sequence[bytes]]) -> Iterator[Log]:
        """Events of a contract up to the final block, in spans that the node is willing to answer.

        What is refused is asked for in smaller spans, and after an answer in larger ones again: a busy day
        must not make all days after it slow.
        """
        first, span = self._first, max(1, self.block.number + 1 - self._first)
        while first <= self.block.number:
            last = min(first + span - 1, self.block.number)
            try:
                events = self._client.logs_with(address, topics, first, last)
            except (RpcRefused, AnswerTooLarge):
                if span == 1:
                    raise
                span = max(1, (last - first + 1) // 4)
                continue
            yield from (event for event in events if event.topics)
            first, span = last + 1, span * 2
            if self._progress:
                self._progress("chain", first, self.block.number + 1)

    def _call(self, to: str, signature: str, *arguments: bytes, words: int = 1) -> bytes:
        data = keccak256(signature.encode())[:4] + b"".join(arguments)
        raw = self._client.call(Call(ZERO_ADDRESS, to, data), self.block.number)
        if len(raw) != words * WORD:
            raise Corrupt(
                f"{signature} of {to} returns {len(raw)} bytes, not {words * WORD}: another contract?"
            )
        return raw


def _book(money: CampaignMoney, event: Log) -> None:
    """Book one event of the escrow."""
    kind = event.topics[0]
    if kind == OPENED:
        money.token = _address(_word(event.data, 3))
        money.fee_bps, money.bond = _uint(_word(event.data, 4)), _uint(_word(event.data, 7))
    elif kind == POSTED:
        values = [_uint(_word(event.data, at)) for at in (1, 2, 3)]
        money.posted.append(Posted(_uint(_topic(event, 2)), _word(event.data, 0), *values))
    elif kind == SETTLED:
        money.settled.append((_uint(_topic(event, 2)), _word(event.data, 0), _uint(_word(event.data, 1))))
    elif kind == DISPUTED:
        money.bonds_held += money.bond
    elif kind in _SUMS:
        amount = _uint(_word(event.data, 0))
        setattr(money, _SUMS[kind], getattr(money, _SUMS[kind]) + amount)
        if kind == CLAIMED:
            money.claims[_address(_topic(event, 2))] += amount


def _topic(event: Log, at: int) -> bytes:
    if at >= len(event.topics):
        raise Corrupt(f"an event in transaction 0x{event.transaction.hex()} has too few topics")
    return event.topics[at]


def _word(raw: bytes, at: int) -> bytes:
    word = raw[WORD * at : WORD * (at + 1)]
    if len(word) != WORD:
        raise Corrupt(f"the chain answers with {len(raw)} bytes, word {at} is missing")
    return word


def _uint(word: bytes) -> int:
    return int.from_bytes(word, "big")


def _address(word: bytes) -> str:
    try:
        return str(decode_word("address", word))
    except BadInput as error:
        raise Corrupt(f"the chain answers with {word.hex()} for an address") from error
