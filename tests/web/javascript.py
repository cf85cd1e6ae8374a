"""The verifier in JavaScript, asked from Python: one Node process answers many questions."""

from __future__ import annotations

import base64
import json
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.hardhat_local.conftest import ROOT, node_binary

PROGRAM = Path(__file__).with_name("agree.mjs")
VERIFIER = ROOT / "api" / "web" / "verifier"
PACKAGES = ROOT / "hardhat_local" / "node_modules" / "@noble"


def needs_packages() -> None:
    """Skip where the two packages are not installed."""
    if not PACKAGES.is_dir():
        pytest.skip("the packages of hardhat_local are not installed: run scripts/setup")


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def ask(questions: Iterable[dict[str, Any]]) -> list[Any]:
    """The answers of agree.mjs, in order."""
    needs_packages()
    with tempfile.TemporaryFile("w+b") as asked:
        count = 0
        for question in questions:
            asked.write(json.dumps(question).encode() + b"\n")
            count += 1
        asked.seek(0)
        done = subprocess.run([node_binary(), str(PROGRAM)], stdin=asked, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == count, f"{count} questions, {len(answers)} answers"
    return answers
