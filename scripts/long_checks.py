"""Checks of the service that take too long for every change: steps of `scripts/check-deep`."""

from __future__ import annotations

import json
import subprocess
import sys

from scripts.contract_checks.outcome import Outcome
from scripts.programs import ROOT

CHANGES = 1_000_000
# What every run of the tests does in part: with --every-fault they do all of it.
IN_PART = ("tests/faults", "tests/monitor/test_command.py", "tests/verify/test_tampering.py")


def faults() -> Outcome:
    """An error and a kill at every commit, write and file operation; each bit of a bundle changed."""
    command = [sys.executable, "-m", "pytest", "-q", "--every-fault", "-n", "2", *IN_PART]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines() or done.stderr.strip().splitlines() or ["pytest said nothing"]
    return Outcome(lines[-1], () if done.returncode == 0 else ("\n".join(lines[-40:]),))


def tampering() -> Outcome:
    """A million random changes of bytes, none of which a verifier may accept (tests/tampering)."""
    command = [sys.executable, "-m", "tests.tampering", str(CHANGES)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        return Outcome("did not run", (done.stderr[-2000:],))
    wrong = tuple(f"{name}: accepted at {places}" for name, places in report["accepted"].items())
    return Outcome(f"{report['changes']:,} changes, {len(wrong)} targets took one", wrong, report)
