"""pymerkle (PyPI) beside our append: pinned, installed when first needed, run by a Python of its own."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median

from scripts.benches.log.scratch import scratch
from scripts.benches.log.sizes import BATCHES, Sizes
from scripts.programs import STATE, Stop, child_environment, run, say

HERE = Path(__file__).parent
PINNED = HERE / "requirements-peers.txt"
PROGRAM = HERE / "pymerkle_turns.py"
VENV = STATE / "bench-peers"
PYTHON = VENV / "bin" / "python"
MOST_ROUNDS, MOST_BULK = 5, 32_768  # pymerkle's turns are long, and steadier than a database's
PATIENCE = 600


def install() -> None:
    """The pinned packages in an environment of their own, unless they are there already.

    Raises:
        Stop: pip fails; the text says why.
    """
    stamp = VENV / "made.stamp"
    digest = hashlib.sha256(str(VENV).encode() + PINNED.read_bytes()).hexdigest()
    if PYTHON.exists() and stamp.exists() and stamp.read_text("utf-8") == digest:
        return
    say("installing the peers' packages from PyPI")
    shutil.rmtree(VENV, ignore_errors=True)
    needs = "installing the peers' packages"
    run([sys.executable, "-I", "-m", "venv", VENV], log="venv-peers", needs=needs)
    options = ("--disable-pip-version-check", "--no-input", "--no-compile", "--only-binary", ":all:")
    run([PYTHON, "-I", "-m", "pip", "install", *options, "-r", PINNED], log="pip-peers", needs=needs)
    # Crash before the next line: the next run installs them again.
    stamp.write_text(digest, "utf-8")


def measure(sizes: Sizes) -> tuple[dict[str, float], str]:
    """Entries per second of each of its ways (the median of its turns), and its version.

    Raises:
        Stop: it fails.
    """
    bulk = min(sizes.a_round, MOST_BULK)
    with scratch() as folder:
        arguments = (folder, min(sizes.rounds, MOST_ROUNDS), bulk, max(BATCHES), sizes.single)
        command = [str(part) for part in (PYTHON, "-I", PROGRAM, *arguments)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=True, timeout=PATIENCE, env=child_environment()
            )
        except subprocess.SubprocessError as error:
            raise Stop(f"pymerkle does not run: {error}\n{getattr(error, 'stderr', '') or ''}") from error
    found = json.loads(done.stdout)
    return {way: median(turns) for way, turns in found["entries a second"].items()}, found["version"]
