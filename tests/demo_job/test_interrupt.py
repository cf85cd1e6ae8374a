"""Ctrl-C, at any stage: nothing goes on running, nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import httpx

from scripts.demo_job.service import FEE_BPS, Service
from tests.demo_job.conftest import Start, processes_of

PATIENCE = 120


def wait_until_done(process: subprocess.Popen[str], stage: str) -> None:
    """Wait for the line of a finished stage."""
    assert process.stderr is not None
    for line in process.stderr:
        if stage in line:
            return
    raise AssertionError(f"the demo ended with status {process.wait()} before {stage!r} was done")


def wait_until_starting(process: subprocess.Popen[str], state: Path) -> None:
    """Wait until the service's process has been started and has begun with its own state."""
    give_up = time.monotonic() + PATIENCE
    while not list(state.glob("*/run")):
        assert process.poll() is None
        assert time.monotonic() < give_up
        time.sleep(0.02)


def interrupt(process: subprocess.Popen[str], number: int) -> int:
    """Signal the whole process group, as a terminal does; the exit status."""
    os.killpg(process.pid, number)
    process.communicate(timeout=PATIENCE)
    return process.returncode


def check_nothing_is_left(place: Path) -> None:
    assert processes_of(place) == []
    assert list((place / "state").iterdir()) == []


def test_a_demo_ended_while_people_label_leaves_nothing(start_demo: Start, place: Path) -> None:
    process = start_demo("--items", "100", "--labels-per-item", "8")
    wait_until_done(process, "workers join")
    time.sleep(1)
    assert interrupt(process, signal.SIGTERM) == 130
    check_nothing_is_left(place)


def test_a_demo_interrupted_while_the_service_starts_leaves_nothing(start_demo: Start, place: Path) -> None:
    process = start_demo()
    wait_until_starting(process, place / "state")
    assert interrupt(process, signal.SIGINT) == 130
    check_nothing_is_left(place)


def test_what_is_kept_can_be_served_again(start_demo: Start, place: Path) -> None:
    process = start_demo("--keep")
    wait_until_done(process, "workers join")
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert processes_of(place) == []
    [state] = (place / "state").iterdir()
    assert f"--state {state}" in err
    service = Service(state)
    try:
        service.start()
        info = httpx.get(service.base + "/v1/info").json()
        campaigns = httpx.get(service.base + "/v1/campaigns").json()["campaigns"]
    finally:
        service.stop()
    assert info["fee_bps"] == FEE_BPS
    assert [campaign["state"] for campaign in campaigns] == ["open"]
    assert processes_of(place) == []
