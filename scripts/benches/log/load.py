"""HTTP load from a process of its own: prepared requests over keep-alive connections, with little work each.

A closed load sends the next request on a connection as soon as the last one is answered. A paced load sends
at a fixed rate whatever the answers do, and counts a request's time from when it was due: a service that
falls behind does not thereby get fewer requests (no coordinated omission).
"""

from __future__ import annotations

import asyncio
import multiprocessing
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from typing import Any

from ledger_service.errors import Unavailable

FOLLOW_SECONDS = 0.05  # between two looks at the checkpoint
PATIENCE = 10.0  # for what is still under way when a load's time is over
_INDEX = re.compile(rb'"index":\s*([0-9]+)')
_CHECKPOINT = b"GET /checkpoint HTTP/1.1\r\nHost: %b\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """One request: its place in the list, when it was due, when answered (monotonic seconds), its answer."""

    number: int
    begun: float
    ended: float
    status: int
    body: bytes

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.begun


@dataclass(frozen=True, slots=True)
class Loaded:
    """A load: its answers, how long it took, the share of a core that the client took, and of each checkpoint
    that was seen when (monotonic seconds) and the log's size."""

    answers: list[Answer]
    seconds: float
    client: float = 0.0
    heads: list[tuple[float, int]] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.answers) / self.seconds

    def quantile(self, share: float) -> float:
        """So many of the answers took at most this many seconds (nearest rank)."""
        return quantile([one.seconds for one in self.answers], share)


def quantile(values: Sequence[float], share: float) -> float:
    """The nearest-rank quantile of at least one value."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, max(0, -(-round(share * 1_000_000) * len(ranked) // 1_000_000) - 1))]


@dataclass(frozen=True, slots=True)
class Order:
    """What to send. `rate` None is a closed load; requests are used up, or `again` and again until the end.

    With `follow`, the checkpoint is watched until it includes every entry whose index an answer names.
    """

    host: str
    port: int
    requests: Sequence[bytes]
    connections: int
    seconds: float
    rate: float | None = None
    again: bool = False
    keep: bool = False
    follow: bool = False


class Client:
    """The process that sends. One order at a time."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe

    def send(self, order: Order) -> Loaded:
        """Carry out an order.

        Raises:
            Unavailable: the service closes a connection, or the client fails.
        """
        self._pipe.send(order)
        try:
            found = self._pipe.recv()
        except EOFError as error:
            raise Unavailable("the process that sends the load has ended") from error
        if not isinstance(found, Loaded):
            raise Unavailable(f"the load could not be sent: {found}")
        return found


