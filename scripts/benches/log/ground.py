"""A real service on an empty folder, and beside it the store that it works on, for the length of a part."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from ledger_service.chain.deploy import Deployment
from ledger_service.config import Options, Settings, settle
from ledger_service.errors import LedgerError
from ledger_service.local.keys import load_or_make
from ledger_service.local.postgres import EmbeddedPostgres
from ledger_service.service import Service as Assembled
from ledger_service.service import assemble
from scripts.benches.log.scratch import deferring_interrupts, direct, durable_settings, scratch
from scripts.cli import startup
from scripts.demo_job.client import Connection
from scripts.demo_job.info import Info
from scripts.demo_job.rpc import Chain
from scripts.demo_job.service import Service
from scripts.programs import say


class Serving(Service):
    """`crowdledger serve`, with so many worker processes."""

    def __init__(self, state: Path, workers: int, poll_seconds: int | None = None) -> None:
        super().__init__(state)
        self.workers, self.poll_seconds = workers, poll_seconds

    @property
    def command(self) -> list[str]:
        """As the demo serves."""
        pace = ["--poll-seconds", str(self.poll_seconds)] if self.poll_seconds else []
        return [*super().command, "--workers", str(self.workers), *pace]

    def resident(self) -> int:
        """Bytes of memory that the service's own processes hold, database and chain apart."""
        service = psutil.Process(self.pid)
        return sum(map(_resident, [service, *service.children(recursive=True)]))


def _resident(process: psutil.Process) -> int:
    """What a process holds, if it is one of the service's Python processes; a chain's node is none."""
    try:
        return int(process.memory_info().rss) if "python" in process.name() else 0
    except psutil.NoSuchProcess:
        return 0


@dataclass(frozen=True)
class Ground:
    """A running service: its process, what it says of itself, its chain, and anonymous calls to it."""

    serving: Serving
    info: Info
    said: dict[str, Any]
    connection: Connection
    chain: Chain

    @property
    def host(self) -> str:
        """Where it listens."""
        return self.serving.base.removeprefix("http://").partition(":")[0]

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.serving.base.rpartition(":")[2])

    @contextmanager
    def beside(self) -> Iterator[Assembled]:
        """The parts of a service in this process, on the same database, with nothing at work in them.

        Closed before the service ends: its database would be left running for us.
        """
        made = assemble(self._settings(), startup.compiled())
        try:
            yield made
        finally:
            made.close()

    def database(self) -> dict[str, str]:
        """Its PostgreSQL's settings. Raises as `durable_settings` does."""
        with direct(EmbeddedPostgres(self.serving.state).url) as connection:
            return durable_settings(connection)

    def _settings(self) -> Settings:
        state, said = self.serving.state, self.said
        deployment = Deployment(
            said["chain_id"],
            said["provenance_log"],
            said["escrow"],
            said["dataset_rights"],
            said["token"],
            said["operator"],
            0,
        )
        return settle(
            Options(state, fee_bps=said["fee_bps"], confirmations=startup.LOCAL_CONFIRMATIONS),
            database_url=EmbeddedPostgres(state).url,
            rpc_url=said["rpc_url"],
            port=self.port,
            arbiter=said["arbiter"],
            keys=load_or_make(state),
            deployment=deployment,
        )


@contextmanager
def ground(state: Path, workers: int = 1, poll_seconds: int | None = None) -> Iterator[Ground]:
    """Serve a state directory, new or used, until the block ends.

    Raises:
        Unavailable: the service does not start.
    """
    serving, stop = Serving(state, workers, poll_seconds), threading.Event()
    with ExitStack() as open_parts:
        open_parts.callback(_end, serving)
        serving.start()
        connection = Connection(serving.base, stop)
        open_parts.callback(connection.close)
        said = connection.get("/v1/info")
        info = Info.from_json(said)
        chain = Chain(lambda: info.rpc_url, stop)
        open_parts.callback(chain.close)
        try:
            yield Ground(serving, info, said, connection, chain)
        except LedgerError:
            say(f"the last words of the service:\n{serving.last_words()}")
            raise


@contextmanager
def new_state() -> Iterator[Path]:
    """An empty state directory."""
    with scratch() as folder:
        yield folder / "state"


def _end(serving: Serving) -> None:
    with deferring_interrupts():
        serving.stop()
