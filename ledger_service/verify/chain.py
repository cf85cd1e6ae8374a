"""What the chain says, over plain JSON-RPC: nothing the server sends is trusted.

Calls the views `ProvenanceLog.latest()`, `CampaignEscrow.campaign(bytes32)` and
`CampaignEscrow.provenance()`; a head before the latest is found by its event.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ledger_service.eip712 import WORD, encode_word
from ledger_service.errors import Unavailable
from ledger_service.signing import keccak256
from ledger_service.verify import anchored
from ledger_service.verify.anchored import AnchoredHead
from ledger_service.verify.endpoint import TIMEOUT_SECONDS, Endpoint, data, quantity

# Words of ICampaignEscrow.Campaign: 0 to 2 the settled root, total and count; 8 to 10 the pending ones.
_CAMPAIGN_WORDS, _STAGE, _PENDING, _EVIDENCE = 20, 4, 8, 12


@dataclass(frozen=True, slots=True)
class PostedRoot:
    """A payroll root of the escrow: hash (32 bytes), total owed (token minor units), number of positions."""

    root: bytes
    total: int
    count: int


@dataclass(frozen=True, slots=True)
class EscrowState:
    """What the escrow holds of a campaign: the settled payroll, and the pending one if there is any.

    `provenance` is the ProvenanceLog whose heads the escrow's payrolls refer to; `evidence` the number of log
    entries that the pending payroll was computed from.
    """

    provenance: str
    settled: PostedRoot
    pending: PostedRoot | None
    evidence: int


class AnchorReader(Protocol):
    """The chain, as far as a verifier needs it. All methods raise Unavailable where it does not answer."""

    def chain_id(self) -> int:
        """The chain's id (EIP-155)."""
        ...

    def head(self, log: str, size: int) -> AnchoredHead | None:
        """The head of exactly this size that the ProvenanceLog at `log` took; None if it took none."""
        ...

    def campaign(self, escrow: str, campaign: bytes) -> EscrowState:
        """What the CampaignEscrow at `escrow` holds of a campaign; all zero if it holds nothing."""
        ...


class JsonRpcChain:
    """An AnchorReader over one JSON-RPC endpoint.

    `block` is `finalized` or `latest`; `from_block` is the block the contracts were deployed in, or an
    earlier one; `timeout` is for one exchange, in seconds.
    """

    def __init__(
        self, url: str, block: str = "finalized", *, from_block: int = 0, timeout: float = TIMEOUT_SECONDS
    ) -> None:
        self._node, self._block, self._first = Endpoint(url, timeout), block, from_block

    def chain_id(self) -> int:
        """`eth_chainId`."""
        return quantity(self._node.ask("eth_chainId"), "chain id")

    def head(self, log: str, size: int) -> AnchoredHead | None:
        """`ProvenanceLog.latest()` if that is the one; an earlier one by its event (`anchored.find`)."""
        newest, root, moment = self._view(log, "latest()", b"", 3)
        latest = int.from_bytes(newest, "big")
        if latest == size and size:
            return AnchoredHead(root, int.from_bytes(moment, "big"))
        if latest < size or not size:
            return None
        return anchored.find(self._node, log, size, self._first, self._newest_block())

    def campaign(self, escrow: str, campaign: bytes) -> EscrowState:
        """`CampaignEscrow.campaign(bytes32)`, the words of its struct, and `provenance()`."""
        words = self._view(escrow, "campaign(bytes32)", encode_word("bytes32", campaign), _CAMPAIGN_WORDS)
        log = self._view(escrow, "provenance()", b"", 1)[0]
        stage = int.from_bytes(words[_STAGE], "big")
        return EscrowState(
            provenance="0x" + log[12:].hex(),
            settled=_root(words[:3]),
            pending=_root(words[_PENDING : _PENDING + 3]) if stage else None,
            evidence=int.from_bytes(words[_EVIDENCE], "big"),
        )

    def _newest_block(self) -> int:
        header = self._node.ask("eth_getBlockByNumber", self._block, False)
        return quantity(header.get("number") if isinstance(header, dict) else None, "block number")

    def _view(self, to: str, signature: str, argument: bytes, words: int) -> Sequence[bytes]:
        """Call a view and split its answer into at least `words` words."""
        call = {"to": to, "data": "0x" + (keccak256(signature.encode())[:4] + argument).hex()}
        raw = data(self._node.ask("eth_call", call, self._block), f"answer to {signature}")
        if len(raw) < words * WORD:
            raise Unavailable(f"there is no contract at {to} with {signature}")
        return [raw[i * WORD : (i + 1) * WORD] for i in range(words)]


def _root(words: Sequence[bytes]) -> PostedRoot:
    total, count = (int.from_bytes(word, "big") for word in words[1:])
    return PostedRoot(words[0], total, count)
