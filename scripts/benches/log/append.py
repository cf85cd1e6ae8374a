"""The core append beside a plain COPY of the same rows, in the same server and in turns.

A turn of ours gives batches of entries to `Log.append`, one transaction each: leaves, rows, tiles, root and
the signed head. A turn of the peer gives psycopg the rows that ours has written in the turn before, whatever
their columns, and copies each batch with one COPY (binary), a transaction of its own. Nobody makes its input
within its turn.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from ledger_service.entries import Entry
from ledger_service.log.checkpoint import LogKey
from ledger_service.store.migrate import upgrade
from ledger_service.store.store import Store, connect
from scripts.benches.log.filler import Filler
from scripts.benches.log.scratch import Postgres, direct, durable_settings, server
from scripts.benches.log.sizes import BATCHES, Sizes
from scripts.demo_job.progress import Tick

TABLE = "log_entries"
OURS, PLAIN, READY = "ours", "peer_plain", "peer_ready"

Turn = Callable[[], float]  # does its work, and returns how many seconds that took


@dataclass(frozen=True, slots=True)
class Rates:
    """Entries per second of one way of writing, turn by turn."""

    turns: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return median(self.turns)

    @property
    def words(self) -> str:
        """The slowest and the fastest turn."""
        return f"turns from {min(self.turns):,.0f} to {max(self.turns):,.0f}"


@dataclass(frozen=True, slots=True)
class Appended:
    """One size of batch: ours; COPY into a table like ours, with a primary key and no other index, and of
    bytes that were ready."""

    batch: int
    ours: Rates
    plain: Rates
    ready: Rates


@dataclass(frozen=True, slots=True)
class AppendFound:
    """All sizes of batches, ours with a commit for each entry, and how durable the server was."""

    batches: tuple[Appended, ...]
    single: Rates
    database: dict[str, str]


def measure(sizes: Sizes, tick: Tick) -> AppendFound:
    """Take the turns; ticks once for each round.

    Raises:
        Stop: the server is not durable.
    """
    with server() as url, direct(url) as connection:
        engine = connect(url)
        try:
            upgrade(engine)
            settings = durable_settings(connection)
            store = Store(engine, LogKey("bench.example/log", bytes(32)), bytes(32))
            with store.begin() as uow:
                uow.log.initialise()
            _make_peers(connection)
            bench = _Bench(store, connection, Filler(b"\xaa"))
            found = [bench.rounds(batch, sizes, tick) for batch in BATCHES]
            single = bench.single(sizes, tick)
        finally:
            engine.dispose()
    return AppendFound(tuple(found), single, settings)


def ticks(sizes: Sizes) -> int:
    """How many ticks `measure` gives."""
    return (len(BATCHES) + 1) * sizes.rounds


def _make_peers(connection: Postgres) -> None:
    """Our table's columns with a primary key, which is all that ours has, twice."""
    for name in (PLAIN, READY):
        connection.execute(f"CREATE TABLE {name} (LIKE {TABLE} INCLUDING STORAGE INCLUDING COMPRESSION)")
        connection.execute(f'ALTER TABLE {name} ADD PRIMARY KEY ("index")')


@dataclass(frozen=True, slots=True)
class _Rows:
    """What a turn of ours wrote: its rows, the types of their columns, each batch as COPY would send it."""

    types: list[int]
    batches: list[list[tuple[object, ...]]]
    ready: list[bytes]


class _Bench:
    """Ours and the peers on one database."""

    def __init__(self, store: Store, connection: Postgres, filler: Filler) -> None:
        self._store, self._connection, self._filler = store, connection, filler

    def rounds(self, batch: int, sizes: Sizes, tick: Tick) -> Appended:
        """Every way has its turn in every round, in the one order and then in the other."""
        taken: dict[str, list[float]] = {name: [] for name in (OURS, PLAIN, READY)}
        first = self._size()
        self._append(list(self._filler.batches(sizes.a_round, batch)))  # a warm-up
        for number in range(sizes.rounds):
            rows = self._read(first, sizes.a_round, batch)
            first = self._size()
            fresh = list(self._filler.batches(sizes.a_round, batch))
            turns = self._turns(fresh, rows)
            for name in turns if number % 2 else reversed(turns):
                taken[name].append(sizes.a_round / turns[name]())
            tick(1)
        rates = {name: Rates(tuple(found)) for name, found in taken.items()}
        return Appended(batch, rates[OURS], rates[PLAIN], rates[READY])

    def single(self, sizes: Sizes, tick: Tick) -> Rates:
        """Ours, a commit for each entry."""
        found = []
        for _ in range(sizes.rounds):
            found.append(sizes.single / self._append([[entry] for entry in self._filler.take(sizes.single)]))
            tick(1)
        return Rates(tuple(found))

    def _turns(self, fresh: list[list[Entry]], rows: _Rows) -> dict[str, Turn]:
        return {
            OURS: lambda: self._append(fresh),
            PLAIN: lambda: self._copy(PLAIN, rows),
            READY: lambda: self._copy_ready(rows),
        }

    def _append(self, batches: Sequence[Sequence[Entry]]) -> float:
        def work() -> None:
            for entries in batches:
                with self._store.begin() as uow:
                    uow.log.append(entries)

        return timed(work)

    def _copy(self, table: str, rows: _Rows) -> float:
        def work() -> None:
            for batch in rows.batches:
                with self._connection.cursor() as cursor, cursor.copy(_copy_into(table)) as copy:
                    copy.set_types(rows.types)
                    for row in batch:
                        copy.write_row(row)

        return timed(work)

    def _copy_ready(self, rows: _Rows) -> float:
        def work() -> None:
            for raw in rows.ready:
                with self._connection.cursor() as cursor, cursor.copy(_copy_into(READY)) as copy:
                    copy.write(raw)

        return timed(work)

    def _size(self) -> int:
        with self._store.begin() as uow:
            return uow.log.head().size

    def _read(self, first: int, count: int, batch: int) -> _Rows:
        """The rows of ours from `first` on."""
        types: list[int] = []
        batches, ready = [], []
        for start in range(first, first + count, batch):
            query = _read_rows(start, batch)
            with self._connection.cursor(binary=True) as cursor:
                cursor.execute(query.encode())
                types = [column.type_code for column in cursor.description or ()]
                batches.append(list(cursor.fetchall()))
                with cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT BINARY)".encode()) as copy:
                    ready.append(b"".join(copy))
        return _Rows(types, batches, ready)


def _read_rows(first: int, count: int) -> str:
    where = f'"index" >= {first} AND "index" < {first + count}'
    return f'SELECT * FROM {TABLE} WHERE {where} ORDER BY "index"'  # noqa: S608


def _copy_into(table: str) -> bytes:
    return f"COPY {table} FROM STDIN (FORMAT BINARY)".encode()


def timed(work: Callable[[], None]) -> float:
    """Seconds that some work takes. What lay in memory before is left alone by the garbage collector."""
    gc.collect()
    gc.freeze()
    begun = time.perf_counter()
    work()
    seconds = time.perf_counter() - begun
    gc.unfreeze()
    return seconds
