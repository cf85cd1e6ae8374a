"""Makes a checkout ready, then hands over: `scripts/setup` and the others, before any package exists.

Standard library only, run by the system's Python (3.11 or later). Each step is stamped with a digest of what
it was made from, so a second run only compares digests. Everything lies inside the checkout: `.venv`,
`.venv-deep`, `hardhat_local/node_modules`, `.crowdledger` with what pip and npm keep. What it says goes to
standard error.

Crash windows: a step's stamp is written after its work, so a step that was interrupted is done again. A
killed pip may leave half of a package behind; `.venv/installing`, present only while it runs, makes the next
run begin with an empty environment. `npm ci` empties `node_modules` by itself.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from scripts.programs import (
    PYTHON,
    ROOT,
    STATE,
    VENV,
    VENV_DEEP,
    Stop,
    child_environment,
    install_from_npm,
    node_folder,
    run,
    say,
)

HARDHAT = ROOT / "hardhat_local"
CONTRACTS = ROOT / "contracts"
INSTALLING = VENV / "installing"
DEEP_PYTHON = VENV_DEEP / "bin" / "python"

OLDEST = (3, 11)
ROOM = (
    4 * 1024**3
)  # bytes of disk for a first set-up: 2 GB of Python, 0.3 GB of npm packages, their downloads
TORCH_CPU_HOST = "download.pytorch.org"
PIP_OPTIONS = ("-I", "-m", "pip", "--disable-pip-version-check", "--no-input", "--retries", "2", "install")
PIP = (PYTHON, *PIP_OPTIONS)


@dataclass(frozen=True)
class Step:
    """One thing to set up.

    Attributes:
        name: what its line on the screen calls it.
        stamp: the file that keeps the digest of what it was last made from.
        digest: of what it would be made from now; asked again after the steps before it.
        work: makes it; raises Stop.
    """

    name: str
    stamp: Path
    digest: Callable[[], str]
    work: Callable[[], None]

    def done(self) -> bool:
        """Whether it was made, and from the same things."""
        try:
            return self.stamp.read_text() == self.digest()
        except OSError:
            return False

    def perform(self) -> None:
        """Make it and stamp it, telling on one line."""
        say(f"  {self.name} … ", end="")
        begin = time.monotonic()
        self.stamp.unlink(missing_ok=True)
        try:
            self.work()
        except BaseException:
            say("")
            raise
        self.stamp.parent.mkdir(parents=True, exist_ok=True)
        self.stamp.write_text(self.digest())
        say(f"{time.monotonic() - begin:.1f} s")


def digest_of(*parts: str | Path) -> str:
    """SHA-256 over texts and the contents of files, each preceded by its length."""
    whole = hashlib.sha256()
    for part in parts:
        raw = part.read_bytes() if isinstance(part, Path) else part.encode()
        whole.update(len(raw).to_bytes(8, "big") + raw)
    return whole.hexdigest()


def all_steps(dev: bool, deep: bool = False) -> list[Step]:
    """Every step, in order; `dev` adds what the checks and the tests need, `deep` the provers."""
    locked = (HARDHAT / "package.json", HARDHAT / "package-lock.json")
    npm = HARDHAT / "node_modules" / "npm.stamp"
    return [
        Step("virtual environment", VENV / "made.stamp", venv_digest, make_venv),
        dev_packages() if dev else packages(),
        Step("crowdledger itself", VENV / "self.stamp", project_digest, install_self),
        Step("Node packages", npm, lambda: digest_of(*locked), install_node),
        Step("contracts", STATE / "artifacts" / "made.stamp", contracts_digest, compile_contracts),
        *([deep_packages()] if deep else []),
    ]


def check_machine() -> None:
    """Refuse at once what could only fail later."""
    if sys.version_info < OLDEST:
        raise Stop(f"This is Python {platform.python_version()}: install Python 3.11 or later.")
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        name = f"python3.{sys.version_info[1]}-venv"
        raise Stop(
            f"This Python lacks the modules venv and ensurepip: install them (Debian: {name})."
        ) from None
    needed = ("requirements.txt", "requirements-dev.txt", "pyproject.toml", "hardhat_local/package-lock.json")
    missing = [name for name in needed if not (ROOT / name).exists()]
    if missing:
        raise Stop(f"This checkout is incomplete, {', '.join(missing)} is missing: clone it again.")
    if not os.access(ROOT, os.W_OK):
        raise Stop(f"{ROOT} cannot be written: set up in a checkout of your own.")


def check_room() -> None:
    """Refuse to begin a first set-up that would fill the disk."""
    free = shutil.disk_usage(ROOT).free
    if free < ROOM:
        raise Stop(
            f"Only {free / 1e9:.1f} GB are free here and the set-up takes about 4: free some, run again."
        )


# --- the steps --------------------------------------------------------------------------------------------


def venv_digest() -> str:
    """Scripts in an environment name their interpreter by its path: a moved checkout needs a new one."""
    return digest_of(str(VENV), "" if PYTHON.exists() else "its interpreter is gone")


def make_venv() -> None:
    """An empty virtual environment; one that was made here by hand, with a good Python, is taken as it is."""
    if not (VENV / "self.stamp").exists() and usable(PYTHON):
        return
    shutil.rmtree(VENV, ignore_errors=True)
    VENV.mkdir()
    INSTALLING.touch()
    run([sys.executable, "-I", "-m", "venv", VENV], log="venv", needs="making a virtual environment")
    INSTALLING.unlink()


def usable(python: Path) -> bool:
    """Whether this is an interpreter that starts, is recent enough and has pip."""
    probe = f"import sys, pip; sys.exit(sys.version_info < {OLDEST})"
    try:
        return subprocess.run([python, "-I", "-c", probe], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def packages() -> Step:
    pinned = ROOT / "requirements.txt"

    def digest() -> str:
        return digest_of(VENV / "pyvenv.cfg", pinned)

    return Step("Python packages", VENV / "packages.stamp", digest, lambda: install(pinned))


def dev_packages() -> Step:
    lean, more = packages(), ROOT / "requirements-dev.txt"

    def digest() -> str:
        return digest_of(lean.digest(), more)

    def work() -> None:
        install(more)
        lean.stamp.write_text(lean.digest())  # the longer list contains the shorter one

    return Step("Python packages", VENV / "dev.stamp", digest, work)


def deep_packages() -> Step:
    """The provers live in an environment of their own: they need another web3 than crowdledger does."""
    pinned = ROOT / "requirements-deep.txt"

    def digest() -> str:
        return digest_of(str(VENV_DEEP), "" if DEEP_PYTHON.exists() else "its interpreter is gone", pinned)

    def work() -> None:
        shutil.rmtree(VENV_DEEP, ignore_errors=True)  # so that nothing is left of a run that was cut short
        needs = "installing the tools of the deep checks"
        run([sys.executable, "-I", "-m", "venv", VENV_DEEP], log="venv-deep", needs=needs)
        options = ("--no-compile", "--only-binary", ":all:", "-r", pinned)
        run([DEEP_PYTHON, *PIP_OPTIONS, *options], log="pip-deep", needs=needs)

    return Step("tools of the deep checks", VENV_DEEP / "made.stamp", digest, work)


def install(pinned: Path) -> None:
    """Exactly the pinned packages, wheels only: nothing is ever compiled here."""
    INSTALLING.touch()
    try:
        if not list(VENV.glob("lib/python3*/site-packages/torch")):
            install_torch_for_cpu()
        options = ("--no-compile", "--only-binary", ":all:", "-r", pinned)
        run([*PIP, *options], log="pip", needs="installing the Python packages")
    except Stop:
        INSTALLING.unlink()  # pip came to an end by itself: what it installed is whole
        raise
    INSTALLING.unlink()


def install_torch_for_cpu() -> None:
    """On Linux without an NVIDIA driver, PyTorch's own CPU wheel: PyPI's brings gigabytes of CUDA libraries.

    Only a saving: where that server cannot be reached, the wheel of the usual index does the same work.
    """
    if platform.system() != "Linux" or Path("/proc/driver/nvidia/version").exists():
        return
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    pin = next(line for line in lines if line.startswith("torch=="))
    options = ("--no-compile", "--no-deps", "--index-url", f"https://{TORCH_CPU_HOST}/whl/cpu", pin)
    with contextlib.suppress(OSError, Stop):
        socket.create_connection((TORCH_CPU_HOST, 443), timeout=3).close()
        run([*PIP, *options], log="pip-torch", needs="installing PyTorch")


def project_digest() -> str:
    """Of the parts of pyproject.toml that decide what is installed, and where from."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    parts = (project["build-system"], project["project"], project["tool"]["setuptools"])
    return digest_of(str(ROOT), json.dumps(parts, sort_keys=True))


