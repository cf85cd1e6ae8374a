"""Asking a server that nobody trusts: its answer is bounded in bytes and in the time of the whole exchange.

httpx bounds the time of one read, and decodes what arrives before anybody can look at its length: a header
that drips, or a few bytes of gzip within gzip, would beat a bound that is looked at between two pieces of a
body. So the time that is left goes down into every read of the connection, and at most one gzip is decoded,
here.
"""

from __future__ import annotations

import ssl
import threading
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx

from ledger_service.errors import BadInput, TooLarge, Unavailable

CONNECT_SECONDS = 10.0
_GZIP = 31  # zlib's window for a gzip stream


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said: status, headers and the whole body, decoded."""

    status: int
    headers: httpx.Headers
    body: bytes


class BoundedClient:
    """Connections to servers that may do anything; for several threads at once. Redirects are not followed.

    Args:
        seconds: for a whole exchange, however the server divides them.
        base_url: what paths are added to.
        client: an application in this process, for tests; it is bounded in bytes alone.
    """

    def __init__(self, seconds: float, base_url: str = "", client: httpx.Client | None = None) -> None:
        self._seconds = seconds
        self._until = _Until()
        timeout = httpx.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS))
        self._client = client or httpx.Client(base_url=base_url, timeout=timeout, follow_redirects=False)
        if client is None:
            self._bound()

    def __enter__(self) -> BoundedClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def ask(
        self, method: str, url: str, name: str, limit: int, *, seconds: float | None = None, **more: Any
    ) -> Answer:
        """One exchange; `more` is what httpx takes for a request.

        Args:
            name: of the server, for errors.
            limit: bytes of the decoded body.
            seconds: for this exchange alone.

        Raises:
            TooLarge: the body is larger than `limit`.
            Unavailable: no whole answer in time, or one in a form that was not asked for.
        """
        with self._exchange(method, url, name, seconds, more) as answer:
            coding = answer.headers.get("Content-Encoding", "identity").strip().lower() or "identity"
            body = decoded(self._pieces(answer), coding, limit, name)
            return Answer(answer.status_code, answer.headers, body)

    def status(self, method: str, url: str, name: str, **more: Any) -> int:
        """The status of an answer whose body is of no interest, and is not read.

        Raises:
            Unavailable: no answer in time.
        """
        with self._exchange(method, url, name, None, more) as answer:
            return answer.status_code

    @contextmanager
    def _exchange(
        self, method: str, url: str, name: str, seconds: float | None, more: dict[str, Any]
    ) -> Iterator[httpx.Response]:
        headers = {"Accept-Encoding": "gzip"} | more.pop("headers", {})
        self._until.begin(self._seconds if seconds is None else seconds)
        try:
            with self._client.stream(method, url, headers=headers, **more) as answer:
                yield answer
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(f"{name} does not answer: {error or type(error).__name__}") from error
        finally:
            self._until.end()

    def _pieces(self, answer: httpx.Response) -> Iterator[bytes]:
        for piece in answer.iter_raw():
            self._until.left(None, httpx.ReadTimeout)
            yield piece

    def _bound(self) -> None:
        # httpx has no public way to give its transports, and those of the environment's proxies, a network.
        for transport in (self._client._transport, *self._client._mounts.values()):
            if isinstance(transport, httpx.HTTPTransport):
                pool = transport._pool
                pool._network_backend = _Network(pool._network_backend, self._until)


def decoded(pieces: Iterable[bytes], coding: str, limit: int, name: str) -> bytes:
    """At most `limit` bytes of a body, as it was before its Content-Encoding: identity or gzip, once.

    Raises:
        TooLarge: there is more. Unavailable: another encoding, or no whole gzip stream and nothing else.
    """
    if coding not in ("identity", "gzip"):
        raise Unavailable(f"{name} answers in an encoding that was not asked for: {coding[:40]!r}")
    gzip = zlib.decompressobj(_GZIP) if coding == "gzip" else None
    body, met = bytearray(), False
    for piece in pieces:
        met = met or bool(piece)
        try:
            body += piece if gzip is None else gzip.decompress(piece, limit + 1 - len(body))
        except zlib.error as error:
            raise Unavailable(f"{name} answers with what is no gzip") from error
        if len(body) > limit:
            raise TooLarge(f"{name} answers with more than {limit} bytes")
        if gzip is not None and gzip.unused_data:
            raise Unavailable(f"{name} answers with more than one gzip stream")
    if gzip is not None and met and not gzip.eof:
        raise Unavailable(f"{name} answers with a gzip stream that breaks off")
    return bytes(body)


def named_server(url: str) -> str:
    """Scheme and host of an address, to name it by: the rest of a webhook's is as good as a password.

    Raises:
        BadInput: it is no http or https URL.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise BadInput("the URL makes no sense") from error
    if parts.scheme not in ("http", "https") or not host:
        raise BadInput("the URL begins with http:// or https:// and a host")
    return f"{parts.scheme}://{host}" + ("" if port is None else f":{port}")


class _Until:
    """When this thread's exchange has to be over."""

    def __init__(self) -> None:
        self._mine = threading.local()

    def begin(self, seconds: float) -> None:
        self._mine.end, self._mine.seconds = time.monotonic() + seconds, seconds

    def end(self) -> None:
        self._mine.end = None

    def left(self, timeout: float | None, late: type[Exception]) -> float | None:
        """What a step may take: `timeout`, or what is left where that is less. Raises `late` for nothing."""
        end = getattr(self._mine, "end", None)
        if end is None:
            return timeout
        left: float = end - time.monotonic()
        if left <= 0:
            raise late(f"no whole answer within {self._mine.seconds:g} s")
        return left if timeout is None else min(left, timeout)


class _Network(httpcore.NetworkBackend):
    """Connections whose every step keeps to the time that is left."""

    def __init__(self, below: httpcore.NetworkBackend, until: _Until) -> None:
        self._below, self._until = below, until

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        left = self._until.left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._below.connect_tcp(host, port, left, local_address, socket_options), self._until)


class _Stream(httpcore.NetworkStream):
    def __init__(self, below: httpcore.NetworkStream, until: _Until) -> None:
        self._below, self._until = below, until

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._below.read(max_bytes, self._until.left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._below.write(buffer, self._until.left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._below.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = self._until.left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._below.start_tls(ssl_context, server_hostname, left), self._until)

    def get_extra_info(self, info: str) -> Any:
        return self._below.get_extra_info(info)
