"""The labelling stage: workers fetch tasks, answer at a human pace on the ledger's clock, and submit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from ledger_service.errors import Unavailable
from scripts.demo_job.client import Connection, Stopping
from scripts.demo_job.rpc import Chain
from scripts.demo_job.worker import LABELS_A_REQUEST, Drafted, Worker

SIDE_BY_SIDE = 4
QUIET = 120.0  # seconds without a single new task before the work counts as done
PAUSE = 0.5


class Labelling:
    """Rounds of work. In each, every worker takes what it was assigned and answers all of it."""

    def __init__(self, workers: Sequence[Worker], chain: Chain, connection: Connection) -> None:
        self._workers, self._chain, self._connection = list(workers), chain, connection
        self._pool = ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="worker")
        self._lock = threading.Lock()
        self.done = 0

    def run(self, expected: int, tick: Callable[[int], None], over: Callable[[], bool]) -> None:
        """Work until `expected` labels are acknowledged, or nothing is left to do.

        Args:
            tick: told of each batch of acknowledged labels.
            over: whether the service takes no labels any more.
        Raises:
            Unavailable: no work came at all.
        """
        quiet_since = time.monotonic()
        try:
            while self.done < expected:
                if self._round(tick):
                    quiet_since = time.monotonic()
                elif over() or time.monotonic() - quiet_since > QUIET:
                    break
                elif self._connection.stop.wait(PAUSE):
                    raise Stopping
        except BaseException:
            # Whoever waits for the service in the pool stops waiting, or the next line would wait for them.
            self._connection.stop.set()
            raise
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)
        if not self.done:
            raise Unavailable("the matching engine gave nobody a task")

    def _round(self, tick: Callable[[int], None]) -> int:
        """One round; how many labels it gave."""
        tasks = list(self._pool.map(Worker.fetch, self._workers))
        busy = [(worker, mine) for worker, mine in zip(self._workers, tasks, strict=True) if mine]
        if not busy:
            return 0
        now = self._ledger_time()
        work = [(worker, *worker.work(mine, now)) for worker, mine in busy]
        self._let_pass(max(made_at for _, _, made_at in work))
        batches = [
            (worker, drafts[start : start + LABELS_A_REQUEST])
            for worker, drafts, _ in work
            for start in range(0, len(drafts), LABELS_A_REQUEST)
        ]
        return sum(self._pool.map(lambda batch: self._submit(batch, tick), batches))

    def _let_pass(self, moment: int) -> None:
        """Everybody has worked meanwhile: let the chain's clock, and with it the ledger's, pass by."""
        self._chain.advance_to(moment)
        while self._ledger_time() < moment:  # the service looks at the chain's clock now and then
            if self._connection.stop.wait(PAUSE / 10):
                raise Stopping

    def _ledger_time(self) -> int:
        return int(self._connection.get("/v1/info")["now"])

    def _submit(self, batch: tuple[Worker, list[Drafted]], tick: Callable[[int], None]) -> int:
        worker, drafts = batch
        count = worker.submit(drafts)
        with self._lock:
            self.done += count
            tick(count)
        return count
