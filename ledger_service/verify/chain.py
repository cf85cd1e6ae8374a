"""What the chain says, over plain JSON-RPC: no client library, and nothing the server sends is trusted.

Calls `ProvenanceLog.head(uint64)` and `CampaignEscrow.campaign(bytes32)` as views at one block.
"""

from __future__ import annotations

import http.client
import json
import re
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ledger_service.commitments import Json
from ledger_service.eip712 import WORD, encode_word
from ledger_service.errors import BadInput, Unavailable
from ledger_service.signing import keccak256

TIMEOUT_SECONDS = 20.0
MAX_ANSWER_BYTES = 1 << 20
_QUANTITY = re.compile(r"0x(0|[1-9a-f][0-9a-f]{0,63})\Z")
_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*\Z")


@dataclass(frozen=True, slots=True)
class AnchoredHead:
    """A head that the ProvenanceLog holds: its root (32 bytes), and when it came (seconds since 1970)."""

    root: bytes
    time: int


@dataclass(frozen=True, slots=True)
class PostedRoot:
    """A payroll root of the escrow: hash (32 bytes), total owed (token minor units), number of positions."""

    root: bytes
    total: int
    count: int


@dataclass(frozen=True, slots=True)
class EscrowState:
    """What the escrow holds of a campaign: the settled payroll, the pending one, and the epoch."""

    settled: PostedRoot
    pending: PostedRoot
    epoch: int


class AnchorReader(Protocol):
    """The chain, as far as a verifier needs it. All methods raise Unavailable where it does not answer."""

    def chain_id(self) -> int:
        """The chain's id (EIP-155)."""
        ...

    def head(self, log: str, size: int) -> AnchoredHead | None:
        """The head of exactly this size that the ProvenanceLog at `log` holds; None if it holds none."""
        ...

    def campaign(self, escrow: str, campaign: bytes) -> EscrowState:
        """What the CampaignEscrow at `escrow` holds of a campaign; all zero if it holds nothing."""
        ...


class JsonRpcChain:
    """An AnchorReader over one JSON-RPC endpoint. `block` is `finalized` or `latest`."""

    def __init__(self, url: str, block: str = "finalized") -> None:
        if not url.startswith(("http://", "https://")):
            raise BadInput("the RPC endpoint is an http or https URL")
        self._url, self._block = url, block
        self._opener = urllib.request.build_opener(_NoRedirect)

    def chain_id(self) -> int:
        """`eth_chainId`."""
        answer = self._call("eth_chainId", [])
        if not isinstance(answer, str) or not _QUANTITY.match(answer):
            raise Unavailable("the RPC endpoint gives no chain id")
        return int(answer, 16)

    def head(self, log: str, size: int) -> AnchoredHead | None:
        """`ProvenanceLog.head(uint64)`: root and time, zero where there is none."""
        root, time = self._view(log, "head(uint64)", encode_word("uint64", size), 2)
        return AnchoredHead(root, int.from_bytes(time, "big")) if any(time) else None

    def campaign(self, escrow: str, campaign: bytes) -> EscrowState:
        """`CampaignEscrow.campaign(bytes32)`: its first seven words."""
        words = self._view(escrow, "campaign(bytes32)", encode_word("bytes32", campaign), 7)
        numbers = [int.from_bytes(word, "big") for word in words]
        return EscrowState(
            settled=PostedRoot(words[0], numbers[1], numbers[2]),
            pending=PostedRoot(words[3], numbers[4], numbers[5]),
            epoch=numbers[6],
        )

    def _view(self, to: str, signature: str, argument: bytes, words: int) -> Sequence[bytes]:
        """Call a view and split its answer into at least `words` words."""
        data = "0x" + (keccak256(signature.encode())[:4] + argument).hex()
        answer = self._call("eth_call", [{"to": to, "data": data}, self._block])
        if not isinstance(answer, str) or not _DATA.match(answer):
            raise Unavailable(f"the RPC endpoint gives no answer to {signature}")
        raw = bytes.fromhex(answer[2:])
        if len(raw) < words * WORD:
            raise Unavailable(f"there is no contract at {to} with {signature}")
        return [raw[i * WORD : (i + 1) * WORD] for i in range(words)]

    def _call(self, method: str, params: list[Json]) -> Json:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        try:
            answer = json.loads(self._post(body))
        except (OSError, ValueError, RecursionError, http.client.HTTPException) as error:
            raise Unavailable(f"the RPC endpoint does not answer: {error}") from error
        if not isinstance(answer, dict) or "result" not in answer:
            reason = answer.get("error") if isinstance(answer, dict) else "no JSON-RPC answer"
            raise Unavailable(f"the RPC endpoint refuses {method}: {str(reason)[:300]}")
        return answer["result"]

    def _post(self, body: bytes) -> bytes:
        """One exchange, bounded in bytes and in time, however slowly the server drips."""
        request = urllib.request.Request(  # noqa: S310  the scheme was checked when this object was made
            self._url, data=body, headers={"Content-Type": "application/json"}
        )
        deadline, raw = time.monotonic() + TIMEOUT_SECONDS, b""
        with self._opener.open(request, timeout=TIMEOUT_SECONDS) as response:
            while chunk := response.read1(65_536):
                raw += chunk
                if len(raw) > MAX_ANSWER_BYTES or time.monotonic() > deadline:
                    raise ValueError("its answer is too long, or takes too long")
        return raw


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect could lead to a server that nobody named."""

    def redirect_request(self, *_: object, **__: object) -> None:
        """Follow none; urllib then raises HTTPError."""
