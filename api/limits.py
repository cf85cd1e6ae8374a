"""Bounds on requests: on their bodies, kept while they arrive, and on how many are answered at once."""

from __future__ import annotations

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import MEDIA_TYPE, RETRY_AFTER_SECONDS

MAX_BODY_BYTES = 32 << 20
MAX_AT_ONCE = 512
_TOO_LARGE = (
    b'{"type":"/problems/content-too-large","title":"Content too large","status":413,'
    b'"detail":"a request has at most 32 MiB: send smaller batches"}'
)
_TOO_MANY = (
    b'{"type":"/problems/overloaded","title":"Overloaded","status":503,'
    b'"detail":"too many requests are being answered already: come again in a moment"}'
)


class AtOnceLimit:
    """ASGI middleware: 503 for a request that comes while as many as are allowed are being answered.

    `/livez` is answered all the same: a process that has too much to do is alive.
    """

    def __init__(self, app: ASGIApp, most: int = MAX_AT_ONCE) -> None:
        self._app, self._most, self._now = app, most, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["path"] == "/livez":
            await self._app(scope, receive, send)
            return
        if self._now >= self._most:
            await _refuse(send, 503, _TOO_MANY, (b"retry-after", str(RETRY_AFTER_SECONDS).encode()))
            return
        self._now += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._now -= 1


class BodyLimit:
    """ASGI middleware: 413 as soon as a body is announced, or grows, beyond the bound."""

    def __init__(self, app: ASGIApp, most: int = MAX_BODY_BYTES) -> None:
        self._app, self._most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        announced = headers.get(b"content-length", b"0")
        if not announced.isdigit() or int(announced) > self._most:
            await _refuse(send, 413, _TOO_LARGE)
            return
        seen = 0

        async def bounded() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._most:
                # The application stops reading; what it makes of that is replaced below.
                raise ClientDisconnect
            return message

        refused = False

        async def replaced(message: Message) -> None:
            nonlocal refused
            if seen <= self._most:
                await send(message)
            elif not refused:
                refused = True
                await _refuse(send, 413, _TOO_LARGE)

        await self._app(scope, bounded, replaced)


async def _refuse(send: Send, status: int, body: bytes, *more: tuple[bytes, bytes]) -> None:
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"connection", b"close"), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
