"""The peers' packages from PyPI: pinned, installed when first needed, run by a Python of their own."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.programs import STATE, Stop, child_environment, run, say

PINNED = Path(__file__).parent / "requirements-peers.txt"
VENV = STATE / "truth-peers"
PYTHON = VENV / "bin" / "python"


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
    run([sys.executable, "-I", "-m", "venv", VENV], log="venv-truth-peers", needs=needs)
    options = ("--disable-pip-version-check", "--no-input", "--no-compile", "--only-binary", ":all:")
    run([PYTHON, "-I", "-m", "pip", "install", *options, "-r", PINNED], log="pip-truth-peers", needs=needs)
    # Crash before the next line: the next run installs them again.
    stamp.write_text(digest, "utf-8")


def ask(program: Path, arguments: Sequence[str], *, patience: int) -> dict[str, Any]:
    """Run a program of ours under the peers' Python, on one thread, and read the JSON it prints.

    Raises:
        Stop: it fails, or takes longer than so many seconds.
    """
    return _json([str(PYTHON), "-I", str(program), *arguments], patience)


def ask_ours(module: str, arguments: Sequence[str], *, patience: int) -> dict[str, Any]:
    """Likewise a module of ours, in a fresh process of this Python."""
    return _json([sys.executable, "-m", module, *arguments], patience)


def _json(command: list[str], patience: int) -> dict[str, Any]:
    environment = child_environment() | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=patience, env=environment
        )
    except subprocess.SubprocessError as error:
        raise Stop(f"{' '.join(command)}: {error}\n{getattr(error, 'stderr', '') or ''}") from error
    found: dict[str, Any] = json.loads(done.stdout)
    return found
