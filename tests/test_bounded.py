"""Servers over real sockets that answer with more, or for longer, than anybody would wait for."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from ledger_service.bounded import BoundedClient, decoded
from ledger_service.errors import TooLarge, Unavailable

LIMIT = 65_536


def dripping(before: bytes) -> Callable[[socket.socket, threading.Event], None]:
    """What sends this, and then a byte now and again."""

    def drip(one: socket.socket, end: threading.Event) -> None:
        one.sendall(before)
        while not end.wait(0.1):
            one.sendall(b"a")

    return drip


def bomb(layers: int, size: int = 64 << 20) -> bytes:
    """Zeros, compressed as often as is said."""
    body = bytes(size)
    for _ in range(layers):
        body = zlib.compress(body, 9, 31)
    return body


@contextmanager
def answering(send: Callable[[socket.socket, threading.Event], None]) -> Iterator[str]:
    """A server that reads one request of each connection, and then does what it is told, until the end."""
    end = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def answer(one: socket.socket) -> None:
        with one:
            one.recv(LIMIT)
            try:
                send(one, end)
            except OSError:
                return

    def serve() -> None:
        while not end.is_set():
            try:
                one, _ = listening.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=answer, args=(one,)))
            threads[-1].start()

    accepting = threading.Thread(target=serve)
    accepting.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    finally:
        end.set()
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        for thread in (accepting, *threads):
            thread.join()


def whole(body: bytes, coding: str) -> Callable[[socket.socket, threading.Event], None]:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n"
    return lambda one, _: one.sendall(head.encode() + body)


def ask(body: bytes, coding: str) -> bytes:
    with answering(whole(body, coding)) as url, BoundedClient(5) as client:
        return client.ask("GET", url, "the server", LIMIT).body


@pytest.mark.parametrize(
    ("layers", "coding", "error"),
    [
        (1, "gzip", TooLarge),
        (2, "gzip, gzip", Unavailable),
        (3, "gzip,gzip,gzip", Unavailable),
        (2, "gzip\r\nContent-Encoding: gzip", Unavailable),
        (1, "deflate", Unavailable),
        (1, "br", Unavailable),
    ],
)
def test_no_compression_takes_more_memory_than_the_bound(
    layers: int, coding: str, error: type[Exception]
) -> None:
    body = bomb(layers)
    tracemalloc.start()
    try:
        with pytest.raises(error):
            ask(body, coding)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 4 << 20


@pytest.mark.parametrize("size", [0, 1, LIMIT - 1, LIMIT])
def test_one_gzip_and_none_are_read_up_to_the_bound(size: int) -> None:
    body = bytes(range(256)) * 256
    assert ask(gzip.compress(body[:size]), "gzip") == body[:size]
    assert ask(body[:size], "identity") == body[:size]


@pytest.mark.parametrize("coding", ["gzip", "identity"])
def test_one_byte_more_is_refused(coding: str) -> None:
    body = bytes(LIMIT + 1)
    with pytest.raises(TooLarge, match=f"more than {LIMIT} bytes"):
        ask(gzip.compress(body) if coding == "gzip" else body, coding)


def test_what_is_no_whole_gzip_is_no_answer() -> None:
    good = gzip.compress(b"tile" * 50)
    for body in (good[:-1], good + b"x", good + good, b"x" * 40):
        with pytest.raises(Unavailable):
            ask(body, "gzip")
    assert decoded([], "gzip", LIMIT, "the server") == b""  # as an answer without a body has it
    for cut in range(len(good)):
        assert decoded([good[:cut], b"", good[cut:]], "gzip", LIMIT, "the server") == b"tile" * 50


@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 200 OK\r\nX-A: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_whatever_drips_is_given_up_at_the_deadline(before: bytes) -> None:
    with answering(dripping(before)) as url, BoundedClient(0.7) as client:
        started = time.monotonic()
        with pytest.raises(Unavailable):
            client.ask("GET", url, "the server", LIMIT)
        if not before.endswith(b"\r\n\r\n"):
            with pytest.raises(Unavailable):
                client.status("POST", url, "the server", content=b"x")
        assert time.monotonic() - started < 2.4


def test_a_status_is_told_without_reading_the_body() -> None:
    def endless(one: socket.socket, end: threading.Event) -> None:
        one.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not end.is_set():
            one.sendall(bytes(LIMIT))

    with answering(endless) as url, BoundedClient(5) as client:
        assert client.status("POST", url, "the server", content=b"x") == 200