def install_self() -> None:
    """`.venv/bin/crowdledger`, importing straight from this checkout."""
    options = ("--no-deps", "--no-build-isolation", "--editable", ROOT)
    run([*PIP, *options], log="self", needs="installing the crowdledger command")


def install_node() -> None:
    """The local chain and the Solidity tools."""
    install_from_npm(HARDHAT, log="npm", needs="installing the Node packages")


def contracts_digest() -> str:
    """Of the contracts and the compiler's settings, its version, and the code that calls it."""
    code = sorted((CONTRACTS / "src").rglob("*.sol"))
    names = (str(path.relative_to(CONTRACTS)) for path in code)
    caller = ROOT / "ledger_service" / "chain" / "compile.py"
    return digest_of(*names, *code, CONTRACTS / "foundry.toml", HARDHAT / "package-lock.json", caller)


def compile_contracts() -> None:
    """Leaves the artifacts where the service looks for them, so that its first start is a quick one."""
    program = (
        "import sys, pathlib; from ledger_service.chain.compile import compile_contracts as compile_all\n"
    )
    program += "compile_all(*map(pathlib.Path, sys.argv[1:]))"
    command = (PYTHON, "-c", program, ROOT, STATE / "artifacts")
    run(command, log="contracts", needs="compiling the contracts")


