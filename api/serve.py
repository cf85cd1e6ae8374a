"""One process: the API by uvicorn, and the service's own work in two threads beside it.

What the chain has to be told, or says, does not wait for a matching or an inference to end.
"""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from api.app import create_app
from ledger_service.chain import contracts
from ledger_service.config import Settings
from ledger_service.retries import Retries
from ledger_service.rounds import ChainWork, Rounds
from ledger_service.service import Service, assemble

_BUSY_SECONDS = 0.05
_IDLE_SECONDS = 0.5
_LONGEST_PAUSE = 60.0
_BACKLOG = 512


def run(settings: Settings, artifacts: contracts.Artifacts) -> int:
    """Serve until SIGINT or SIGTERM; the exit status.

    Prints the address of the API and then that of its documentation, once both answer.
    """
    service = assemble(settings, artifacts)
    try:
        with socket.create_server(
            (settings.host, settings.port), backlog=_BACKLOG, family=_family(settings.host)
        ) as listening:
            config = uvicorn.Config(create_app(service), log_level="warning", access_log=False)
            server = uvicorn.Server(config)
            with background(service):
                # The socket listens already: who connects now is answered as soon as the server runs.
                sys.stdout.write(f"{settings.url}\n{settings.url}/docs\n")
                sys.stdout.flush()
                server.run(sockets=[listening])
    finally:
        service.close()
    return 0


@contextmanager
def background(service: Service) -> Iterator[None]:
    """The service's own work, for the length of the block; at its end what is under way is finished or left.

    Whatever was left is found in the rows by the next start.
    """
    stop = threading.Event()
    work = {"chain": ChainWork(service).step, "rounds": Rounds(service, stopping=stop.is_set).step}
    threads = [
        threading.Thread(target=_work, args=(name, step, stop), name=name) for name, step in work.items()
    ]
    try:
        for thread in threads:
            thread.start()
        yield
    finally:
        stop.set()
        for thread in threads:
            if thread.ident is not None:
                thread.join()


def _work(name: str, step: Callable[[], bool], stop: threading.Event) -> None:
    retries = Retries(longest=_LONGEST_PAUSE)
    while not stop.is_set():
        busy = retries.attempt(name, step)
        stop.wait(_BUSY_SECONDS if busy else _IDLE_SECONDS)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
