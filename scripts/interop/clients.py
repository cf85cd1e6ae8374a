"""The clients: pinned in `requirements-interop.txt` and `npm/`, installed when first needed, as they are."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.interop.cases import Case
from scripts.programs import ROOT, Stop, child_environment, install_from_npm, node_folder, run, say

VENV = ROOT / ".venv-interop"
PYTHON = VENV / "bin" / "python"
PINNED = ROOT / "requirements-interop.txt"
HERE = Path(__file__).parent
NPM = HERE / "npm"
SECONDS = 300.0


@dataclass(frozen=True)
class Client:
    """A third-party program.

    Attributes:
        package: its name in its registry; registry: PyPI or npm.
        api: which of its functions are driven, and whether they are public.
        driver: the file in `drivers/` that gives it the cases.
        kinds: of the cases that it can check; without those that ask for witnesses, where it knows of none.
    """

    package: str
    registry: str
    api: str
    driver: str
    kinds: frozenset[str]
    witnesses: bool = False

    @property
    def version(self) -> str:
        """The pinned version."""
        if self.registry == "npm":
            wanted: str = json.loads((NPM / "package.json").read_text("utf-8"))["dependencies"][self.package]
            return wanted
        found = re.search(rf"^{re.escape(self.package)}==(\S+)", PINNED.read_text("utf-8"), re.MULTILINE)
        return found[1] if found else "unknown"

    def checks(self, case: Case) -> bool:
        """Whether the case is for it."""
        return case["kind"] in self.kinds and (self.witnesses or not case.get("witness_keys"))

    def answers(self, cases: Sequence[Case]) -> dict[str, str | None]:
        """{name: None where it accepts, else why it refuses}.

        Raises:
            Stop: the client does not run at all.
        """
        given = json.dumps([case for case in cases if self.checks(case)])
        program = (
            [str(PYTHON), "-I"] if self.registry == "PyPI" else [str((node_folder() or Path()) / "node")]
        )
        done = subprocess.run(
            [*program, str(HERE / "drivers" / self.driver)],
            input=given,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            env=child_environment(),
        )
        if done.returncode:
            raise Stop(f"{self.package} does not run: {done.stderr.strip()[-500:]}")
        found: dict[str, Any] = json.loads(done.stdout)
        return found


CLIENTS = (
    Client(
        "aics-tlog",
        "PyPI",
        "public: verify_checkpoint, verify_leaf_inclusion, verify_consistency, audit_tiles, its commands",
        "with_aics_tlog.py",
        frozenset({"checkpoint", "inclusion", "consistency", "reading"}),
        witnesses=True,
    ),
    Client(
        "sigstore",
        "PyPI",
        "private: TransparencyLogEntry._verify (its Rekor v2 step), under a public TrustedRoot",
        "with_sigstore.py",
        frozenset({"checkpoint", "inclusion"}),
    ),
    Client(
        "pymerkle",
        "PyPI",
        "public: InmemoryTree.get_state, verify_inclusion",
        "with_pymerkle.py",
        frozenset({"inclusion", "entries"}),
    ),
    Client(
        "@sigstore/verify",
        "npm",
        "private: verifyTLogInclusion of dist/tlog (its Rekor v2 step), under a public toTrustMaterial",
        "with_sigstore_verify.cjs",
        frozenset({"checkpoint", "inclusion"}),
    ),
)


def missing() -> str:
    """Why the clients cannot run, as a sentence; nothing where they are installed as pinned."""
    stale = [name for name, stamp, digest in _stamps() if not _is_stamped(stamp, digest)]
    return (
        f"not installed: the clients from {' and '.join(stale)}; run python -m scripts.interop"
        if stale
        else ""
    )


def install() -> None:
    """Install what is not there as pinned.

    The packages say that they want Python 3.12; they run on 3.11 as they are, so pip is told to go on.

    Raises:
        Stop: it fails; the text says why.
    """
    for name, stamp, digest in _stamps():
        if _is_stamped(stamp, digest):
            continue
        say(f"installing the clients from {name}")
        if name == "PyPI":
            needs = "installing the third-party clients"
            options = ("--clear",)
            run([sys.executable, "-I", "-m", "venv", *options, VENV], log="venv-interop", needs=needs)
            pip = (PYTHON, "-I", "-m", "pip", "--disable-pip-version-check", "--no-input", "install")
            wanted = ("--only-binary", ":all:", "--no-deps", "--ignore-requires-python", "-r", PINNED)
            run([*pip, *wanted], log="pip-interop", needs=needs)
        else:
            install_from_npm(NPM, log="npm-interop", needs="installing the third-party clients")
        # Crash before the next line: the next run installs them again.
        stamp.write_text(digest, "utf-8")


def _stamps() -> list[tuple[str, Path, str]]:
    """(registry, file that says what is installed, what it has to say)."""
    lock = NPM / "package-lock.json"
    return [
        ("PyPI", VENV / "made.stamp", hashlib.sha256(PINNED.read_bytes()).hexdigest()),
        ("npm", NPM / "node_modules" / "npm.stamp", hashlib.sha256(lock.read_bytes()).hexdigest()),
    ]


def _is_stamped(stamp: Path, digest: str) -> bool:
    return stamp.exists() and stamp.read_text("utf-8") == digest
