"""More requests at once than a process answers, over real sockets."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import cast

import pytest
import uvicorn
from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from api.app import THREADS, create_app
from api.impatient import Impatient
from api.limits import AtOnceLimit
from api.witness import listening
from tests.api.test_routes import client as client
from tests.api.test_routes import world as world

MOST = 3


class Gate:
    """Answers no request before it is opened; `/livez` at once."""

    def __init__(self) -> None:
        self.inside, self.open = threading.Semaphore(0), threading.Event()
        self.app = Starlette(routes=[Route("/", self._wait), Route("/livez", self._alive)])
        self.app.add_middleware(AtOnceLimit, most=MOST)

    async def _wait(self, _: Request) -> PlainTextResponse:
        self.inside.release()
        while not self.open.is_set():
            await asyncio.sleep(0.01)
        return PlainTextResponse("done")

    async def _alive(self, _: Request) -> PlainTextResponse:
        return PlainTextResponse("alive")


@contextmanager
def serving(app: Starlette) -> Iterator[int]:
    """The port of a server."""
    with listening("127.0.0.1", 0) as sock:
        config = uvicorn.Config(app, http=Impatient, log_level="critical", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
        thread.start()
        try:
            yield sock.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


def connected(stack: ExitStack, port: int) -> http.client.HTTPConnection:
    made = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    stack.callback(made.close)
    return made


def test_one_request_too_many_is_a_problem_and_the_others_are_answered() -> None:
    gate = Gate()
    with serving(gate.app) as port, ExitStack() as stack:
        waiting = [connected(stack, port) for _ in range(MOST)]
        for one in waiting:
            one.request("GET", "/")
            assert gate.inside.acquire(timeout=20)
        more = connected(stack, port)
        more.request("GET", "/")
        refused = more.getresponse()
        problem = json.loads(refused.read())
        assert (refused.status, problem["status"], problem["type"]) == (503, 503, "/problems/overloaded")
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert int(refused.headers["Retry-After"]) > 0
        alive = connected(stack, port)
        alive.request("GET", "/livez")
        assert alive.getresponse().read() == b"alive"
        gate.open.set()
        assert [one.getresponse().read() for one in waiting] == [b"done"] * MOST
        more.request("GET", "/")
        assert more.getresponse().read() == b"done"


def test_a_request_whose_client_has_left_does_not_count_for_ever() -> None:
    gate = Gate()
    with serving(gate.app) as port, ExitStack() as stack:
        for _ in range(MOST):
            with socket.create_connection(("127.0.0.1", port)) as gone:
                gone.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                assert gate.inside.acquire(timeout=20)
        gate.open.set()
        answers = set()
        while 200 not in answers:
            again = connected(stack, port)
            again.request("GET", "/")
            answers.add(again.getresponse().status)
        assert answers <= {200, 503}


def test_the_service_keeps_to_the_bound(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AtOnceLimit.__init__, "__defaults__", (0,))
    service = cast(FastAPI, client.app).state.service
    with TestClient(create_app(service)) as full:
        assert full.get("/v1/info").status_code == 503
        assert full.get("/livez").status_code == 200


def test_no_more_threads_answer_than_are_of_use(client: TestClient) -> None:
    app = cast(FastAPI, client.app)

    async def threads() -> float:
        async with app.router.lifespan_context(app):
            return current_default_thread_limiter().total_tokens

    assert asyncio.run(threads()) == THREADS
