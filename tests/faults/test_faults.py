"""Every scenario survives a fault at each of its operations: an error and a kill, before it and after it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import EVERY_FAULT

PROJECT = Path(__file__).parents[2]
# One in five, so that most operations have one, and all four kinds come in turns.
SOME = 5
# What a scenario has to do at least, so that a table that has become short is noticed.
POINTS = {
    "append": {"copy data", "INSERT INTO log_tiles", "UPDATE log_head SET", "INSERT INTO labels", "commit"},
    "cosign": {"request", "INSERT INTO log_published", "UPDATE log_head SET", "commit"},
    "witness": {"open", "fsync", "replace", "mkdir"},
    "mirror": {"open", "fsync", "replace", "mkdir", "unlink"},
}


@pytest.mark.parametrize("scenario", POINTS)
def test_no_fault_breaks_a_promise(
    scenario: str, server_url: str, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    every = 1 if pytestconfig.getoption(EVERY_FAULT) else SOME
    command = [sys.executable, "-m", "tests.faults", scenario, server_url, str(tmp_path), str(every)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=3600)
    assert done.stdout, done.stderr[-3000:]
    table = json.loads(done.stdout)
    assert table["failed"] == [], json.dumps(table["failed"], indent=2)[:5000]
    assert set(table["points"]) >= POINTS[scenario]
    assert table["faults"] == -(-4 * len(table["points"]) // every)
    assert table["killed"] > table["faults"] // 3, "most kills hit"
