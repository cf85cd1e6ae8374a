"""The machine finds what a careless program loses, and nothing in a careful one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]


def table_of(kind: str, folder: Path) -> dict[str, object]:
    """The table of a small program that counts in a file, in a process of its own."""
    command = [sys.executable, "-m", "tests.faults.counting", kind, str(folder)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=300)
    assert done.returncode in (0, 1), done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def test_a_careful_program_passes_every_fault(tmp_path: Path) -> None:
    found = table_of("careful", tmp_path)
    assert found["points"] == ["open", "fsync", "replace", "open", "fsync", "replace"]
    assert found["faults"] == 24
    assert found["killed"] == 12
    assert found["failed"] == []


@pytest.mark.parametrize("kind", ["in-place", "early"])
def test_a_careless_program_is_found(kind: str, tmp_path: Path) -> None:
    assert table_of(kind, tmp_path)["failed"], "acknowledged, and lost"


def test_nothing_is_left_of_the_cases(tmp_path: Path) -> None:
    table_of("careful", tmp_path)
    assert os.listdir(tmp_path / "cases") == []
