"""A folder that is never half written, whatever ends the program."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from ledger_service.errors import BadInput

NEW = ".new"
LOCK = ".lock"
PUBLIC, PRIVATE = 0o644, 0o600


class Folder:
    """Files below one folder, each written whole. Several threads may write different files at once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.Lock()
        self._touched: set[Path] = set()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Within the block nobody else writes here through this class; the lock ends with the program.

        Raises:
            BadInput: somebody else does now. OSError: this is no folder that can be written to.
        """
        with _lock_file(self.root) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BadInput(f"another program is writing to {self.root}") from error
            yield

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return (self.root / name).is_file()

    def holds_anything(self) -> bool:
        """Whether there is anything in it, beside what this class leaves there by itself."""
        there = self.root.iterdir() if self.root.is_dir() else ()
        return any(path.name != LOCK and path.suffix != NEW for path in there)

    def read(self, name: str, limit: int) -> bytes | None:
        """The file's bytes; None when there is none, or it is larger than `limit` bytes."""
        try:
            with (self.root / name).open("rb") as file:
                raw = file.read(limit + 1)
        except FileNotFoundError:
            return None
        return raw if len(raw) <= limit else None

    def write(self, name: str, parts: Iterable[bytes], mode: int = PUBLIC) -> None:
        """Write a file whole: all of `parts` one after another, or nothing if they break off."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(path.name + NEW)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with open(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)  # where it was there already
            file.writelines(parts)
            file.flush()
            os.fsync(descriptor)
        # Crash before this line: the old file, or none, and one beside it that the next run takes away.
        os.replace(beside, path)
        self._touch(path)

    def rename(self, name: str, to: str) -> None:
        """Put a file in the place of another, after everything written before it."""
        self.settle()
        # Crash before this line: all that was written is there, under its own name.
        os.replace(self.root / name, self.root / to)
        self._touch(self.root / to)
        self.settle()

    def settle(self) -> None:
        """Wait until the names of all files written so far are on disk; their contents are already."""
        for folder in sorted(self._touched):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        self._touched.clear()

    def _touch(self, path: Path) -> None:
        below = [parent for parent in path.parents if self.root in parent.parents]
        with self._lock:
            self._touched.update([self.root, *below])


@contextlib.contextmanager
def _lock_file(root: Path) -> Iterator[int]:
    root.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(root / LOCK, os.O_RDWR | os.O_CREAT, PRIVATE)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
