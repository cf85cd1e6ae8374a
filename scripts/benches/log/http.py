"""Signed labels posted to a real service, one in a request; and when a checkpoint includes them."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ledger_service.errors import Corrupt
from ledger_service.log.checkpoint import open_checkpoint
from scripts.benches.log.ground import Ground, ground, new_state
from scripts.benches.log.load import Answer, Client, Loaded, Order, client, quantile
from scripts.benches.log.sizes import CONNECTIONS, WORKERS, Sizes
from scripts.benches.log.work import Signed, Task, Work, give_out, sign
from scripts.demo_job.progress import Tick

MOST_WORKERS = 128
WARM_UP = 50  # labels that a service is sent before any that count
ALONE_SHARE = 4  # of the requests that many connections get, one connection gets a quarter


@dataclass(frozen=True, slots=True)
class Posted:
    """One load: requests per second, seconds that half and that 99 in 100 took at most, the same of the time
    from the answer to the first checkpoint seen that includes the label, and whether the answers had one; and
    the share of a core that the client took."""

    processes: int
    connections: int
    labels: int
    rate: float
    median: float
    slow: float
    included_median: float
    included_slow: float
    with_checkpoint: bool
    client: float


@dataclass(frozen=True, slots=True)
class HttpFound:
    """All loads, and how the service's database was set."""

    loads: tuple[Posted, ...]
    database: dict[str, str]


def ticks(sizes: Sizes) -> int:
    """How many ticks `measure` gives."""
    return 1 + 2 * len(WORKERS) * len(CONNECTIONS)


def measure(sizes: Sizes, tick: Tick) -> HttpFound:
    """Every number of worker processes with every number of connections, on one log.

    Raises:
        Corrupt: an answer is not that of an accepted label.
        Unavailable: the service does not start, or breaks off.
    """
    with new_state() as state, client() as sender:
        with ground(state) as begun, begun.beside() as service:
            database = begun.database()
            workers = min(MOST_WORKERS, max(4, sizes.posts // 8))
            work = give_out(begun, service, -(-_needed(sizes) // workers), workers)
        tick(1)
        tasks = iter(work.tasks)
        loads = [
            posted
            for processes in WORKERS
            for posted in _with(state, processes, sender, work, tasks, sizes, tick)
        ]
    return HttpFound(tuple(loads), database)


def _needed(sizes: Sizes) -> int:
    return len(WORKERS) * (WARM_UP + sum(_posts(sizes, connections) for connections in CONNECTIONS))


def _posts(sizes: Sizes, connections: int) -> int:
    return sizes.posts if connections > 1 else max(20, sizes.posts // ALONE_SHARE)


def _with(
    state: Path,
    processes: int,
    sender: Client,
    work: Work,
    tasks: Iterator[Task],
    sizes: Sizes,
    tick: Tick,
) -> Iterator[Posted]:
    """The loads on a service of so many worker processes."""
    with ground(state, processes) as at:
        first = list(sign(at, work, list(islice(tasks, WARM_UP))))
        _load(at, processes, sender, first, max(WORKERS), sizes.seconds)
        for connections in CONNECTIONS:
            signed = list(sign(at, work, list(islice(tasks, _posts(sizes, connections)))))
            tick(1)
            yield _load(at, processes, sender, signed, connections, sizes.seconds)
            tick(1)


def _load(
    at: Ground, processes: int, sender: Client, signed: Sequence[Signed], connections: int, seconds: float
) -> Posted:
    requests = [one.request for one in signed]
    order = Order(at.host, at.port, requests, connections, seconds, keep=True, follow=True)
    loaded = sender.send(order)
    checked = [check(answer, signed[answer.number], at.info.log_key) for answer in loaded.answers]
    waited = waits(loaded, [index for index, _ in checked])
    return Posted(
        processes,
        connections,
        len(loaded.answers),
        loaded.rate,
        loaded.quantile(0.5),
        loaded.quantile(0.99),
        quantile(waited, 0.5),
        quantile(waited, 0.99),
        all(included for _, included in checked),
        loaded.client,
    )


def check(answer: Answer, signed: Signed, log_key: str) -> tuple[int, bool]:
    """The index that an answer promises for its label, and whether a checkpoint beside it includes that.

    Raises:
        Corrupt: it is not the answer to this label.
    """
    if answer.status != 201:
        raise Corrupt(f"a label was answered with {answer.status}: {answer.body[:200]!r}")
    body = json.loads(answer.body)
    (receipt,) = body["receipts"]
    if receipt["leaf"] != "0x" + signed.leaf.hex():
        raise Corrupt("an answer's receipt is for another label")
    index, checkpoint = int(receipt["index"]), body.get("checkpoint")
    if checkpoint is None:
        return index, False
    return index, open_checkpoint(checkpoint, log_key).size > index


def waits(loaded: Loaded, indices: Sequence[int]) -> list[float]:
    """Seconds from each answer to the first checkpoint seen that includes its label; 0 where it was before.

    Raises:
        Corrupt: none ever did.
    """
    heads = sorted(loaded.heads)
    sizes = [size for _, size in heads]
    waited = []
    for answer, index in zip(loaded.answers, indices, strict=True):
        seen = bisect_right(sizes, index)
        if seen == len(heads):
            raise Corrupt(f"no checkpoint includes entry {index}, although its label was answered")
        waited.append(max(0.0, heads[seen][0] - answer.ended))
    return waited
