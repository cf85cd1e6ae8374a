"""The client that sends load: over real sockets, to a server that answers as it is told to."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from ledger_service.errors import Unavailable
from scripts.benches.log.load import Client, Loaded, Order, client, quantile

LAST = b"the last answer on this connection"
Reply = Callable[[bytes], tuple[int, bytes, float]]  # of a path: status, body, seconds to wait before it


@contextmanager
def serving(reply: Reply) -> Iterator[int]:
    """The port of a server that answers each request on a connection after the one before, in two pieces."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=64)
    threads = [threading.Thread(target=_accept, args=(listening, reply), daemon=True)]
    threads[0].start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.close()


def _accept(listening: socket.socket, reply: Reply) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        threading.Thread(target=_answer, args=(connection, reply), daemon=True).start()


def _answer(connection: socket.socket, reply: Reply) -> None:
    with connection, connection.makefile("rb") as lines:
        while line := lines.readline():
            while lines.readline() not in (b"\r\n", b""):
                continue
            status, body, pause = reply(line.split()[1])
            if not status:
                return
            time.sleep(pause)
            head = f"HTTP/1.1 {status} Fine\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            connection.sendall(head[:20])
            time.sleep(0.001)
            connection.sendall(head[20:] + body)
            if body == LAST:
                return


@pytest.fixture(scope="module")
def sender() -> Iterator[Client]:
    with client() as made:
        yield made


def requests(count: int) -> list[bytes]:
    return [f"GET /{number} HTTP/1.1\r\nHost: here\r\n\r\n".encode() for number in range(count)]


def echo(path: bytes) -> tuple[int, bytes, float]:
    return 200, b"answer to " + path, 0.0


@pytest.mark.parametrize("connections", [1, 7])
def test_a_closed_load_sends_every_request_once_and_keeps_its_answer(
    sender: Client, connections: int
) -> None:
    with serving(echo) as port:
        loaded = sender.send(Order("127.0.0.1", port, requests(50), connections, 30.0, keep=True))
    assert sorted(one.number for one in loaded.answers) == list(range(50))
    assert all(one.body == f"answer to /{one.number}".encode() for one in loaded.answers)
    assert all(one.status == 200 and 0.001 <= one.seconds < 10 for one in loaded.answers)
    assert loaded.rate == pytest.approx(50 / loaded.seconds)


def test_a_closed_load_ends_with_its_time(sender: Client) -> None:
    with serving(lambda path: (200, b"", 0.01)) as port:
        loaded = sender.send(Order("127.0.0.1", port, requests(3), 2, 0.5, again=True))
    assert 0.4 < loaded.seconds < 2
    assert 20 < len(loaded.answers) < 120  # two at a time, each takes a little more than 10 ms


def test_a_paced_load_keeps_its_rate(sender: Client) -> None:
    with serving(echo) as port:
        loaded = sender.send(Order("127.0.0.1", port, requests(3), 8, 1.0, rate=100.0, again=True))
    assert len(loaded.answers) == 100
    assert loaded.rate == pytest.approx(100, rel=0.1)
    assert loaded.quantile(0.5) < 0.1
    assert 0 < loaded.client < 1


def test_a_paced_load_counts_what_waits_for_a_slow_answer_from_when_it_was_due(sender: Client) -> None:
    slow = iter([0.5])
    with serving(lambda path: (200, b"", next(slow, 0.0))) as port:
        loaded = sender.send(Order("127.0.0.1", port, requests(1), 1, 1.0, rate=50.0, again=True))
    waits = sorted(one.seconds for one in loaded.answers)
    assert len(waits) == 50
    assert sum(wait > 0.2 for wait in waits) >= 10  # those that were due while the first was not answered


def test_answers_that_are_no_success_are_told_with_their_body(sender: Client) -> None:
    with serving(lambda path: (503, b"later", 0.0)) as port:
        loaded = sender.send(Order("127.0.0.1", port, requests(2), 1, 5.0))
    assert [(one.status, one.body) for one in loaded.answers] == [(503, b"later")] * 2


def test_a_connection_that_is_closed_ends_the_load(sender: Client) -> None:
    with (
        serving(lambda path: (0, b"", 0.0)) as port,
        pytest.raises(Unavailable, match=r"closed a connection|reset"),
    ):
        sender.send(Order("127.0.0.1", port, requests(2), 1, 5.0))


@pytest.mark.parametrize(("connections", "answered"), [(3, True), (1, False)])
def test_an_idle_connection_may_be_closed_while_others_are_left(
    sender: Client, connections: int, answered: bool
) -> None:
    bodies = iter([b"", LAST])
    order = Order("127.0.0.1", 0, requests(3), connections, 0.5, rate=40.0, again=True)
    with serving(lambda path: (200, next(bodies, b""), 0.0)) as port:
        if answered:
            assert len(sender.send(replace(order, port=port)).answers) == 20
        else:
            with pytest.raises(Unavailable, match="closed a connection"):
                sender.send(replace(order, port=port))


def test_the_checkpoint_is_followed_until_it_includes_what_was_answered_for(sender: Client) -> None:
    size = iter(range(10_000))

    def reply(path: bytes) -> tuple[int, bytes, float]:
        if path == b"/checkpoint":
            return 200, f"origin\n{min(12, next(size))}\nroot\n\n".encode(), 0.0
        return 201, b'{"receipts":[{"index":9,"leaf":"0x"}]}', 0.01

    with serving(reply) as port:
        order = Order("127.0.0.1", port, requests(20), 4, 5.0, keep=True, follow=True)
        loaded = sender.send(order)
    sizes = [size for _, size in loaded.heads]
    assert sizes == list(range(11))  # a look every 50 ms, the answers were there long before the last
    assert loaded.heads[-1][0] > max(one.ended for one in loaded.answers)
    assert {one.status for one in loaded.answers} == {201}


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 50), (0.99, 99), (0.991, 100), (1.0, 100), (0.0, 1), (0.01, 1)]
)
def test_a_quantile_is_the_nearest_rank(share: float, expected: int) -> None:
    assert quantile([float(value) for value in range(100, 0, -1)], share) == expected
    assert quantile([7.0], share) == 7


def test_a_load_without_answers_has_no_rate_to_divide_by() -> None:
    assert Loaded([], 1.0).rate == 0
