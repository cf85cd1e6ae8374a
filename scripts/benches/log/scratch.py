"""A folder, and a PostgreSQL server, for the length of a measurement: gone afterwards, however it ends."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg

from ledger_service.local import processes
from ledger_service.local.postgres import EmbeddedPostgres
from ledger_service.local.state import prepare
from scripts.programs import Stop

PREFIX = "crowdledger-bench-"
DURABLE = ("fsync", "synchronous_commit", "full_page_writes")
SETTINGS = (*DURABLE, "wal_sync_method", "shared_buffers", "max_wal_size", "server_version")

BASE_BYTES = 3_000_000_000  # programs' own files, and what PostgreSQL writes ahead
BYTES_AN_ENTRY = 550

Postgres = psycopg.Connection[tuple[object, ...]]


@contextmanager
def deferring_interrupts() -> Iterator[None]:
    """Let an interruption (Ctrl-C, SIGTERM, SIGHUP) wait until the block is done; it is raised then.

    What ends a part of a run must be done whole; ignored, an interruption of that moment would be lost, and
    the run go on.
    """
    came: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, lambda found, _: came.append(found)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        raise KeyboardInterrupt


@contextmanager
def scratch() -> Iterator[Path]:
    """An empty folder that is removed with all it holds; a second Ctrl-C does not keep it there.

    A program that was started on it, and that an interruption has left running, is ended before.
    """
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        yield folder
    finally:
        with deferring_interrupts():
            for process in psutil.process_iter():
                if _runs_on(process, folder):
                    processes.end(process)
            shutil.rmtree(folder)


def check_room(entries: int) -> None:
    """Refuse at once what would fill the disk.

    Raises:
        Stop: there is no room for a log of so many entries.
    """
    folder, needed = tempfile.gettempdir(), BASE_BYTES + entries * BYTES_AN_ENTRY
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise Stop(
            f"only {free / 1e9:.1f} GB are free in {folder}, and a log of {entries:,} entries takes about "
            f"{needed / 1e9:.1f}: free some, name another folder in TMPDIR, or give fewer --entries"
        )


def _runs_on(process: psutil.Process, folder: Path) -> bool:
    try:
        return any(word.startswith(f"{folder}{os.sep}") for word in process.cmdline())
    except psutil.Error:
        return False


@contextmanager
def server() -> Iterator[str]:
    """The SQLAlchemy URL of an embedded PostgreSQL, as the service starts it, on an empty folder."""
    with scratch() as folder:
        started = EmbeddedPostgres(prepare(folder))
        try:
            started.start()
            yield started.url
        finally:
            with deferring_interrupts():
                started.stop()


@contextmanager
def direct(url: str) -> Iterator[Postgres]:
    """A plain connection to the database of a SQLAlchemy URL; each statement is a transaction of its own."""
    plain = url.replace("postgresql+psycopg", "postgresql", 1)
    with psycopg.connect(plain, autocommit=True) as connection:
        yield connection


def durable_settings(connection: Postgres) -> dict[str, str]:
    """What decides whether a commit is on the disk, and how long it takes.

    Raises:
        Stop: a commit is not on the disk when it returns: nothing measured here would mean anything.
    """
    found = {name: _setting(connection, name) for name in SETTINGS}
    loose = [name for name in DURABLE if found[name] != "on"]
    if loose:
        raise Stop(f"PostgreSQL is not durable here: {', '.join(loose)} is not on")
    return found


def _setting(connection: Postgres, name: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
    return str(row[0]) if row else "unknown"
