"""A service over a real database, its API on a real socket, with the work that it does beside requests.

Its chain's node does not answer, as happens; nothing here needs one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import uvicorn

from api.app import create_app
from api.serve import background
from api.witness import listening
from ledger_service.chain.client import ChainClient
from ledger_service.chain.rpc import Rpc
from ledger_service.chain.signer import LocalSigner
from ledger_service.chain.watcher import ChainWatcher
from ledger_service.chain.writer import ChainWriter
from ledger_service.service import Service
from tests.flow.world import CHAIN, World

NOWHERE = "http://127.0.0.1:1"


@dataclass
class RunningService:
    """Where it answers."""

    world: World
    url: str
    client: httpx.Client


@contextmanager
def serving(world: World, state: Path, policy: Path | None) -> Iterator[RunningService]:
    """The service, for the length of the block."""
    node = ChainClient(Rpc(NOWHERE, 0.5), CHAIN, bytes(32))
    with listening("127.0.0.1", 0) as socket:
        port = socket.getsockname()[1]
        service = _service(world, state, policy, node, port)
        config = uvicorn.Config(create_app(service), log_level="warning", access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
        with background(service), httpx.Client(timeout=10) as client:
            thread.start()
            try:
                yield RunningService(world, f"http://127.0.0.1:{port}", client)
            finally:
                server.should_exit = True
                thread.join()
        service.sequencer.close()
    node.close()


def _service(world: World, state: Path, policy: Path | None, node: ChainClient, port: int) -> Service:
    settings = world.settings(state, NOWHERE, port=port, domains=("ledger.example",), witness_policy=policy)
    log = world.ledger.provenance_log
    return Service(
        settings=settings,
        store=world.store,
        ledger=world.ledger,
        client=node,
        writer=ChainWriter(node, LocalSigner(world.operator), world.engine.begin, world.clock),
        watcher=ChainWatcher(node, world.engine.begin, {log.address: log.artifact}),
    )
