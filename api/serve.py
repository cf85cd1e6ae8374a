"""The API by uvicorn, in one process or several, and the service's own work in threads beside the first.

What the chain has to be told, or says, does not wait for a matching or an inference to end; nor do witnesses.
"""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from api import workers
from ledger_service.chain import contracts
from ledger_service.config import Settings
from ledger_service.errors import LedgerError
from ledger_service.flow.cosign import Cosigning
from ledger_service.log.policy import read_policy
from ledger_service.retries import Retries
from ledger_service.rounds import ChainWork, Rounds
from ledger_service.service import Service, assemble

_BUSY_SECONDS = 0.05
_IDLE_SECONDS = 0.5
_COSIGN_SECONDS = 0.05  # between two looks for a new head
_LONGEST_PAUSE = 60.0
_BACKLOG = 512


def run(settings: Settings, artifacts: contracts.Artifacts) -> int:
    """Serve until SIGINT or SIGTERM; the exit status.

    Prints the address of the API and then that of its documentation, once both answer.

    Raises:
        LedgerError: worker processes end as soon as they begin.
    """
    service = assemble(settings, artifacts)
    try:
        with _listen(settings) as listening:
            server = workers.server(service)
            orders = workers.Orders(settings, artifacts, listening.fileno())

            def give_up() -> None:
                server.should_exit = True

            with background(service), workers.running(orders, settings.workers - 1, give_up) as others:
                # The socket listens already: who connects now is answered as soon as the server runs.
                sys.stdout.write(f"{settings.url}\n{settings.url}/docs\n")
                sys.stdout.flush()
                server.run(sockets=[listening])
            if others.failure is not None:
                raise LedgerError(others.failure)
    finally:
        service.close()
    return 0


@contextmanager
def background(service: Service) -> Iterator[None]:
    """The service's own work, for the length of the block; at its end what is under way is finished or left.

    Whatever was left is found in the rows by the next start.
    """
    stop = threading.Event()
    with _cosigning(service) as cosign:
        idle = service.settings.poll_seconds or _IDLE_SECONDS
        work = [
            ("chain", ChainWork(service).step, _BUSY_SECONDS, idle),
            ("rounds", Rounds(service, stopping=stop.is_set).step, _BUSY_SECONDS, idle),
            *([("cosign", cosign.step, 0.0, _COSIGN_SECONDS)] if cosign else []),
        ]
        threads = [threading.Thread(target=_work, args=(stop, *part), name=part[0]) for part in work]
        yield from _running(threads, stop)


@contextmanager
def _cosigning(service: Service) -> Iterator[Cosigning | None]:
    """Who asks the witnesses, for the length of the block; without a policy readers are shown every head.

    Raises:
        BadInput: the policy file cannot be read, or asks for what cannot be.
    """
    path = service.settings.witness_policy
    if path is None:
        with service.store.begin() as uow:
            uow.log.unpublish()
        yield None
        return
    cosigning = Cosigning(service.store, read_policy(path), again=service.settings.cosign_seconds)
    try:
        yield cosigning
    finally:
        cosigning.close()


def _running(threads: list[threading.Thread], stop: threading.Event) -> Iterator[None]:
    try:
        for thread in threads:
            thread.start()
        yield
    finally:
        stop.set()
        for thread in threads:
            if thread.ident is not None:
                thread.join()


def _work(stop: threading.Event, name: str, step: Callable[[], bool], busy: float, idle: float) -> None:
    """Take the step again and again, with pauses of `busy` or `idle` seconds between."""
    retries = Retries(longest=_LONGEST_PAUSE)
    while not stop.is_set():
        stop.wait(busy if retries.attempt(name, step) else idle)


def _listen(settings: Settings) -> workers.Listening:
    where = (settings.host, settings.port)
    made = socket.create_server(where, backlog=_BACKLOG, family=_family(settings.host))
    # Accepted sockets inherit it; else an answer's body waits 40 ms for the ACK of its head.
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return workers.Listening(fileno=made.detach())


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
