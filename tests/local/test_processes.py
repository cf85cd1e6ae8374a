"""Processes are found by what they were started with and ended by their id."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ledger_service.local import processes

STUBBORN = (
    "import signal, sys, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)


@pytest.fixture
def child(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", STUBBORN, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        yield process
        process.kill()


def test_a_process_is_found_by_its_arguments(child: subprocess.Popen[bytes], tmp_path: Path) -> None:
    assert [found.pid for found in processes.find(str(tmp_path))] == [child.pid]
    assert processes.find(str(tmp_path), "--other") == []
    assert processes.find(str(tmp_path)[:-1]) == []


def test_an_id_that_was_used_again_is_nobody_of_ours(child: subprocess.Popen[bytes], tmp_path: Path) -> None:
    assert processes.living(child.pid, str(tmp_path)) is not None
    assert processes.living(child.pid, "postgres") is None
    for nonsense in (None, "7", True, 0, -1, 2**31 - 1, 2**70):
        assert processes.living(nonsense) is None


def test_a_stubborn_process_is_ended_all_the_same(child: subprocess.Popen[bytes], tmp_path: Path) -> None:
    begin = time.monotonic()
    processes.end(psutil.Process(child.pid), patience=0.2)
    assert time.monotonic() - begin < 5
    assert processes.find(str(tmp_path)) == []  # although nobody has collected it yet
    assert child.wait() == -9
