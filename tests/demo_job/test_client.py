"""The client against a real HTTP server that comes and goes, forgets sessions and refuses."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from api import siwe
from ledger_service.errors import Unavailable
from ledger_service.local.state import free_port
from scripts.demo_job.client import ApiError, Connection, Session, Stopping, siwe_message
from scripts.demo_job.keys import Secrets

Answer = Callable[[str, str, dict[str, str], Any], tuple[int, Any, dict[str, str]]]
WALLET = Secrets("test", "user").wallet()


@contextmanager
def serving(answer: Answer, port: int = 0) -> Iterator[str]:
    """A server whose replies `answer(method, path, headers, body)` decides; its base URL."""

    class Handler(BaseHTTPRequestHandler):
        def _reply(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            given = {name.lower(): value for name, value in self.headers.items()}
            status, value, headers = answer(self.command, self.path, given, body)
            raw = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            for name, text in headers.items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_PUT = do_POST = _reply

        def log_message(self, format: str, *args: object) -> None:
            """Silence: the tests look at what comes back."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def connected(base: str, patience: float = 10.0) -> Iterator[Connection]:
    connection = Connection(base, threading.Event(), patience)
    try:
        yield connection
    finally:
        connection.close()


def test_a_call_survives_a_service_that_is_started_again() -> None:
    port = free_port()
    found: list[Any] = []
    with connected(f"http://127.0.0.1:{port}") as connection:
        caller = threading.Thread(target=lambda: found.append(connection.get("/v1/info")))
        caller.start()  # nobody listens yet
        with serving(lambda *_: (200, {"now": 5}, {}), port):
            caller.join(20)
    assert found == [{"now": 5}]


def test_a_service_that_is_not_ready_is_asked_the_same_again() -> None:
    bodies = []

    def answer(method: str, path: str, headers: dict[str, str], body: Any) -> tuple[int, Any, dict[str, str]]:
        bodies.append(body)
        return (503, {"title": "not yet"}, {}) if len(bodies) < 3 else (201, {"ok": True}, {})

    with serving(answer) as base, connected(base) as connection:
        assert connection.send("POST", "/v1/labels", body={"labels": []}).json() == {"ok": True}
    assert bodies == [{"labels": []}] * 3


def test_patience_ends() -> None:
    with (
        connected(f"http://127.0.0.1:{free_port()}", patience=0.3) as connection,
        pytest.raises(Unavailable, match="gets no answer"),
    ):
        connection.get("/v1/info")


def test_whoever_waits_stops_when_the_run_ends() -> None:
    with connected(f"http://127.0.0.1:{free_port()}") as connection:
        connection.stop.set()
        with pytest.raises(Stopping):
            connection.get("/v1/info")


def test_a_refusal_is_told_and_not_repeated() -> None:
    calls = []

    def answer(method: str, path: str, headers: dict[str, str], body: Any) -> tuple[int, Any, dict[str, str]]:
        calls.append(path)
        return 409, {"title": "Conflict", "detail": "already closed"}, {}

    with (
        serving(answer) as base,
        connected(base) as connection,
        pytest.raises(ApiError, match=r"POST /v1/x .*409: Conflict: already closed") as error,
    ):
        connection.send("POST", "/v1/x", body={})
    assert error.value.status == 409
    assert calls == ["/v1/x"]


def test_a_forgotten_session_is_opened_again_with_the_wallet() -> None:
    logins: list[Any] = []

    def answer(method: str, path: str, headers: dict[str, str], body: Any) -> tuple[int, Any, dict[str, str]]:
        if path == "/v1/auth/nonce":
            return 200, {"nonce": f"nonce{len(logins):08}"}, {}
        if path == "/v1/auth/login":
            logins.append(body)
            return 200, {"token": f"token {len(logins)}"}, {}
        known = headers["authorization"] == "Bearer token 2"
        return (200, {"tasks": []}, {}) if known else (401, {"title": "Unauthenticated"}, {})

    with serving(answer) as base, connected(base) as connection:
        session = Session(connection, WALLET, 31337)
        assert session.get("/v1/tasks") == {"tasks": []}
    assert len(logins) == 2
    assert logins[0] != logins[1]


def test_a_session_that_is_never_accepted_is_an_error() -> None:
    def answer(method: str, path: str, headers: dict[str, str], body: Any) -> tuple[int, Any, dict[str, str]]:
        if path.startswith("/v1/auth"):
            return 200, {"nonce": "nonce00000", "token": "t"}, {}
        return 401, {"title": "Unauthenticated"}, {}

    with (
        serving(answer) as base,
        connected(base) as connection,
        pytest.raises(ApiError, match="401"),
    ):
        Session(connection, WALLET, 31337).get("/v1/tasks")


def test_the_login_text_is_what_the_service_parses() -> None:
    message = siwe.parse(siwe_message("http://127.0.0.1:8420", WALLET.address, 31337, "abcdefgh12345678"))
    assert message.domain == "127.0.0.1:8420"
    assert message.address.lower() == WALLET.address
    assert message.uri == "http://127.0.0.1:8420"
    assert (message.chain_id, message.nonce) == (31337, "abcdefgh12345678")


def test_rows_are_read_page_by_page() -> None:
    def answer(method: str, path: str, headers: dict[str, str], body: Any) -> tuple[int, Any, dict[str, str]]:
        if path.startswith("/v1/auth"):
            return 200, {"nonce": "nonce00000", "token": "t"}, {}
        if "after=-1" in path:
            return 200, {"results": [1, 2], "next": 7}, {}
        assert "after=7" in path
        return 200, {"results": [3], "next": None}, {}

    with serving(answer) as base, connected(base) as connection:
        rows = list(Session(connection, WALLET, 31337).pages("/v1/x", "results", limit=2))
    assert rows == [1, 2, 3]
