"""One JSON-RPC endpoint over plain HTTP: no client library, and nothing that it sends is trusted."""

from __future__ import annotations

import http.client
import json
import re
import time
import urllib.error
import urllib.request
from typing import IO

from ledger_service import commitments
from ledger_service.commitments import Json
from ledger_service.errors import BadInput, Unavailable

TIMEOUT_SECONDS = 20.0
MAX_ANSWER_BYTES = 1 << 20
_QUANTITY = re.compile(r"0x(0|[1-9a-f][0-9a-f]{0,63})\Z")
_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*\Z")


class Refused(Unavailable):
    """The endpoint answered with an error of its own, or a contract's."""

    def __init__(self, method: str, reason: str) -> None:
        super().__init__(f"the RPC endpoint refuses {method}: {reason[:300]}")


class Endpoint:
    """Asks one endpoint; `timeout` is for one exchange, in seconds."""

    def __init__(self, url: str, timeout: float = TIMEOUT_SECONDS) -> None:
        if not url.startswith(("http://", "https://")):
            raise BadInput("the RPC endpoint is an http or https URL")
        self._url, self._timeout = url, timeout
        self._opener = urllib.request.build_opener(_NoRedirect)

    def ask(self, method: str, *params: Json) -> Json:
        """What the endpoint answers.

        Raises:
            Refused: it answers with an error. Unavailable: it does not answer, or makes no sense.
        """
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}).encode()
        try:
            answer = commitments.parse(self._post(body))
        except (OSError, ValueError, BadInput, http.client.HTTPException) as error:
            raise Unavailable(f"the RPC endpoint does not answer: {error}") from error
        if not isinstance(answer, dict) or "result" not in answer:
            reason = answer.get("error") if isinstance(answer, dict) else "no JSON-RPC answer"
            raise Refused(method, json.dumps(reason))
        return answer["result"]

    def _post(self, body: bytes) -> bytes:
        request = urllib.request.Request(  # noqa: S310  the scheme was checked when this object was made
            self._url, data=body, headers={"Content-Type": "application/json"}
        )
        deadline = time.monotonic() + self._timeout
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                return _read(response, deadline)
        except urllib.error.HTTPError as error:
            with error:
                if 400 <= error.code < 500:  # many endpoints send their JSON-RPC errors so
                    return _read(error, deadline)
                raise


def _read(response: http.client.HTTPResponse | IO[bytes], deadline: float) -> bytes:
    """One answer, bounded in bytes and in time, however slowly the server drips."""
    raw = b""
    read = getattr(response, "read1", response.read)
    while chunk := read(65_536):
        raw += chunk
        if len(raw) > MAX_ANSWER_BYTES or time.monotonic() > deadline:
            raise ValueError("its answer is too long, or takes too long")
    return raw


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect could lead to a server that nobody named."""

    def redirect_request(self, *_: object, **__: object) -> None:
        """Follow none; urllib then raises HTTPError."""


def quantity(value: object, what: str) -> int:
    """A hexadecimal number below 2^256 (Ethereum JSON-RPC, "QUANTITY").

    Raises:
        Unavailable: anything else.
    """
    if not isinstance(value, str) or not _QUANTITY.match(value):
        raise Unavailable(f"the RPC endpoint gives no {what}")
    return int(value, 16)


def data(value: object, what: str) -> bytes:
    """Hexadecimal bytes (Ethereum JSON-RPC, "DATA").

    Raises:
        Unavailable: anything else.
    """
    if not isinstance(value, str) or not _DATA.match(value):
        raise Unavailable(f"the RPC endpoint gives no {what}")
    return bytes.fromhex(value[2:])
