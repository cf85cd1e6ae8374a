"""The service's HTTP API as its users see it: one connection pool, and a logged-in session per user.

A service that is stopped and started again is survived: every call may be repeated, and is, until it is
answered or patience ends. A session that the service no longer knows is opened again with the wallet.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
from eth_utils.address import to_checksum_address

from ledger_service.errors import LedgerError, Unavailable
from ledger_service.signing import Wallet

PATIENCE = 120.0
LONGEST_PAUSE = 3.0
RETRIED = (502, 503, 504)
Json = Any


class ApiError(LedgerError):
    """The service refused a call: its status and its problem document (RFC 9457)."""

    def __init__(self, status: int, problem: str, call: str) -> None:
        self.status = status
        super().__init__(f"{call} was answered with {status}: {problem}")


class Stopping(Exception):
    """The run is being ended; whoever waits for the service stops waiting."""


class Connection:
    """Anonymous calls to one service, shared by all sessions and threads."""

    def __init__(self, base: str, stop: threading.Event, patience: float = PATIENCE) -> None:
        self.base, self.stop = base.rstrip("/"), stop
        self._patience = patience
        self._http = httpx.Client(base_url=self.base, timeout=httpx.Timeout(60.0, connect=5.0))

    def close(self) -> None:
        """Close the pool."""
        self._http.close()

    def get(self, path: str, **params: str | int) -> Json:
        """The JSON at `path`."""
        return self.send("GET", path, params=params).json()

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Json = None,
        params: dict[str, str | int] | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """One call, repeated while the service cannot be reached.

        Raises:
            ApiError: the service refused it.
            Unavailable: no answer within the patience.
            Stopping: the run is being ended.
        """
        content = None if body is None else json.dumps(body).encode()
        head = dict(headers or {})
        if content is not None:
            head["Content-Type"] = "application/json"
        give_up, pause = time.monotonic() + self._patience, 0.1
        while True:
            if self.stop.is_set():
                raise Stopping
            try:
                reply = self._http.request(method, path, content=content, params=params, headers=head)
                if reply.status_code not in RETRIED:
                    return _accepted(reply, f"{method} {path}")
                reason = f"status {reply.status_code}: {reply.text[:300]}"
            except httpx.TransportError as error:
                reason = f"{type(error).__name__}: {error}"
            if time.monotonic() > give_up:
                raise Unavailable(f"{method} {self.base}{path} gets no answer ({reason})")
            self.stop.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)


class Session:
    """One user's calls, authenticated with its wallet (EIP-4361)."""

    def __init__(self, connection: Connection, wallet: Wallet, chain_id: int) -> None:
        self.connection, self.wallet = connection, wallet
        self._chain_id = chain_id
        self._token: str | None = None

    @property
    def address(self) -> str:
        """The user's account."""
        return self.wallet.address

    def login(self) -> None:
        """Open a session: sign the service's nonce. Repeated as a whole, since a nonce serves once."""
        nonce = self.connection.get("/v1/auth/nonce")["nonce"]
        text = siwe_message(self.connection.base, self.address, self._chain_id, nonce)
        body = {"message": text, "signature": "0x" + self.wallet.sign_text(text).hex()}
        self._token = self.connection.send("POST", "/v1/auth/login", body=body).json()["token"]

    def get(self, path: str, **params: str | int) -> Json:
        """The JSON at `path`. Raises as `Connection.send` does, like all calls here."""
        return self._call("GET", path, params=params).json()

    def put(self, path: str, body: Json = None) -> Json:
        """The answer to a PUT, or None where it has no content."""
        reply = self._call("PUT", path, body=body)
        return reply.json() if reply.content else None

    def post(self, path: str, body: Json = None) -> Json:
        """The answer to a POST, or None where it has no content."""
        reply = self._call("POST", path, body=body)
        return reply.json() if reply.content else None

    def pages(self, path: str, key: str, limit: int) -> Iterator[Json]:
        """All rows of a paged JSON resource."""
        after: Any = -1
        while after is not None:
            page = self.get(path, after=after, limit=limit)
            yield from page[key]
            after = page["next"]

    def _call(
        self, method: str, path: str, body: Json = None, params: dict[str, str | int] | None = None
    ) -> httpx.Response:
        if self._token is None:
            self.login()
        try:
            return self._send(method, path, body, params)
        except ApiError as error:
            if error.status != 401:
                raise
        # The session has ended (a restart, or its time): the wallet opens another, once.
        self.login()
        return self._send(method, path, body, params)

    def _send(
        self, method: str, path: str, body: Json, params: dict[str, str | int] | None
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._token}"}
        return self.connection.send(method, path, body=body, params=params, headers=headers)


def siwe_message(base: str, address: str, chain_id: int, nonce: str) -> str:
    """The EIP-4361 text that a wallet signs to log in. Its time is the machine's, never a chain's."""
    issued = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return (
        f"{base.partition('://')[2]} wants you to sign in with your Ethereum account:\n"
        f"{to_checksum_address(address)}\n"
        "\n"
        "Log in to crowdledger.\n"
        "\n"
        f"URI: {base}\n"
        "Version: 1\n"
        f"Chain ID: {chain_id}\n"
        f"Nonce: {nonce}\n"
        f"Issued At: {issued}"
    )


def _accepted(reply: httpx.Response, call: str) -> httpx.Response:
    if reply.is_success:
        return reply
    try:
        problem = reply.json()
        text = f"{problem.get('title', '')}: {problem.get('detail', '')}"
    except (ValueError, AttributeError):
        text = reply.text[:300]
    raise ApiError(reply.status_code, text, call)
