"""What the chain says, over plain JSON-RPC: no client library, and nothing the server sends is trusted.

Calls the views `ProvenanceLog.head(uint64)`, `CampaignEscrow.campaign(bytes32)` and
`CampaignEscrow.provenance()`.
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

from ledger_service import commitments
from ledger_service.commitments import Json
from ledger_service.eip712 import WORD, encode_word
from ledger_service.errors import BadInput, Unavailable
from ledger_service.signing import keccak256

TIMEOUT_SECONDS = 20.0
MAX_ANSWER_BYTES = 1 << 20
_NOT_ANCHORED = keccak256(b"NotAnchored(uint64)")[:4].hex()
# Words of ICampaignEscrow.Campaign: 0 to 2 the settled root, total and count; 6 to 8 the pending ones.
_CAMPAIGN_WORDS, _STAGE, _EVIDENCE = 17, 4, 16
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
    """What the escrow holds of a campaign: the settled payroll, and the pending one if there is any.

    `provenance` is the ProvenanceLog whose heads the escrow's payrolls name; `evidence` the size of the head
    that the pending payroll names.
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
        """The head of exactly this size that the ProvenanceLog at `log` holds; None if it holds none."""
        ...

    def campaign(self, escrow: str, campaign: bytes) -> EscrowState:
        """What the CampaignEscrow at `escrow` holds of a campaign; all zero if it holds nothing."""
        ...


class _Reverted(Unavailable):
    """The endpoint answered with an error; `data` is that error as JSON, where a revert's data is found
    however the node wraps it."""

    def __init__(self, method: str, data: str) -> None:
        self.data = data.lower()
        super().__init__(f"the RPC endpoint refuses {method}: {data[:300]}")


class JsonRpcChain:
    """An AnchorReader over one JSON-RPC endpoint.

    `block` is `finalized` or `latest`; `timeout` is for one exchange, in seconds.
    """

    def __init__(self, url: str, block: str = "finalized", timeout: float = TIMEOUT_SECONDS) -> None:
        if not url.startswith(("http://", "https://")):
            raise BadInput("the RPC endpoint is an http or https URL")
        self._url, self._block, self._timeout = url, block, timeout
        self._opener = urllib.request.build_opener(_NoRedirect)

    def chain_id(self) -> int:
        """`eth_chainId`."""
        answer = self._call("eth_chainId", [])
        if not isinstance(answer, str) or not _QUANTITY.match(answer):
            raise Unavailable("the RPC endpoint gives no chain id")
        return int(answer, 16)

    def head(self, log: str, size: int) -> AnchoredHead | None:
        """`ProvenanceLog.head(uint64)`: root and time; it reverts with `NotAnchored` where there is none."""
        argument = encode_word("uint64", size)
        try:
            root, moment = self._view(log, "head(uint64)", argument, 2)
        except _Reverted as error:
            if _NOT_ANCHORED + argument.hex() in error.data:
                return None
            raise
        return AnchoredHead(root, int.from_bytes(moment, "big"))

    def campaign(self, escrow: str, campaign: bytes) -> EscrowState:
        """`CampaignEscrow.campaign(bytes32)`, the words of its struct, and `provenance()`."""
        words = self._view(escrow, "campaign(bytes32)", encode_word("bytes32", campaign), _CAMPAIGN_WORDS)
        numbers = [int.from_bytes(word, "big") for word in words]
        stage = numbers[_STAGE]
        log = self._view(escrow, "provenance()", b"", 1)[0]
        return EscrowState(
            provenance="0x" + log[12:].hex(),
            settled=PostedRoot(words[0], numbers[1], numbers[2]),
            pending=PostedRoot(words[6], numbers[7], numbers[8]) if stage else None,
            evidence=numbers[_EVIDENCE],
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
            answer = commitments.parse(self._post(body))
        except (OSError, ValueError, BadInput, http.client.HTTPException) as error:
            raise Unavailable(f"the RPC endpoint does not answer: {error}") from error
        if not isinstance(answer, dict) or "result" not in answer:
            reason = answer.get("error") if isinstance(answer, dict) else "no JSON-RPC answer"
            raise _Reverted(method, json.dumps(reason))
        return answer["result"]

    def _post(self, body: bytes) -> bytes:
        """One exchange, bounded in bytes and in time, however slowly the server drips."""
        request = urllib.request.Request(  # noqa: S310  the scheme was checked when this object was made
            self._url, data=body, headers={"Content-Type": "application/json"}
        )
        deadline, raw = time.monotonic() + self._timeout, b""
        with self._opener.open(request, timeout=self._timeout) as response:
            while chunk := response.read1(65_536):
                raw += chunk
                if len(raw) > MAX_ANSWER_BYTES or time.monotonic() > deadline:
                    raise ValueError("its answer is too long, or takes too long")
        return raw


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect could lead to a server that nobody named."""

    def redirect_request(self, *_: object, **__: object) -> None:
        """Follow none; urllib then raises HTTPError."""
