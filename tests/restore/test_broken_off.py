"""A restoring that breaks off, wherever that is, has done nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from ledger_service.errors import Unavailable
from ledger_service.store.restoring import Restoring, refuse_used
from tests.fsck.conftest import Life
from tests.restore.world import dump, restored

ROOT = Path(__file__).resolve().parents[2]
KILLS = 24


def is_empty(database: Engine) -> bool:
    """Whether one can restore into it, as the command itself sees it."""
    with database.connect() as connection:
        refuse_used(connection)
    return True


def counted(monkeypatch: pytest.MonkeyPatch, fail_at: int) -> list[str]:
    """Count what is written, and fail instead of the write of this number."""
    said: list[str] = []
    names = ("add", "promise", "add_intent", "set_state", "derive", "finish", "snapshot", "begin")
    for name in names:
        honest = getattr(Restoring, name)

        def write(self: Any, *given: Any, name: str = name, honest: Any = honest) -> Any:
            said.append(name)
            if len(said) == fail_at:
                raise Unavailable("the power is gone")
            return honest(self, *given)

        monkeypatch.setattr(Restoring, name, write)
    return said


def test_an_error_at_any_write_leaves_the_database_empty(
    life: Life, mirrored: Path, empty: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_at = 0
    while True:
        fail_at += 1
        with monkeypatch.context() as patched:
            said = counted(patched, fail_at)
            try:
                with restored(life.world, mirrored, empty):
                    break
            except Unavailable:
                failed_at = len(said)
        assert failed_at == fail_at
        assert is_empty(empty)
    assert fail_at == len(said) + 1 > 30
    assert dump(empty)["labels"] == dump(life.world.engine)["labels"]


def killed_after(process: subprocess.Popen[str], seconds: float) -> bool:
    """Let it restore in a process that is killed so long after it began; whether it was done before."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    child = int(process.stdout.readline())
    time.sleep(seconds)
    with contextlib.suppress(ProcessLookupError):  # it was quicker
        os.kill(child, signal.SIGKILL)
    said = process.stdout.readline()
    return said == "done\n" and process.stdout.readline() == "ended\n"


def test_a_kill_at_any_moment_leaves_it_empty_or_whole(life: Life, mirrored: Path, empty: Engine) -> None:
    urls = [one.url.render_as_string(hide_password=False) for one in (life.world.engine, empty)]
    command = [sys.executable, "-m", "tests.restore.killed", *urls, str(mirrored)]
    emptied = 0
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        for kill in range(KILLS):
            done = killed_after(process, 0.04 * kill)
            time.sleep(0.2)  # the server notices that nobody is there any more
            if done:
                break
            try:
                emptied += is_empty(empty)
            except Exception:  # committed, and killed before it could say so
                break
        else:
            with restored(life.world, mirrored, empty):
                pass
    assert emptied >= 2
    rows, rows_again = dump(life.world.engine), dump(empty)
    for name, found in rows.items():
        assert rows_again[name] == found, name
