"""Processes of ours: started apart from the terminal, found again after a crash, ended by their id."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

POLITE_SECONDS = 15.0
POLL_SECONDS = 0.02


def find(*words: str) -> list[psutil.Process]:
    """The living processes whose command line holds every one of these words, as whole arguments."""
    found = []
    for process in psutil.process_iter():
        if matches(process, words):
            found.append(process)
    return found


def matches(process: psutil.Process, words: Sequence[str]) -> bool:
    """Whether a process lives and was started with all of these arguments."""
    try:
        return set(words) <= set(process.cmdline()) and lives(process)
    except psutil.Error:
        return False


def lives(process: psutil.Process) -> bool:
    """Whether a process still does anything: one that has ended may wait for long to be collected."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def living(pid: object, *words: str) -> psutil.Process | None:
    """The process with this id, if it lives and was started with these arguments: ids are used again."""
    if not isinstance(pid, int) or isinstance(pid, bool) or pid <= 0:
        return None
    try:
        process = psutil.Process(pid)
    except psutil.Error:
        return None
    return process if matches(process, words) else None


def end(process: psutil.Process, patience: float = POLITE_SECONDS) -> None:
    """Ask a process to end; make it, when it has not after `patience` seconds. Returns once it has ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process.terminate()
        if not _ends_within(process, patience):
            process.kill()
            _ends_within(process, POLITE_SECONDS)


def _ends_within(process: psutil.Process, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while lives(process):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def tail(path: Path, lines: int = 5) -> str:
    """The last lines of a log, for an error message."""
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
