"""One process: the API by uvicorn, and the service's own work in a thread beside it."""

from __future__ import annotations

import logging
import socket
import sys
import threading

import uvicorn

from api.app import create_app
from ledger_service.chain import contracts
from ledger_service.config import Settings
from ledger_service.rounds import Background
from ledger_service.service import assemble

_log = logging.getLogger(__name__)
_BUSY_SECONDS = 0.05
_IDLE_SECONDS = 0.5
_BACKLOG = 512


def run(settings: Settings, artifacts: contracts.Artifacts) -> int:
    """Serve until SIGINT or SIGTERM; the exit status.

    Prints the address of the API and then that of its documentation, once both answer.
    """
    service = assemble(settings, artifacts)
    stop = threading.Event()
    background = threading.Thread(target=_work, args=(Background(service), stop), name="background")
    try:
        with socket.create_server(
            (settings.host, settings.port), backlog=_BACKLOG, family=_family(settings.host)
        ) as listening:
            config = uvicorn.Config(create_app(service), log_level="warning", access_log=False)
            server = uvicorn.Server(config)
            background.start()
            # The socket listens already: who connects now is answered as soon as the server runs.
            sys.stdout.write(f"{settings.url}\n{settings.url}/docs\n")
            sys.stdout.flush()
            server.run(sockets=[listening])
    finally:
        stop.set()
        if background.ident is not None:
            background.join()
        service.close()
    return 0


def _work(background: Background, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            busy = background.step()
        except Exception:  # a fault of ours must not end the work that others wait for; it is said each time
            _log.exception("the background work failed; it goes on")
            busy = False
        stop.wait(_BUSY_SECONDS if busy else _IDLE_SECONDS)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
