"""One JSON-RPC endpoint over plain HTTP: no chain library, and nothing that it sends is trusted."""

from __future__ import annotations

import json
import re
import weakref
from functools import cached_property
from typing import TYPE_CHECKING

from ledger_service import commitments
from ledger_service.commitments import Json
from ledger_service.errors import BadInput, Unavailable

if TYPE_CHECKING:
    from ledger_service.bounded import BoundedClient

TIMEOUT_SECONDS = 20.0
MAX_ANSWER_BYTES = 1 << 20
_NAME = "the RPC endpoint"
_HEADERS = {"Content-Type": "application/json"}
_QUANTITY = re.compile(r"0x(0|[1-9a-f][0-9a-f]{0,63})\Z")
_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*\Z")


class Refused(Unavailable):
    """The endpoint answered with an error of its own, or a contract's."""

    def __init__(self, method: str, reason: str) -> None:
        super().__init__(f"the RPC endpoint refuses {method}: {reason[:300]}")


class Endpoint:
    """Asks one endpoint; `timeout` is for one whole exchange, in seconds, however the endpoint divides them.

    Redirects are not followed: one could lead to a server that nobody named.
    """

    def __init__(self, url: str, timeout: float = TIMEOUT_SECONDS) -> None:
        if not url.startswith(("http://", "https://")):
            raise BadInput("the RPC endpoint is an http or https URL")
        self._url, self._timeout = url, timeout

    def ask(self, method: str, *params: Json) -> Json:
        """What the endpoint answers.

        Raises:
            Refused: it answers with an error. Unavailable: it does not answer, or makes no sense.
        """
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}).encode()
        try:
            answer = commitments.parse(self._post(body))
        except (ValueError, BadInput) as error:
            raise Unavailable(f"{_NAME} does not answer: {error}") from error
        if not isinstance(answer, dict) or "result" not in answer:
            reason = answer.get("error") if isinstance(answer, dict) else "no JSON-RPC answer"
            raise Refused(method, json.dumps(reason))
        return answer["result"]

    @cached_property
    def _client(self) -> BoundedClient:
        from ledger_service.bounded import BoundedClient  # not needed where no chain is asked

        made = BoundedClient(self._timeout)
        weakref.finalize(self, made.close)  # its connections end with this object
        return made

    def _post(self, body: bytes) -> bytes:
        answer = self._client.ask("POST", self._url, _NAME, MAX_ANSWER_BYTES, content=body, headers=_HEADERS)
        # Many endpoints send their JSON-RPC errors with a status of 400 and more.
        if answer.status != 200 and not 400 <= answer.status < 500:
            raise Unavailable(f"{_NAME} answers with HTTP status {answer.status}")
        return answer.body


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
