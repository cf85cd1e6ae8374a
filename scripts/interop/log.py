"""The log that the clients read: a real database, the service's own routes, a real port."""

from __future__ import annotations

import asyncio
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import dependencies, problems
from api.routes import log as routes
from ledger_service import entries
from ledger_service.errors import Unavailable
from ledger_service.local.postgres import EmbeddedPostgres
from ledger_service.local.state import prepare
from ledger_service.log.checkpoint import LogKey
from ledger_service.store.migrate import upgrade
from ledger_service.store.store import Store, connect

ORIGIN = "ledger.example/interop"
KEY = LogKey(ORIGIN, bytes(range(32)))
BATCHES = (300, 212, 233)  # three heads: 300, 512 (two full tiles), 745
START_SECONDS = 20.0
Tamper = Callable[[str, bytes], bytes]


@dataclass(frozen=True)
class Served:
    """The log's URL prefix, and the store behind it."""

    url: str
    store: Store


def made_entry(number: int) -> entries.Entry:
    """A real, unsigned entry of the log's own format; each number gives another one."""
    return entries.encode(
        entries.Access(
            dataset=number.to_bytes(32, "big"),
            licensee=f"0x{number:040x}",
            content=bytes(32),
            made_at=1_770_000_000 + number,
        )
    )


def append(store: Store, first: int, count: int) -> None:
    """One batch, one commit."""
    with store.begin() as uow:
        uow.log.initialise()
        uow.log.append([made_entry(number) for number in range(first, first + count)])


@contextmanager
def database() -> Iterator[Store]:
    """An empty log in a PostgreSQL server of its own, for the length of the block."""
    folder = prepare(Path(tempfile.mkdtemp(prefix="cl-interop-")))
    server = EmbeddedPostgres(folder)
    try:
        server.start()
        engine = connect(server.url)
        upgrade(engine)
        yield Store(engine, KEY, bytes(32))
        engine.dispose()
    finally:
        server.stop()
        shutil.rmtree(folder)


def application(store: Store) -> FastAPI:
    """The service's application as far as the log goes: the same routes and the same problems."""
    app = FastAPI()
    app.dependency_overrides[dependencies.service] = lambda: SimpleNamespace(store=store)
    problems.install(app)
    app.include_router(routes.router)
    return app


class Tampered:
    """Somebody between the log and its reader: answers below a prefix are changed."""

    def __init__(self, app: ASGIApp, changes: dict[str, Tamper]) -> None:
        self._app, self._changes = app, changes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on without its prefix, and the answer back as the prefix's change leaves it."""
        prefix, _, path = scope.get("path", "").lstrip("/").partition("/")
        if scope["type"] != "http" or prefix not in self._changes:
            await self._app(scope, receive, send)
            return
        change = self._changes[prefix]

        async def changed(message: Message) -> None:
            if message["type"] == "http.response.start":  # its body may get longer or shorter
                kept = [pair for pair in message["headers"] if pair[0].lower() != b"content-length"]
                message = {**message, "headers": kept}
            elif message.get("body"):
                message = {**message, "body": change(path, message["body"])}
            await send(message)

        await self._app({**scope, "path": f"/{path}", "raw_path": f"/{path}".encode()}, receive, changed)


def flip(path: str, body: bytes, below: str) -> bytes:
    """The body with one bit changed, where the path leads below this folder."""
    return body[:-1] + bytes([body[-1] ^ 1]) if f"/{below}" in f"/{path}" else body


CHANGES: dict[str, Tamper] = {
    "tampered-tile": lambda path, body: flip(path, body, "tile/0/"),
    "tampered-edge": lambda path, body: flip(path, body, "tile/1/"),
    "tampered-entry": lambda path, body: flip(path, body, "tile/entries/"),
}


@contextmanager
def serve(app: ASGIApp) -> Iterator[str]:
    """An application on a free port of this machine; its URL, for the length of the block.

    Raises:
        Unavailable: it does not start.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off"))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])), name="interop")
        thread.start()
        try:
            waited = threading.Event()
            for _ in range(int(START_SECONDS / 0.02)):
                if server.started or not thread.is_alive():
                    break
                waited.wait(0.02)
            if not server.started:
                raise Unavailable("the log does not start")
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
