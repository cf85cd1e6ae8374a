"""Closes HTTP connections on which nothing happens; uvicorn itself waits for a request's head for ever."""

from __future__ import annotations

import asyncio
from typing import cast

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 15.0


class Impatient(H11Protocol):
    """Closes a connection when the head of a request is not there within `head_seconds`, the first one's
    counted from when the connection was made, a later one's from its first byte. Between requests, uvicorn's
    keep-alive counts."""

    head_seconds = HEAD_SECONDS
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        super().connection_made(cast(asyncio.Transport, transport))
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        """Some bytes of it have come."""
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._expect_head()
        else:  # the head is there; the application reads the body as it likes
            self._cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._cancel()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(self.head_seconds, self.transport.close)

    def _cancel(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
