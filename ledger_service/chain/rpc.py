"""JSON-RPC to a node that is not trusted: bounded answers, checked types.

web3's provider encodes requests and parses answers; here its transport is bounded in bytes and in time, and
every value that is read from an answer goes through one of the checks below.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from web3.providers.rpc import HTTPProvider
from web3.types import RPCEndpoint

from ledger_service.bounded import BoundedClient
from ledger_service.errors import Conflict, Corrupt, TooLarge, Unavailable

MAX_ANSWER_BYTES = 32 << 20
_HEADERS = {"Content-Type": "application/json"}
_QUANTITY = re.compile(r"0x(0|[1-9a-f][0-9a-f]*)\Z", re.IGNORECASE)
_DATA = re.compile(r"0x(?:[0-9a-f]{2})*\Z", re.IGNORECASE)
_TEXT_LIMIT = 500
_EXECUTION_ERRORS = (3, -32015)  # a reverted call: geth, anvil and Hardhat; Nethermind


class RpcRefused(Unavailable):
    """The node answered with an error.

    Attributes:
        code: JSON-RPC error code.
        message: the node's words, at most 500 characters; never to be trusted for anything but display.
    """

    def __init__(self, method: str, code: int, message: str) -> None:
        self.code, self.message = code, message[:_TEXT_LIMIT]
        super().__init__(f"{method}: {self.message} ({code})")


class AnswerTooLarge(Unavailable):
    """The node's answer is larger than what is read; a smaller question may do."""


class Reverted(Conflict):
    """The contract refuses the call, and will again for the same state.

    Attributes:
        data: what it reverted with (ABI-encoded error), possibly empty.
    """

    def __init__(self, message: str, data: bytes) -> None:
        self.data = data
        super().__init__(message[:_TEXT_LIMIT])


class BoundedProvider(HTTPProvider):
    """web3's HTTP provider with a bound on bytes and on the time of a whole exchange, however it is divided.

    It never retries, and follows no redirect.
    """

    def __init__(self, url: str, timeout: float, max_bytes: int) -> None:
        super().__init__(url, exception_retry_configuration=None)
        self._client, self._max_bytes = BoundedClient(timeout), max_bytes

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _make_request(self, method: RPCEndpoint, request_data: bytes) -> bytes:
        url = str(self.endpoint_uri)
        try:
            answer = self._client.ask(
                "POST", url, f"{method}: the node", self._max_bytes, content=request_data, headers=_HEADERS
            )
        except TooLarge as error:
            raise AnswerTooLarge(f"{method}: the answer is larger than {self._max_bytes} bytes") from error
        if answer.status >= 500 or not answer.body:
            raise Unavailable(f"{method}: the node answers with HTTP status {answer.status}")
        return answer.body


class Rpc:
    """One node. Any fault of the transport is `Unavailable`, any answer of the wrong form `Corrupt`."""

    def __init__(self, url: str, timeout: float, max_bytes: int = MAX_ANSWER_BYTES) -> None:
        self._provider = BoundedProvider(url, timeout, max_bytes)

    def close(self) -> None:
        """Close the connections."""
        self._provider.close()

    def ask(self, method: str, *params: object) -> Any:
        """Call `method`; its result as JSON.

        Raises:
            Reverted: a contract refuses what was asked.
            RpcRefused: the node refuses.
            Unavailable: no answer, or none in time.
        """
        try:
            answer = self._provider.make_request(RPCEndpoint(method), list(params))
        except (ValueError, RecursionError) as error:
            raise Unavailable(f"{method}: the answer is not JSON") from error
        if not isinstance(answer, Mapping):
            raise Corrupt(f"{method}: the answer is no JSON-RPC response")
        if answer.get("error") is not None:
            raise _refusal(method, answer["error"])
        if "result" not in answer:
            raise Corrupt(f"{method}: the answer has neither a result nor an error")
        return answer["result"]


def _refusal(method: str, error: object) -> RpcRefused | Reverted:
    if not isinstance(error, Mapping):
        return RpcRefused(method, 0, printable(str(error)[:_TEXT_LIMIT]))
    code, message = error.get("code"), printable(str(error.get("message"))[:_TEXT_LIMIT])
    data = error.get("data")
    if isinstance(data, Mapping):
        data = data.get("data")
    if isinstance(data, str):
        data = data.removeprefix("Reverted ")  # Nethermind's
    raw = bytes.fromhex(data[2:]) if isinstance(data, str) and _DATA.match(data) else b""
    words = message.lower()
    if code in _EXECUTION_ERRORS or "execution reverted" in words or (raw and "revert" in words):
        return Reverted(message, raw)
    return RpcRefused(method, code if isinstance(code, int) else 0, message)


def printable(text: str) -> str:
    """Somebody else's words without what a terminal would obey."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def fields(value: object, what: str) -> Mapping[str, Any]:
    """A JSON object.

    Raises:
        Corrupt: anything else.
    """
    if not isinstance(value, Mapping):
        raise Corrupt(f"{what}: expected an object, found {type(value).__name__}")
    return value


def quantity(value: object, what: str, bits: int = 256) -> int:
    """A hexadecimal quantity below 2^bits (Ethereum JSON-RPC, "QUANTITY").

    Raises:
        Corrupt: anything else.
    """
    if not isinstance(value, str) or not _QUANTITY.match(value) or len(value) > 66:
        raise Corrupt(f"{what}: {str(value)[:80]!r} is no quantity")
    number = int(value, 16)
    if number >> bits:
        raise Corrupt(f"{what}: {value} does not fit {bits} bits")
    return number


def data(value: object, what: str, size: int | None = None) -> bytes:
    """Hexadecimal bytes (Ethereum JSON-RPC, "DATA"), of `size` bytes when given.

    Raises:
        Corrupt: anything else.
    """
    if not isinstance(value, str) or not _DATA.match(value):
        raise Corrupt(f"{what}: {str(value)[:80]!r} is no data")
    raw = bytes.fromhex(value[2:])
    if size is not None and len(raw) != size:
        raise Corrupt(f"{what}: expected {size} bytes, found {len(raw)}")
    return raw


def address(value: object, what: str) -> str:
    """A 20-byte account as lower-case hex.

    Raises:
        Corrupt: anything else.
    """
    return "0x" + data(value, what, 20).hex()
