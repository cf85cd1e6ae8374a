"""What a running service serves to readers: the highest load, half of it, and its memory meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ledger_service.errors import Corrupt
from scripts.benches.log.ground import Ground
from scripts.benches.log.load import Client, Loaded, Order
from scripts.demo_job.progress import Tick

CONNECTIONS = (1, 2, 4, 8, 16, 32)
KINDS = 3
PACED_CONNECTIONS = 64
SAMPLE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Served:
    """One kind of request: the highest closed load and half of it, each with median and 99th percentile; and
    the share of a core that the client took at the highest."""

    what: str
    connections: int
    rate: float
    median: float
    slow: float
    half_rate: float
    half_median: float
    half_slow: float
    client: float


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes that the service's processes held: before any request, and at three moments of the half loads,
    which come after the highest loads."""

    idle: int
    start: int
    middle: int
    end: int

    @property
    def growth(self) -> float:
        """Per cent from the start to the end."""
        return 100 * (self.end - self.start) / self.start


@dataclass(frozen=True, slots=True)
class Read:
    """Every kind of request, and the memory."""

    served: tuple[Served, ...]
    memory: Memory
    seconds: float


def ticks() -> int:
    """How many ticks `measure_reading` gives."""
    return KINDS * (len(CONNECTIONS) + 1)


def measure_reading(
    at: Ground, sender: Client, requests: Mapping[str, Sequence[bytes]], seconds: float, tick: Tick
) -> Read:
    """First the highest load of every kind, then half of each, during which the memory is watched.

    Raises:
        Corrupt: an answer is not 200.
    """
    idle = at.serving.resident()
    highest = {what: _highest(at, sender, given, seconds / 2, tick) for what, given in requests.items()}
    served = []
    begun = time.monotonic()
    with _watched(at.serving.resident) as samples:
        for what, (connections, loaded) in highest.items():
            half = _half(at, sender, requests[what], loaded.rate / 2, seconds)
            served.append(_served(what, connections, loaded, half))
            tick(1)
    memory = Memory(idle, samples[0], samples[len(samples) // 2], samples[-1])
    return Read(tuple(served), memory, time.monotonic() - begun)


def _highest(
    at: Ground, sender: Client, requests: Sequence[bytes], seconds: float, tick: Tick
) -> tuple[int, Loaded]:
    """The load with the most answers per second, and its number of connections."""
    found: list[tuple[int, Loaded]] = []
    for connections in CONNECTIONS:
        order = Order(at.host, at.port, requests, connections, seconds, again=True)
        found.append((connections, _sent(sender, order)))
        tick(1)
    return max(found, key=lambda one: one[1].rate)


def _half(at: Ground, sender: Client, requests: Sequence[bytes], rate: float, seconds: float) -> Loaded:
    order = Order(at.host, at.port, requests, PACED_CONNECTIONS, seconds, rate=rate, again=True)
    return _sent(sender, order)


def _sent(sender: Client, order: Order) -> Loaded:
    loaded = sender.send(order)
    wrong = next((one for one in loaded.answers if one.status != 200), None)
    if wrong is not None:
        raise Corrupt(f"a reader was answered with {wrong.status}: {wrong.body[:200]!r}")
    return loaded


def _served(what: str, connections: int, highest: Loaded, half: Loaded) -> Served:
    return Served(
        what,
        connections,
        highest.rate,
        highest.quantile(0.5),
        highest.quantile(0.99),
        half.rate,
        half.quantile(0.5),
        half.quantile(0.99),
        highest.client,
    )


@contextmanager
def _watched(look: Callable[[], int]) -> Iterator[list[int]]:
    """What `look` says, now and again and at the end of the block; the list is whole after the block."""
    samples, stop = [look()], threading.Event()

    def sample() -> None:
        while not stop.wait(SAMPLE_SECONDS):
            samples.append(look())

    thread = threading.Thread(target=sample, name="memory")
    thread.start()
    try:
        yield samples
    finally:
        stop.set()
        thread.join()
    samples.append(look())