# --- the whole --------------------------------------------------------------------------------------------


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """One set-up at a time in a checkout; the kernel lets go of the lock however its holder ends."""
    STATE.mkdir(exist_ok=True)
    with (STATE / "setup.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another set-up is at work in this checkout: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def set_up(dev: bool, deep: bool = False) -> None:
    """Do every step that is not done; nothing but a few file reads when all are."""
    check_machine()
    steps = all_steps(dev, deep)
    if all(step.done() for step in steps):
        return
    with alone():
        if INSTALLING.exists():
            say("  the last set-up was cut short: starting over with an empty environment")
            shutil.rmtree(VENV)
        if not node_folder():
            check_room()
        for step in steps:
            if not step.done():
                step.perform()


def hand_over(action: str, arguments: Sequence[str]) -> int:
    """Become the program that was asked for; returns only where there is none."""
    programs = {
        "demo": [VENV / "bin" / "crowdledger", "demo"],
        "test": [PYTHON, "-m", "scripts.run_tests"],
        "check": [PYTHON, "-m", "scripts.checks"],
        "bench": [PYTHON, "-m", "scripts.benches"],
        "mutants": [PYTHON, "-m", "scripts.contract_checks.mutants_command"],
        "check-deep": [PYTHON, "-m", "scripts.contract_checks.deep"],
    }
    if action in programs:
        command = [str(part) for part in (*programs[action], *arguments)]
        os.execve(command[0], command, child_environment())  # noqa: S606
    say("Ready. Next: scripts/demo, scripts/test, or .venv/bin/crowdledger --help")
    return 0


def interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main(arguments: Sequence[str]) -> int:
    """`setup [--dev] [--deep]`, or a command of `hand_over`; 2 when it cannot go on, 130 when interrupted."""
    action, rest = arguments[0], arguments[1:]
    if action == "demo" and {"-h", "--help"} & set(rest):  # needs nothing set up
        from scripts.cli import main as crowdledger

        return crowdledger(["demo", "--help"])
    if action == "bench" and {"-h", "--help"} & set(rest):  # nor does this
        from scripts.benches import main as bench

        return bench(rest)
    usual = signal.signal(signal.SIGTERM, interrupt)
    try:
        dev = action in ("test", "check", "mutants", "check-deep") or "--dev" in rest
        set_up(dev, deep=action == "check-deep" or "--deep" in rest)
    except Stop as reason:
        say(str(reason))
        return 2
    except KeyboardInterrupt:
        say("interrupted: the next run goes on from here")
        return 130
    signal.signal(signal.SIGTERM, usual)
    return hand_over(action, rest)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
