"""Connections that keep a server waiting are closed; those that do not are kept."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from typing import cast

import pytest
import uvicorn
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from api import workers
from api.impatient import Impatient
from api.witness import listening
from tests.api.test_routes import client as client
from tests.api.test_routes import world as world

SECONDS = 0.4


class Quick(Impatient):
    head_seconds = SECONDS


async def _echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(await request.body())


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    app = Starlette(routes=[Route("/", _echo, methods=["POST"])])
    with listening("127.0.0.1", 0) as sock:
        server = uvicorn.Server(uvicorn.Config(app, http=Quick, log_level="critical", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
        thread.start()
        yield sock.getsockname()[1]
        server.should_exit = True
        thread.join()


def seconds_until_closed(client: socket.socket, drip: bytes = b"") -> float:
    """How long it lasts, while a byte of `drip` is sent every now and then."""
    started = time.monotonic()
    client.settimeout(0.05)
    for byte in [*drip, *[0] * 100]:
        try:
            if byte:
                client.sendall(bytes([byte]))
            if client.recv(4096) == b"":
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - started


def test_a_connection_without_a_request_is_closed(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        assert SECONDS * 0.8 < seconds_until_closed(client) < SECONDS * 4


def test_a_head_that_drips_is_not_waited_for(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        assert seconds_until_closed(client, b"POST / HTTP/1.1\r\nX-Slow: " + b"a" * 100) < SECONDS * 4


def test_the_head_of_a_second_request_is_not_waited_for_either(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
        answer = b""
        while b"hi" not in answer:  # the head and the body may come apart
            answer += client.recv(4096)
        assert seconds_until_closed(client, b"POST / HTTP/1.1\r\nX-Slow: " + b"a" * 100) < SECONDS * 4


def test_a_body_may_take_longer_and_a_connection_may_rest(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.connect()
    kept = connection.sock
    for _ in range(2):

        def slowly() -> Iterator[bytes]:
            for _ in range(4):
                time.sleep(SECONDS / 2)
                yield b"x"

        connection.request("POST", "/", slowly(), {"Content-Length": "4"})
        assert connection.getresponse().read() == b"xxxx"
        time.sleep(SECONDS * 1.5)
        assert connection.sock is kept
    connection.close()


def test_the_service_does_not_wait_for_heads_either(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Impatient, "head_seconds", SECONDS)
    app = cast(FastAPI, client.app)
    with listening("127.0.0.1", 0) as sock:
        server = workers.server(app.state.service)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
        thread.start()
        try:
            with socket.create_connection(("127.0.0.1", sock.getsockname()[1])) as slow:
                assert (
                    seconds_until_closed(slow, b"GET /livez HTTP/1.1\r\nX-Slow: " + b"a" * 100) < SECONDS * 6
                )
        finally:
            server.should_exit = True
            thread.join()
