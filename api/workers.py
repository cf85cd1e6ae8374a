"""More processes that answer requests on the socket of the first one.

Each has a service of its own over the same database; the service's own work stays with the first. A worker is
given everything through a pipe, which its first process holds open for as long as it lives: when the pipe
ends, so does the worker, in order, also when nobody was left to tell it. Signals of the terminal do not reach
it.
"""

from __future__ import annotations

import gc
import logging
import os
import pickle
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import uvicorn

from api.app import create_app
from api.impatient import Impatient
from ledger_service.chain import contracts
from ledger_service.config import Settings
from ledger_service.service import Service, assemble

STOP_SECONDS = 30.0  # requests under way are answered until then
LIFE_SECONDS = 10.0  # a worker that ends sooner has not begun
MOST_FAILURES = 3  # in a row, before it is of no use to try again
_LOOK_SECONDS = 0.2
_SWITCH_SECONDS = 0.0005
_ROOT = Path(__file__).parents[1]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Orders:
    """What a worker is told: it unpickles this from its standard input, from nobody but its parent."""

    settings: Settings = field(repr=False)
    artifacts: contracts.Artifacts = field(repr=False)
    listening: int  # file descriptor


class Listening(socket.socket):
    """A listening socket that several processes share: each takes one connection when one is there.

    asyncio takes as many as there are, so that of a hundred that come at once one process would have nearly
    all, for as long as they are kept open.
    """

    _took = False

    def accept(self) -> tuple[socket.socket, Any]:
        """One connection; then, before the next, as if there were none.

        Raises:
            BlockingIOError: there is none, or it is the others' turn.
        """
        if self._took:
            self._took = False
            raise BlockingIOError
        found = super().accept()
        self._took = True
        return found


def server(service: Service) -> uvicorn.Server:
    """The HTTP server of one process, which is set for many short requests beside work that takes longer."""
    # A thread that computes gives way after so long; a request changes threads a dozen times.
    sys.setswitchinterval(_SWITCH_SECONDS)
    # What is there now stays: it is not looked through again each time that garbage is collected.
    gc.collect()
    gc.freeze()
    config = uvicorn.Config(create_app(service), http=Impatient, log_level="warning", access_log=False)
    return uvicorn.Server(config)


@contextmanager
def running(orders: Orders, count: int, give_up: Callable[[], None]) -> Iterator[Workers]:
    """`count` workers, for the length of the block; one that ends is replaced.

    Args:
        give_up: called, from another thread, when workers end as soon as they begin; `Workers.failure` then
            says so.
    """
    workers = Workers(orders, count, give_up)
    workers.start()
    try:
        yield workers
    finally:
        workers.stop()


class Workers:
    """The worker processes and the thread that watches them."""

    def __init__(self, orders: Orders, count: int, give_up: Callable[[], None]) -> None:
        self.failure: str | None = None
        self._orders, self._count, self._give_up = orders, count, give_up
        self._living: list[_Worker] = []
        self._failures = 0
        self._stopping = threading.Event()
        self._watch = threading.Thread(target=self._watching, name="workers")

    @property
    def pids(self) -> list[int]:
        """The process ids, as they are now."""
        return [worker.process.pid for worker in self._living]

    def start(self) -> None:
        """Start them all."""
        try:
            for _ in range(self._count):
                self._living.append(_Worker(self._orders))
        except BaseException:
            self._end_all()
            raise
        self._watch.start()

    def stop(self) -> None:
        """Let them answer what they have begun; kill those that take too long."""
        self._stopping.set()
        self._watch.join()
        self._end_all()

    def _watching(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            for place, worker in enumerate(self._living):
                status = worker.process.poll()
                if status is not None and not self._replace(place, status):
                    self._give_up()
                    return

    def _replace(self, place: int, status: int) -> bool:
        """Start another worker in the place of one that ended; False when that has no use."""
        ended = self._living[place]
        lived = time.monotonic() - ended.started
        ended.end()
        self._failures = self._failures + 1 if lived < LIFE_SECONDS else 0
        told = f"worker process {ended.process.pid} ended by itself with status {status}"
        if self._failures == MOST_FAILURES:
            self.failure = f"{told}, as the {MOST_FAILURES - 1} before it: worker processes do not stay up"
            return False
        try:
            self._living[place] = _Worker(self._orders)
        except OSError as error:  # no memory or no room for a process: the next look tries again
            _log.error("%s after %.0f s; no other could be started: %s", told, lived, error)
            ended.started = time.monotonic()  # so that this counts as one that did not stay up
            return True
        _log.error("%s after %.0f s: started another", told, lived)
        return True

    def _end_all(self) -> None:
        for worker in self._living:
            worker.tell_to_end()
        deadline = time.monotonic() + STOP_SECONDS
        for worker in self._living:
            worker.end(max(0.0, deadline - time.monotonic()))


class _Worker:
    """One worker process. Its standard error is ours."""

    def __init__(self, orders: Orders) -> None:
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "api.workers"],  # not whatever is called `api` where we were started
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(_ROOT), *_inherited())))},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=[orders.listening],
            start_new_session=True,
        )
        with suppress(BrokenPipeError):  # it has ended already, which whoever watches will see
            pickle.dump(orders, self._pipe)
            self._pipe.flush()

    @property
    def _pipe(self) -> IO[bytes]:
        if self.process.stdin is None:
            raise TypeError("the worker was started without its pipe")
        return self.process.stdin

    def tell_to_end(self) -> None:
        """Close the pipe, which is all that it waits for."""
        with suppress(BrokenPipeError):
            self._pipe.close()

    def end(self, patience: float = 0.0) -> None:
        """Wait for its end for that many seconds, then make it."""
        self.tell_to_end()
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            _log.error("worker process %d does not end: killed", self.process.pid)
            self.process.kill()
            self.process.wait()


def _inherited() -> list[str]:
    return os.environ.get("PYTHONPATH", "").split(os.pathsep)


def work() -> None:
    """The worker's own part: answer requests until the pipe ends."""
    orders = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by our parent alone
    service = assemble(orders.settings, orders.artifacts)
    try:
        with Listening(fileno=orders.listening) as listening:
            serving = server(service)
            threading.Thread(target=_until_the_pipe_ends, args=(serving,), daemon=True).start()
            serving.run(sockets=[listening])
    finally:
        service.close()


def _until_the_pipe_ends(serving: uvicorn.Server) -> None:
    sys.stdin.buffer.read()
    serving.should_exit = True


if __name__ == "__main__":
    work()
