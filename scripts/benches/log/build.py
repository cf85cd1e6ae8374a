"""A log of many entries by the real append, with a campaign's labels spread through it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from ledger_service.local.postgres import EmbeddedPostgres
from ledger_service.service import Service
from ledger_service.store.store import Store
from scripts.benches.log.filler import Filler
from scripts.benches.log.ground import Ground
from scripts.benches.log.scratch import direct
from scripts.benches.log.sizes import BATCHES, Sizes
from scripts.benches.log.work import Labeller, Signed, Task, Work, bodies, give_out, judge, sign
from scripts.demo_job.progress import Tick

BATCH = max(BATCHES)
MOST_WORKERS = 50
PIECES = 10  # of the log, whose rates are told


@dataclass(frozen=True, slots=True)
class Logged:
    """A label in the log, by its leaf hash, and whose it is."""

    leaf: bytes
    labeller: Labeller


@dataclass(frozen=True, slots=True)
class Built:
    """What was built, and the label still to come; entries per second of all appends and of each tenth of
    them, and the bytes of the database."""

    work: Work
    labels: tuple[Logged, ...]
    last: Signed
    entries: int
    rate: float
    pieces: tuple[float, ...]
    database_bytes: int


def build(ground: Ground, service: Service, sizes: Sizes, tick: Tick) -> Built:
    """Append fillers in batches, and hand in some labels over HTTP after each stretch of them.

    Only the appends are timed. The last label is left to `complete`: with it, the service begins to judge.
    Ticks once for each entry.
    """
    workers = min(MOST_WORKERS, sizes.labels // 2)
    work = give_out(ground, service, sizes.labels // workers, workers)
    tasks = sorted(work.tasks, key=lambda task: task.labeller.address)  # one worker's after another's
    signed = list(sign(ground, work, tasks))
    filling, size = _Filling(service.store), _size(service.store)
    tick(size)
    cuts = [(len(tasks) - 1) * number // sizes.turns for number in range(sizes.turns + 1)]
    for number, (start, end) in enumerate(pairwise(cuts), 1):
        filling.append(sizes.entries * number // sizes.turns - size - (end - start), tick)
        _hand_in(ground, tasks[start:end], signed[start:end])
        tick(end - start)
        size = _size(service.store)
    logged = tuple(Logged(one.leaf, task.labeller) for one, task in zip(signed, tasks, strict=True))
    return Built(work, logged, signed[-1], size, filling.rate, filling.pieces(), _tidy(ground))


def complete(ground: Ground, built: Built) -> None:
    """Hand in the last label, and wait until the service has judged all."""
    _post(ground, built.labels[-1].labeller.token, [built.last])
    judge(built.work)


class _Filling:
    """Appends fillers, and keeps how long each batch took."""

    def __init__(self, store: Store) -> None:
        self._store, self._filler = store, Filler(b"\xbb")
        self._taken: list[tuple[int, float]] = []

    @property
    def rate(self) -> float:
        """Entries per second over all batches."""
        return _rate(self._taken)

    def pieces(self) -> tuple[float, ...]:
        """Entries per second in each tenth of the batches."""
        step = -(-len(self._taken) // PIECES)
        return tuple(_rate(self._taken[i : i + step]) for i in range(0, len(self._taken), step))

    def append(self, count: int, tick: Tick) -> None:
        """Append so many entries."""
        for batch in self._filler.batches(count, BATCH):
            begun = time.perf_counter()
            with self._store.begin() as uow:
                uow.log.append(batch)
            self._taken.append((len(batch), time.perf_counter() - begun))
            tick(len(batch))


def _rate(taken: list[tuple[int, float]]) -> float:
    return sum(count for count, _ in taken) / sum(seconds for _, seconds in taken)


def _hand_in(ground: Ground, tasks: Sequence[Task], signed: Sequence[Signed]) -> None:
    """Post labels, those of one worker together: neighbours are."""
    pairs = zip(tasks, signed, strict=True)
    for token, group in groupby(pairs, key=lambda pair: pair[0].labeller.token):
        _post(ground, token, [one for _, one in group])


def _post(ground: Ground, token: str, signed: Sequence[Signed]) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    ground.connection.send("POST", "/v1/labels", body={"labels": bodies(signed)}, headers=headers)


def _size(store: Store) -> int:
    with store.begin() as uow:
        return uow.log.head().size


def _tidy(ground: Ground) -> int:
    """Let PostgreSQL do now what it would do in the background soon; the size of the database in bytes."""
    with direct(EmbeddedPostgres(ground.serving.state).url) as connection:
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    return int(str(row[0])) if row else 0
