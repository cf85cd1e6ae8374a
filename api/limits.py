"""A bound on request bodies, kept while they arrive."""

from __future__ import annotations

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import MEDIA_TYPE

MAX_BODY_BYTES = 32 << 20
_TOO_LARGE = (
    b'{"type":"/problems/content-too-large","title":"Content too large","status":413,'
    b'"detail":"a request has at most 32 MiB: send smaller batches"}'
)


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
            await _refuse(send)
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
                await _refuse(send)

        await self._app(scope, bounded, replaced)


async def _refuse(send: Send) -> None:
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": _TOO_LARGE})
