"""The state directory: what survives a restart, and the lock that keeps two services from sharing it.

keys/       the operator's, the log's and the storage key; for nobody else's eyes
postgres/   the embedded database
chain/      the local chain
run/        which process is the database and which the chain
logs/       what they say
artifacts/  compiled contracts
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ledger_service.errors import BadInput, Conflict

ENVIRONMENT = "CROWDLEDGER_STATE"
FOLDER = ".crowdledger"
PROJECT = Path(__file__).resolve().parents[2]


def default_state() -> Path:
    """`CROWDLEDGER_STATE`, or `.crowdledger` in the checkout that this code runs from (else where we are)."""
    named = os.environ.get(ENVIRONMENT)
    if named:
        return Path(named)
    return (PROJECT if (PROJECT / "pyproject.toml").exists() else Path.cwd()) / FOLDER


def prepare(root: Path) -> Path:
    """The state directory, made if need be; its absolute path.

    Raises:
        BadInput: it cannot be made or written.
    """
    root = root.expanduser().resolve()
    try:
        root.mkdir(parents=True, exist_ok=True)
        for name in ("run", "logs"):
            (root / name).mkdir(exist_ok=True)
    except OSError as error:
        raise BadInput(f"the state directory {root} cannot be used: {error.strerror}") from error
    if not os.access(root, os.W_OK):
        raise BadInput(f"the state directory {root} cannot be written")
    return root


@contextlib.contextmanager
def claimed(root: Path) -> Iterator[None]:
    """Hold the state directory for this process; the kernel lets go of it however the process ends.

    Raises:
        Conflict: another process holds it.
    """
    with (root / "run" / "service.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise Conflict(
                f"another service (process {holder}) runs on {root}: stop it, or name another with --state"
            ) from error
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def write_whole(path: Path, raw: bytes, mode: int = 0o644) -> None:
    """Write a file so that it is there whole or not at all, also when the machine stops."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a folder's names durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_record(path: Path) -> dict[str, Any] | None:
    """A small JSON object of ours; None when it is not there, or not one (it is only ever a hint)."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def free_port() -> int:
    """A TCP port on 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
