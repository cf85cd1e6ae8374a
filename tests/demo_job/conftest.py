"""The demo as a program, and what it leaves behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder for states, removed at the end: a state is some 60 MB, and pytest keeps its folders."""
    folder = Path(tempfile.mkdtemp(prefix="cl-demo-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def start_demo(place: Path) -> Start:
    """Starts `crowdledger demo ARGUMENT…` in a process group of its own, with its state in `place`/state."""

    def start(*arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "scripts.cli", "demo", "--state", str(place / "state"), *arguments],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=dict(os.environ, PYTHONUNBUFFERED="1", HF_HUB_OFFLINE="1"),
        )

    return start


def processes_of(folder: Path) -> list[str]:
    """Command lines of the living processes that name this folder in their arguments or work in it."""
    found = []
    for process in psutil.process_iter():
        try:
            words = [*process.cmdline(), process.cwd()]
            if process.status() != psutil.STATUS_ZOMBIE and any(str(folder) in word for word in words):
                found.append(" ".join(words))
        except psutil.Error:
            continue  # it ended while we looked, which is what we hope for
    return found
