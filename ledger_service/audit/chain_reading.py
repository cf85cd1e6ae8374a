"""What the audit reads from the chain: events and states of the contracts, at one final block.

The encodings are written out (the signatures of events, the words of `CampaignEscrow.Campaign`), so that an
audit needs no compiled contract.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from ledger_service.audit.escrow_events import KINDS, CampaignMoney
from ledger_service.audit.progress import Progress
from ledger_service.audit.words import address, topic, uint, word
from ledger_service.chain import spans
from ledger_service.chain.client import Block, Call, ChainClient, Log
from ledger_service.chain.rpc import AnswerTooLarge, Reverted, RpcRefused
from ledger_service.eip712 import WORD, encode_word
from ledger_service.entries import ZERO_ADDRESS
from ledger_service.errors import Corrupt
from ledger_service.heads import ANCHORED, Head
from ledger_service.signing import keccak256

PROPOSED = keccak256(b"OperatorProposed(address,uint64)")
CHANGED = keccak256(b"OperatorChanged(address,address)")
_STATE_WORDS = 20
# Nodes take at most 1,000 values for a topic.
_MOST_TOPICS = 500


@dataclass(frozen=True, slots=True)
class EscrowCampaign:
    """What the escrow stores of one campaign, as far as it is compared."""

    settled_root: bytes
    settled_total: int
    settled_count: int
    settled_evidence: int
    epoch: int
    closed: bool
    deposited: int
    claimed: int
    fee: int
    refunded: int
    reserved: int


@dataclass(frozen=True, slots=True)
class EscrowAccount:
    """What the escrow stores of one account in a campaign (`CampaignEscrow.Account`)."""

    paid: int
    proven: int
    statement: int
    labels: int

    @property
    def beyond(self) -> int:
        """What it redeemed beyond what is known to be settled for it."""
        return max(self.statement - self.proven, self.labels, 0)


class ChainReader:
    """The contracts at the newest final block.

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

    def log_events(self, log: str) -> Iterator[Log]:
        """Every `Anchored`, `OperatorProposed` and `OperatorChanged` of a ProvenanceLog, in their order."""
        return self._events(log, [[ANCHORED, PROPOSED, CHANGED]])

    def time(self, number: int) -> int:
        """When a block was made, in seconds since 1970."""
        block = self._client.block(number)
        if block is None:
            raise Corrupt(f"the node has an event of block {number}, and no such block")
        return block.timestamp

    def heads(self, log: str) -> int:
        """How many heads the contract says that it took."""
        return uint(self._call(log, "heads()"))

    def latest(self, log: str) -> Head | None:
        """The latest head that the contract holds."""
        raw = self._call(log, "latest()", words=3)
        head = Head(uint(word(raw, 0)), word(raw, 1), uint(word(raw, 2)))
        return head if head.size else None

    def peak(self, log: str, level: int) -> bytes:
        """The peak of a level that the contract holds (`ledger_service.heads`)."""
        return self._call(log, "peak(uint256)", encode_word("uint256", level))

    def operator(self, log: str) -> str:
        """Who may anchor."""
        return address(self._call(log, "operator()"))

    def next_operator(self, log: str) -> tuple[str, int]:
        """Who may become the operator, and from when on; zeroes where nobody may."""
        raw = self._call(log, "nextOperator()", words=2)
        return address(word(raw, 0)), uint(word(raw, 1))

    def rotation_delay(self, log: str) -> int:
        """Seconds from a proposal to the first moment at which it can be accepted."""
        return uint(self._call(log, "ROTATION_DELAY()"))

    def domain_separator(self, log: str) -> bytes:
        """The EIP-712 domain separator that the contract computes."""
        return word(self._call(log, "domainSeparator()"), 0)

    def provenance(self, escrow: str) -> str:
        """The ProvenanceLog that an escrow refers to."""
        return address(self._call(escrow, "provenance()"))

    def balance(self, token: str, account: str) -> int | None:
        """Token minor units; None where the token does not answer with a number."""
        try:
            return uint(self._call(token, "balanceOf(address)", encode_word("address", account)))
        except (Reverted, RpcRefused, AnswerTooLarge, Corrupt):
            return None  # a token is code of anybody's choice: it may revert, run on, or answer anything

    def campaign(self, escrow: str, campaign: bytes) -> EscrowCampaign:
        """What the escrow stores of a campaign; all zero for one that it does not know."""
        raw = self._call(escrow, "campaign(bytes32)", campaign, words=_STATE_WORDS)
        numbers = [uint(word(raw, at)) for at in range(_STATE_WORDS)]
        return EscrowCampaign(
            settled_root=word(raw, 0),
            settled_total=numbers[1],
            settled_count=numbers[2],
            settled_evidence=numbers[7],
            epoch=numbers[3],
            closed=numbers[5] == 1,
            deposited=numbers[14],
            claimed=numbers[15],
            fee=numbers[16],
            refunded=numbers[17],
            reserved=numbers[18],
        )

    def account(self, escrow: str, campaign: bytes, account: str) -> EscrowAccount:
        """What the escrow stores of an account in a campaign."""
        arguments = (campaign, encode_word("address", account))
        raw = self._call(escrow, "accountOf(bytes32,address)", *arguments, words=4)
        return EscrowAccount(*(uint(word(raw, at)) for at in range(4)))

    def money(self, escrow: str, campaigns: Collection[bytes]) -> dict[bytes, CampaignMoney]:
        """What happened to the money of these campaigns of an escrow, by campaign.

        The escrow is anybody's to use: events of other campaigns are not asked for, however many there are,
        and are dropped where a node gives them all the same.
        """
        found = {campaign: CampaignMoney() for campaign in campaigns}
        ids = sorted(found)
        for at in range(0, len(ids), _MOST_TOPICS):
            for event in self._events(escrow, [KINDS, ids[at : at + _MOST_TOPICS]]):
                found[topic(event, 1)].book(event)
        return found

    def _events(self, contract: str, topics: Sequence[Sequence[bytes]]) -> Iterator[Log]:
        """Events of a contract up to the final block; such as were not asked for are left out."""

        def tick(done: int, total: int) -> None:
            if self._progress:
                self._progress("chain", done, total)

        return spans.events(self._client, contract, topics, self._first, self.block.number, tick)

    def _call(self, to: str, signature: str, *arguments: bytes, words: int = 1) -> bytes:
        data = keccak256(signature.encode())[:4] + b"".join(arguments)
        raw = self._client.call(Call(ZERO_ADDRESS, to, data), self.block.number)
        if len(raw) != words * WORD:
            raise Corrupt(
                f"{signature} of {to} returns {len(raw)} bytes, not {words * WORD}: another contract?"
            )
        return raw
