"""A witness over HTTP (C2SP tlog-witness): add-checkpoint, and the monitoring prefix; the same prefix for
both."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from api.impatient import Impatient
from ledger_service.errors import Conflict, LedgerError
from ledger_service.witness.refusals import TooMuch, UnknownLog, WrongOldSize
from ledger_service.witness.request import MAX_BODY_BYTES
from ledger_service.witness.witness import Witness

SIZE = "text/x.tlog.size"
BODY_SECONDS = 20.0
KEEP_ALIVE_SECONDS = 90
SHUTDOWN_SECONDS = 10
MOST_CONNECTIONS = 512
BACKLOG = 512


def create_app(witness: Witness) -> Starlette:
    """The application; it answers with `witness`, in threads."""
    app = Starlette(
        routes=[
            Route("/add-checkpoint", _add_checkpoint, methods=["POST"]),
            Route("/{origin_hash}/checkpoint", _checkpoint, methods=["GET"]),
        ],
        exception_handlers={LedgerError: _refused},
    )
    app.state.witness = witness
    return app


async def _add_checkpoint(request: Request) -> Response:
    """POST /add-checkpoint: one signature line, or the reason why there is none."""
    witness: Witness = request.app.state.witness
    try:
        async with asyncio.timeout(BODY_SECONDS):
            raw = await _body(request)
    except TimeoutError:
        return _text("the request does not arrive", 408, close=True)
    except ClientDisconnect:
        return _text("the request did not arrive in full", 400, close=True)
    except TooMuch as error:
        return _text(str(error), error.status, close=True)
    return PlainTextResponse(await run_in_threadpool(witness.add_checkpoint, raw))


async def _checkpoint(request: Request) -> Response:
    """GET /<origin hash>/checkpoint: what was cosigned last, with the log's lines and the witness's."""
    witness: Witness = request.app.state.witness
    record = witness.records.by_hash(request.path_params["origin_hash"])
    if record is None:
        raise UnknownLog("this witness has cosigned no checkpoint of that log")
    return PlainTextResponse(record.note, headers={"Cache-Control": "no-cache"})


async def _body(request: Request) -> bytes:
    """The body, as long as it can be a request's."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise TooMuch(f"a request has at most {MAX_BODY_BYTES} bytes")
    return bytes(body)


async def _refused(_: Request, error: Exception) -> Response:
    if isinstance(error, WrongOldSize):
        # As a header: as a media type it would be given a charset, and the specification has none.
        return Response(f"{error.size}\n", 409, headers={"Content-Type": SIZE})
    return _text(str(error), error.status if isinstance(error, LedgerError) else 500)


def _text(words: str, status: int, *, close: bool = False) -> Response:
    # What is left of a body that was not read to its end must not be taken for the next request.
    return PlainTextResponse(words + "\n", status, headers={"Connection": "close"} if close else None)


class _Server(uvicorn.Server):
    """Says when it answers: from then on a signal ends it in order."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


def serve(witness: Witness, listening: socket.socket, ready: Callable[[], None]) -> None:
    """Answer until SIGINT or SIGTERM; `ready` is called once whoever connects is answered."""
    config = uvicorn.Config(
        create_app(witness),
        http=Impatient,
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    _Server(config, ready).run(sockets=[listening])


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens; port 0 takes a free one.

    Raises:
        Conflict: the address is taken, or not one of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        made = socket.create_server((host, port), backlog=BACKLOG, family=family)
    except OSError as error:
        raise Conflict(f"cannot listen on {host} port {port}: {error.strerror or error}") from error
    with made:
        # asyncio sets it only where a socket was made with its protocol's number; connections inherit it
        # here. Without it the second part of an answer waits 40 ms for the acknowledgement of the first.
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield made
