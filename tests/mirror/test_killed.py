"""A mirror that is killed, at any of its file operations and at any moment: the next run goes on."""

from __future__ import annotations

import errno
import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger_service.audit.source import DirSource
from ledger_service.errors import BadInput
from ledger_service.mirror import folder as folders
from ledger_service.mirror import tile_copy
from ledger_service.mirror.mirroring import mirror
from tests.audit.server import LogServer
from tests.log.memory_log import KEY
from tests.mirror.plain import assert_whole, contents, plain_log

OPERATIONS = ("open", "fsync", "replace")
BEFORE, AFTER, SERVED = 300, 700, 15_000


class Killed(BaseException):
    """The program has ended here. Nobody catches it."""


class Killer:
    """Ends the program at its n-th file operation, before or after it takes effect; then nothing works."""

    def __init__(self, at: int, after: bool) -> None:
        self.at, self.after, self.count = at, after, 0

    def wrap(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **named: Any) -> Any:
            self.count += 1
            if self.count > self.at or (self.count == self.at and not self.after):
                raise Killed
            done = operation(*args, **named)
            if self.count == self.at:
                raise Killed
            return done

        return called


@pytest.fixture
def os_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[Killer | None], None]:
    """Puts a killer into every file operation of the mirror."""
    real = {name: getattr(os, name) for name in (*OPERATIONS, "walk")}

    def put(killer: Killer | None) -> None:
        for name in OPERATIONS:
            monkeypatch.setattr(folders.os, name, killer.wrap(real[name]) if killer else real[name])
        monkeypatch.setattr(tile_copy, "THREADS", 1)

    return put


def copied(folder: Path, size: int) -> None:
    mirror(plain_log(size), folder, key=KEY.verifier)


def operations(folder: Path, os_of: Callable[[Killer | None], None]) -> int:
    """How many there are when nothing ends it."""
    copied(folder, BEFORE)
    counter = Killer(1 << 30, False)
    os_of(counter)
    copied(folder, AFTER)
    os_of(None)
    return counter.count


@pytest.mark.parametrize("after", [False, True], ids=["before it", "after it"])
def test_killed_at_any_file_operation_nothing_is_half_there(
    after: bool, tmp_path: Path, os_of: Callable[[Killer | None], None]
) -> None:
    count = operations(tmp_path / "counted", os_of)
    fresh = tmp_path / "fresh"
    copied(fresh, AFTER)
    assert count > 20
    for at in range(1, count + 1):
        folder = tmp_path / f"at-{at}"
        copied(folder, BEFORE)
        os_of(Killer(at, after))
        with pytest.raises(Killed):
            copied(folder, AFTER)
        os_of(None)
        size = AFTER if b"\n700\n" in (folder / "checkpoint").read_bytes() else BEFORE
        assert_whole(folder, size)
        copied(folder, AFTER)
        assert_whole(folder, AFTER)
        assert contents(fresh).items() <= contents(folder).items()
        assert not list(folder.rglob("*.new"))


PROGRAM = """
import sys
from scripts.cli import main
sys.exit(main(["mirror", sys.argv[1], sys.argv[2], "--log-key", sys.argv[3]]))
"""


def killed_after(files: int, folder: Path, arguments: list[str]) -> bool:
    """Run until there are so many files, and kill it; whether it was still at work."""
    running = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while running.poll() is None and sum(path.is_file() for path in folder.rglob("*")) < files:
        time.sleep(0.002)
    running.send_signal(signal.SIGKILL)
    _, words = running.communicate(timeout=60)
    assert running.returncode in (0, -signal.SIGKILL), words
    return running.returncode != 0


def test_a_real_kill_at_any_moment_is_survived(tmp_path: Path) -> None:
    copied(tmp_path / "served", SERVED)
    total = len(contents(tmp_path / "served"))
    lottery, folder = random.Random(4), tmp_path / "copy"
    with LogServer(tmp_path / "served", "nobody") as server:
        arguments = [sys.executable, "-c", PROGRAM, server.url, str(folder), str(KEY.verifier)]
        files = sorted(lottery.sample(range(5, total), 5))
        kills = sum(killed_after(count, folder, arguments) for count in files)
        done = subprocess.run(arguments, capture_output=True, timeout=60, check=False)
    assert kills > 0
    assert (done.returncode, done.stderr) == (0, b"")
    assert_whole(folder, SERVED)
    assert DirSource(folder).checkpoint() == DirSource(tmp_path / "served").checkpoint()
    assert not list(folder.rglob("*.new"))


@pytest.mark.parametrize("at", [1, 4, 8, 12])
def test_a_full_disk_is_said_and_the_next_run_goes_on(
    at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied(tmp_path, BEFORE)
    count, fsync = itertools.count(1), os.fsync

    def full(descriptor: int) -> None:
        if next(count) >= at:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(folders.os, "fsync", full)
        with pytest.raises(BadInput, match="No space left"):
            copied(tmp_path, AFTER)
    assert_whole(tmp_path, BEFORE)
    copied(tmp_path, AFTER)
    assert_whole(tmp_path, AFTER)
