"""The services that a service needs, on one machine, for as long as it runs."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from ledger_service.local.chain import LocalChain, Node
from ledger_service.local.keys import Keys, load_or_make
from ledger_service.local.postgres import EmbeddedPostgres
from ledger_service.local.state import claimed, prepare


class LocalServices:
    """The claimed state directory, its keys, and what runs on it.

        with LocalServices(state) as local:
            local.keys, local.database_url, local.rpc_url

    `database=False` and `chain=False` leave out what is served from elsewhere; its address is then "".
    What another process left running after a crash is adopted; all of it is ended with the block.

    Raises, on entry:
        Conflict: another service runs on this directory.
        Unavailable: the database or the chain does not start.
    """

    def __init__(self, state: Path, *, database: bool = True, chain: bool = True) -> None:
        self.state = prepare(state)
        self.keys: Keys
        self.database_url = ""
        self.rpc_url = ""
        self.node: Node | None = None
        self._wanted = database, chain
        self._open = contextlib.ExitStack()

    def __enter__(self) -> LocalServices:
        try:
            self._start()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _start(self) -> None:
        self._open.enter_context(claimed(self.state))
        self.keys = load_or_make(self.state)
        database, chain = self._wanted
        # Each is to be stopped from before it starts: an interruption may come at any line.
        if chain:
            node = LocalChain(self.state)
            self._open.callback(node.stop)
            self.node = node.start()
            self.rpc_url = self.node.url
        if database:
            server = EmbeddedPostgres(self.state)
            self._open.callback(server.stop)
            server.start()
            self.database_url = server.url

    def _close(self) -> None:
        with undisturbed():
            self._open.close()


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Ignore Ctrl-C and SIGTERM: an impatient second one must not leave anything running."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
