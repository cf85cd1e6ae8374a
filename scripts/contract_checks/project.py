"""Copies of the contracts' project in which forge, Hardhat and the provers work.

The checkout itself stays untouched. A copy names what lies outside by absolute paths, so that the compiler's
cache of one copy is good in another.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import subprocess
import threading
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.programs import ROOT, STATE, Stop, child_environment, end_session, say

CONTRACTS = ROOT / "contracts"
HARDHAT = ROOT / "hardhat_local"
SCRATCH = STATE / "contract-checks"
LOOK_SECONDS = 0.2  # how often a waiting call looks whether it should stop

NEVER = threading.Event()  # for calls that nobody stops


class Stopped(Exception):
    """The whole run is being ended; what this program found does not matter any more."""


@dataclass(frozen=True)
class Ended:
    """A program that ended. `status` is None where it was ended for taking too long."""

    status: int | None
    out: str
    errors: str

    @property
    def said(self) -> str:
        """Everything it wrote."""
        return (self.out + self.errors).strip()


def call(
    command: Sequence[str | Path],
    folder: Path,
    *,
    more: Mapping[str, str] | None = None,
    patience: float | None = None,
    stop: threading.Event = NEVER,
) -> Ended:
    """Run a program to its end, in a session of its own, and return what it said.

    Args:
        more: added to the environment.
        patience: seconds after which it is ended.
        stop: ends it early.

    Raises:
        Stopped: `stop` was set.
    """
    process = start(command, folder, {**environment(), **(more or {})})
    last = time.monotonic() + (patience or float("inf"))
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                written = process.communicate(timeout=LOOK_SECONDS)
                return ended(process.returncode, *written)
            if stop.is_set():
                raise Stopped
            if time.monotonic() > last:
                end_session(process)
                return ended(None, *process.communicate())
    except BaseException:
        end_session(process)
        raise


def start(
    command: Sequence[str | Path], folder: Path, variables: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start a program whose output is read later."""
    return subprocess.Popen(
        [str(part) for part in command],
        cwd=folder,
        env=dict(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def ended(status: int | None, out: bytes, errors: bytes) -> Ended:
    return Ended(status, out.decode(errors="replace"), errors.decode(errors="replace"))


def environment() -> dict[str, str]:
    """Our programs' environment, with forge and solc on the PATH and no settings of forge from outside."""
    ours = {k: v for k, v in child_environment().items() if not k.startswith(("FOUNDRY_", "DAPP_", "FORGE_"))}
    ours["PATH"] = os.pathsep.join([str(forge_binary().parent), ours["PATH"]])
    ours.update(NO_COLOR="1", HARDHAT_DISABLE_TELEMETRY_PROMPT="true")
    return ours


def forge_binary() -> Path:
    """forge itself: the command in `node_modules/.bin` is a wrapper that takes 0.3 s more to start.

    Raises:
        Stop: it is not installed.
    """
    found = sorted((HARDHAT / "node_modules" / "@foundry-rs").glob("forge-*/bin/forge"))
    if not found:
        raise Stop("forge is not installed in hardhat_local/node_modules: run scripts/setup")
    return found[0]


def settings() -> dict[str, Any]:
    """What `contracts/foundry.toml` says."""
    return tomllib.loads((CONTRACTS / "foundry.toml").read_text("utf-8"))


def stage(folder: Path, parts: Sequence[str] = ("src", "test")) -> None:
    """Make `folder` a project with the contracts' folders or files `parts`, and touch only what differs."""
    wanted: dict[Path, bytes] = {}
    for part in parts:
        source = CONTRACTS / part
        files = source.rglob("*") if source.is_dir() else [source]
        wanted |= {path.relative_to(CONTRACTS): path.read_bytes() for path in files if path.is_file()}
    text = (CONTRACTS / "foundry.toml").read_text("utf-8")
    wanted[Path("foundry.toml")] = re.sub(r"\.\./(?=hardhat_local)", f"{ROOT}/", text).encode()
    for top in ("src", "test"):
        for path in sorted((folder / top).rglob("*")):
            if path.is_file() and path.relative_to(folder) not in wanted:
                path.unlink()
    for name, content in wanted.items():
        path = folder / name
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


@contextlib.contextmanager
def alone(name: str) -> Iterator[Path]:
    """The folder that the check `name` keeps between runs, for one run at a time."""
    folder = SCRATCH / name
    folder.mkdir(parents=True, exist_ok=True)
    with (SCRATCH / f"{name}.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another run of {name} is at work in this checkout: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def remove(folder: Path) -> None:
    """Delete a folder, if it is there."""
    shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Results:
    """What the tests of one run of forge said: names are `Contract.test`, without arguments.

    Attributes:
        passed: names of the tests that passed.
        failed: name -> reason.
        calls: name of an invariant -> how many calls of the handlers it was checked after.
        problem: why there are no results; empty where there are.
        timed_out: ended for taking too long.
        seconds: wall time, compilation included.
    """

    passed: tuple[str, ...]
    failed: dict[str, str]
    calls: dict[str, int]
    problem: str
    timed_out: bool
    seconds: float


def forge_test(
    folder: Path,
    *options: str,
    profile: str = "default",
    patience: float | None = None,
    stop: threading.Event = NEVER,
) -> Results:
    """`forge test` in a staged project."""
    begin = time.monotonic()
    ended = call(
        [forge_binary(), "test", "--json", *options],
        folder,
        more={"FOUNDRY_PROFILE": profile},
        patience=patience,
        stop=stop,
    )
    took = time.monotonic() - begin
    if ended.status is None:
        return Results((), {}, {}, "", True, took)
    try:
        suites = json.loads(ended.out[ended.out.index("{") :])
    except ValueError:
        nothing = "No tests" in ended.said
        return Results((), {}, {}, "" if nothing else ended.said or f"status {ended.status}", False, took)
    return read_results(suites, took)


def read_results(suites: Mapping[str, Any], seconds: float) -> Results:
    """forge's JSON, by test."""
    passed, failed, calls = [], {}, {}
    for suite, outcome in suites.items():
        contract = suite.rpartition(":")[2]
        for signature, result in outcome["test_results"].items():
            name = f"{contract}.{signature.partition('(')[0]}"
            if result["status"] == "Success":
                passed.append(name)
            elif result["status"] == "Failure":
                failed[name] = result["reason"] or "failed"
            if "Invariant" in result["kind"]:
                calls[name] = result["kind"]["Invariant"]["calls"]
    return Results(tuple(passed), failed, calls, "", False, seconds)
