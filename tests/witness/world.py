"""Logs that sign what they are told to, served over real sockets; and real witness processes."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from ledger_service.log import tiles
from ledger_service.log.checkpoint import LogKey, sign_checkpoint
from ledger_service.log.cosignature import CosignerKey
from ledger_service.log.hashing import leaf_hash
from ledger_service.log.tree import Tree
from ledger_service.witness.records import origin_hash
from ledger_service.witness.request import format_request

PROJECT = Path(__file__).parents[2]
ORIGIN = "log.example/small"
KEY = LogKey(ORIGIN, bytes(range(32)))


@dataclass
class SmallLog:
    """A log in memory; `branch` is in every entry, so two branches differ from the first entry after a
    copy."""

    key: LogKey = KEY
    entries: list[bytes] = field(default_factory=list)
    _tree: Tree = field(default_factory=Tree)

    def grow(self, count: int, branch: str = "main") -> SmallLog:
        """More entries."""
        first = len(self.entries)
        self.entries += [f"{branch} {first + place}".encode() for place in range(count)]
        return self

    def branch(self, size: int) -> SmallLog:
        """Another log of the same key that begins with the first entries of this one."""
        return SmallLog(self.key, self.entries[:size])

    @property
    def size(self) -> int:
        return len(self.entries)

    @property
    def tree(self) -> Tree:
        for entry in self.entries[len(self._tree) :]:
            self._tree.append(leaf_hash(entry))
        return self._tree

    def checkpoint(self, size: int | None = None) -> str:
        """The signed note of a head."""
        size = self.size if size is None else size
        return sign_checkpoint(self.key.name, size, self.tree.root(size), self.key)

    def request(self, old: int, size: int | None = None) -> bytes:
        """An add-checkpoint request."""
        size = self.size if size is None else size
        proof = self.tree.consistency_proof(old, size) if 0 < old <= size else []
        return format_request(old, proof, self.checkpoint(size))

    def save(self, folder: Path) -> None:
        """What a log serves, as files; the checkpoint last."""
        rows: dict[tuple[int, int], bytes] = {}
        row = [leaf_hash(entry) for entry in self.entries]
        level = 0
        while row:
            for index in range(0, len(row), tiles.WIDTH):
                rows[level, index // tiles.WIDTH] = b"".join(row[index : index + tiles.WIDTH])
            full = [row[at : at + tiles.WIDTH] for at in range(0, len(row) - tiles.WIDTH + 1, tiles.WIDTH)]
            row = [Tree(part).root() for part in full]
            level += 1
        for (level, index), raw in rows.items():
            _write(folder / tiles.tile_path(level, index, len(raw) // 32), raw)
        for start in range(0, self.size, tiles.WIDTH):
            part = self.entries[start : start + tiles.WIDTH]
            _write(folder / tiles.entries_path(start // tiles.WIDTH, len(part)), tiles.encode_bundle(part))
        _write(folder / "checkpoint", self.checkpoint().encode())


class _Quiet(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each body waits 40 ms for the acknowledgement of its head

    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The URL under which a folder is served, for the length of the block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class RunningWitness:
    """A witness in a process of its own."""

    process: subprocess.Popen[str]
    key: CosignerKey
    url: str
    policy: str
    client: httpx.Client

    def add(self, body: bytes) -> httpx.Response:
        """POST add-checkpoint."""
        return self.client.post(f"{self.url}/add-checkpoint", content=body)

    def checkpoint(self, origin: str = ORIGIN) -> httpx.Response:
        """GET what it cosigned last."""
        return self.client.get(f"{self.url}/{origin_hash(origin)}/checkpoint")

    def kill(self) -> None:
        """As when the machine loses power."""
        self.process.kill()
        self.process.wait(20)


def command(state: Path, *more: str, name: str = "witness.example/w1") -> list[str]:
    """The command line of a witness."""
    program = [sys.executable, "-m", "scripts.cli", "witness"]
    return [*program, "--state", str(state), "--name", name, "--json", *more]


@contextmanager
def running(
    state: Path, *more: str, port: int = 0, name: str = "witness.example/w1", logs: tuple[str, ...] = ()
) -> Iterator[RunningWitness]:
    """A real witness process that answers, for the length of the block."""
    given = [part for log in logs or (str(KEY.verifier),) for part in ("--log", log)]
    line = command(state, *given, "--listen", f"127.0.0.1:{port}", *more, name=name)
    process = subprocess.Popen(
        line, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        first = process.stdout.readline()
        assert first, f"the witness ended with {process.wait(20)}: {process.stderr.read()}"
        ready: dict[str, Any] = json.loads(first)
        key = CosignerKey.parse(ready["vkey"])
        with httpx.Client(timeout=20) as client:
            yield RunningWitness(process, key, ready["url"], ready["policy"], client)
    finally:
        process.terminate()
        try:
            process.wait(20)
        finally:
            process.kill()
            process.stdout.close()
            process.stderr.close()


def _write(path: Path, raw: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
