"""Where a program can fail: every write to the database, every commit, every file operation, every request.

In a process that is there for one run, these operations are counted as they happen; one of them fails, by an
error or by the end of the process, before it was done or after.
"""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx
import psycopg

WRITES = ("INSERT", "UPDATE", "DELETE", "COPY", "CREATE", "DROP")


@dataclass(frozen=True, slots=True)
class Fault:
    """Which operation fails (counted from 0), on which side of it, and how."""

    at: int
    when: Literal["before", "after"]
    how: Literal["error", "kill"]


class Points:
    """Counts operations by name and lets one fail. Only files under `folder` count.

    Args:
        fault: what fails; None counts only.
        trace: told the name of each operation, before it is done.
    """

    def __init__(self, folder: Path, fault: Fault | None, trace: Callable[[str], None]) -> None:
        self._folder, self._fault, self._trace = str(folder.resolve()), fault, trace
        self._count = 0
        self._fsync = os.fsync

    def install(self) -> None:
        """From now on, in this process."""
        self._database()
        self._files()
        self._requests()

    def _database(self) -> None:
        def lost(what: str) -> Exception:
            return psycopg.OperationalError(f"the connection was lost at {what}")

        self._wrap(psycopg.Connection, "commit", lambda *_: "commit", lost)
        self._wrap(psycopg.Cursor, "execute", lambda _, query, *__: _writing(query), lost)
        self._wrap(psycopg.Cursor, "executemany", lambda _, query, *__: _writing(query), lost)
        self._wrap(psycopg.Copy, "write", lambda *_: "copy data", lost)

    def _files(self) -> None:
        def full(what: str) -> Exception:
            return OSError(28, f"no space left for {what}")

        for name in ("replace", "rename", "link", "unlink", "remove", "mkdir", "rmdir"):
            self._wrap(os, name, lambda path, *_, __name=name: self._inside(path, __name), full)
        self._wrap(os, "fsync", lambda handle: self._inside(handle, "fsync"), full, self._tear)
        self._wrap(os, "open", self._opening, full)
        self._wrap(io, "open", self._streaming, full)

    def _requests(self) -> None:
        def gone(what: str) -> Exception:
            return httpx.ConnectError(f"the connection was lost at {what}")

        self._wrap(httpx.Client, "send", lambda *_: "request", gone)

    def _wrap(
        self,
        owner: Any,
        attribute: str,
        name: Callable[..., str | None],
        error: Callable[[str], Exception],
        tear: Callable[..., None] | None = None,
    ) -> None:
        usual = getattr(owner, attribute)

        def counted(*args: Any, **more: Any) -> Any:
            found = name(*args)
            if found is None:
                return usual(*args, **more)
            number, self._count = self._count, self._count + 1
            self._trace(found)
            self._fail(number, "before", error(found), tear, args)
            result = usual(*args, **more)
            self._fail(number, "after", error(found), None, args)
            return result

        setattr(owner, attribute, counted)

    def _fail(
        self,
        number: int,
        when: str,
        error: Exception,
        tear: Callable[..., None] | None,
        args: tuple[Any, ...],
    ) -> None:
        fault = self._fault
        if fault is None or fault.at != number or fault.when != when:
            return
        if fault.how == "error":
            raise error
        if tear is not None:
            tear(*args)
        os.kill(os.getpid(), signal.SIGKILL)

    def _inside(self, path: Any, name: str) -> str | None:
        if isinstance(path, int):
            path = os.readlink(f"/proc/self/fd/{path}")
        where = os.path.abspath(os.fsdecode(path))
        return name if where.startswith(self._folder + os.sep) else None

    def _opening(self, path: Any, flags: int, *_: Any) -> str | None:
        return self._inside(path, "open") if flags & (os.O_WRONLY | os.O_RDWR) else None

    def _streaming(self, path: Any, mode: str = "r", *_: Any) -> str | None:
        if isinstance(path, int) or not set(mode) & set("wax+"):
            return None
        return self._inside(path, "open")

    def _tear(self, handle: int) -> None:
        """What was not synced when the machine stopped may be half there."""
        size = os.fstat(handle).st_size
        if os.path.isfile(f"/proc/self/fd/{handle}") and size:
            os.ftruncate(handle, size // 2)


def _writing(query: Any) -> str | None:
    text = (query if isinstance(query, str) else query.decode() if isinstance(query, bytes) else "").lstrip()
    verb = text.split(maxsplit=1)[0].upper() if text else ""
    return f"{verb} {' '.join(text.split()[1:3])}" if verb in WRITES else None