@contextmanager
def client() -> Iterator[Client]:
    """A client process for the length of the block; however that ends, it does too."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        theirs.close()
        yield Client(ours)
    finally:
        process.terminate()
        process.join()
        ours.close()


def _serve(pipe: Pipe) -> None:
    while True:
        try:
            order = pipe.recv()
        except (EOFError, KeyboardInterrupt):
            return
        try:
            pipe.send(asyncio.run(_Load(order).run()))
        except KeyboardInterrupt:
            return
        except Exception as error:  # whatever it is, the other process says so
            pipe.send(f"{type(error).__name__}: {error}")


class _Wire(asyncio.Protocol):
    """One HTTP/1.1 connection; `answered` is told of each whole answer."""

    def __init__(self) -> None:
        self.answered: Callable[[_Wire, int, bytes], None]
        self.lost: Callable[[_Wire, str], None]
        self.number, self.begun, self.busy = -1, 0.0, False
        self._got, self._end, self._head = bytearray(), 0, 0
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost(self, str(exc or "the service closed a connection"))

    def send(self, number: int, begun: float, request: bytes) -> None:
        """Send one request; its answer is awaited before the next."""
        self.number, self.begun, self.busy = number, begun, True
        self._transport.write(request)

    def close(self) -> None:
        self.lost = lambda wire, reason: None
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._got += data
        if not self._end:
            self._head = self._got.find(b"\r\n\r\n") + 4
            if self._head < 4:
                return
            self._end = self._head + _length(bytes(self._got[: self._head]))
        if len(self._got) >= self._end:
            status, body = int(self._got[9:12]), bytes(self._got[self._head : self._end])
            self._got.clear()
            self._end, self.busy = 0, False
            self.answered(self, status, body)


def _length(head: bytes) -> int:
    """The body's length that an answer's head states."""
    at = head.lower().find(b"\r\ncontent-length:")
    if at < 0:
        raise Unavailable("an answer does not say how long it is")
    return int(head[at + 17 : head.index(b"\r\n", at + 2)])


class _Load:
    """One order under way."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._answers: list[Answer] = []
        self._heads: list[tuple[float, int]] = []
        self._next = self._open = 0
        self._idle: deque[_Wire] = deque()
        self._due: deque[float] = deque()
        self._until = 0.0
        self._done: asyncio.Future[None]

    async def run(self) -> Loaded:
        """Send, and wait for the answers."""
        loop = asyncio.get_running_loop()
        self._done = loop.create_future()
        wires = [await self._connect() for _ in range(self._order.connections)]
        follower = asyncio.ensure_future(self._follow()) if self._order.follow else None
        begun, worked = time.monotonic(), time.process_time()
        self._until = begun + self._order.seconds
        self._idle.extend(wires)
        if self._order.rate is None:
            self._fill()
        else:
            await self._pace(begun, self._order.rate)
        await asyncio.wait_for(self._done, self._order.seconds + PATIENCE)
        ended = max((one.ended for one in self._answers), default=time.monotonic())
        client = (time.process_time() - worked) / (ended - begun)
        for wire in wires:
            wire.close()
        if follower is not None:
            await asyncio.wait_for(follower, 2 * PATIENCE)
        return Loaded(self._answers, ended - begun, client, self._heads)

    async def _connect(self) -> _Wire:
        _, wire = await asyncio.get_running_loop().create_connection(
            _Wire, self._order.host, self._order.port
        )
        wire.answered, wire.lost = self._answered, self._lost
        return wire

    def _fill(self) -> None:
        """A closed load: every idle connection gets its next request at once."""
        while self._idle and self._left() and time.monotonic() < self._until:
            self._send(self._idle.popleft(), time.monotonic())
        self._finish_if_idle()

    async def _pace(self, begun: float, rate: float) -> None:
        """A paced load: a request falls due every 1/rate seconds, and waits for a connection if it must."""
        for number in range(int(rate * self._order.seconds)):
            due = begun + number / rate
            ahead = due - time.monotonic()
            if ahead > 0:
                await asyncio.sleep(ahead)
            if not self._left() or self._done.done():
                break
            self._due.append(due)
            self._send_due()
        self._until = 0.0
        self._finish_if_idle()

    def _send_due(self) -> None:
        while self._idle and self._due and self._left():
            self._send(self._idle.popleft(), self._due.popleft())

    def _left(self) -> bool:
        return self._order.again or self._next < len(self._order.requests)

    def _send(self, wire: _Wire, begun: float) -> None:
        number = self._next % len(self._order.requests)
        self._next += 1
        self._open += 1
        wire.send(number, begun, self._order.requests[number])

    def _answered(self, wire: _Wire, status: int, body: bytes) -> None:
        kept = body if self._order.keep or status >= 300 else b""
        self._answers.append(Answer(wire.number, wire.begun, time.monotonic(), status, kept))
        self._open -= 1
        self._idle.append(wire)
        if self._order.rate is None:
            self._fill()
        else:
            self._send_due()
            self._finish_if_idle()

    def _finish_if_idle(self) -> None:
        over = time.monotonic() >= self._until or not self._left()
        if over and not self._open and not self._due and not self._done.done():
            self._done.set_result(None)

    def _lost(self, wire: _Wire, reason: str) -> None:
        """An idle connection may be closed, if others are left; a busy one may not."""
        if not wire.busy and wire in self._idle and len(self._idle) + self._open > 1:
            self._idle.remove(wire)
        elif not self._done.done():
            self._done.set_exception(Unavailable(reason))

    async def _follow(self) -> None:
        """Look at the checkpoint until it includes what was answered for, or long enough in vain."""
        wire, loop = await self._connect(), asyncio.get_running_loop()
        request = _CHECKPOINT % f"{self._order.host}:{self._order.port}".encode()
        while True:
            seen: asyncio.Future[bytes] = loop.create_future()
            wire.answered = lambda _, status, body, seen=seen: seen.set_result(body)  # type: ignore[misc]
            wire.send(-1, time.monotonic(), request)
            size = int((await seen).split(b"\n", 2)[1])
            self._heads.append((time.monotonic(), size))
            if self._done.done() and self._included():
                break
            await asyncio.sleep(FOLLOW_SECONDS)
        wire.close()

    def _included(self) -> bool:
        """Whether the newest checkpoint seen includes all, or the last answer was long ago."""
        named = (int(index) for one in self._answers for index in _INDEX.findall(one.body))
        ended = max((one.ended for one in self._answers), default=0.0)
        at, size = self._heads[-1]
        return size > max(named, default=-1) or at > ended + PATIENCE
