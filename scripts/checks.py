"""`scripts/check`: the linters, the formatters, the types, the import contracts and the house rules."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from scripts import house_rules
from scripts.contract_checks import project
from scripts.programs import ROOT, VENV, child_environment

CHECKS = {
    "lint": ("ruff", "check", "--quiet"),
    "format": ("ruff", "format", "--check", "--quiet"),
    "types": ("mypy", "--no-error-summary"),
    "imports": ("lint-imports", "--no-logo"),
}
CONTRACT_CHECKS = {
    "contracts' format": ("fmt", "--check"),
    "contracts' lint": ("lint", "--deny", "notes"),
}


def main() -> int:
    """Run every check, show what fails; 1 when any does."""
    ours, forge = VENV / "bin", project.forge_binary()
    failed = [name for name, (tool, *more) in CHECKS.items() if not _tool(name, ours / tool, more, ROOT)]
    failed += [
        name for name, more in CONTRACT_CHECKS.items() if not _tool(name, forge, more, project.CONTRACTS)
    ]
    broken = house_rules.broken(ROOT)
    _line("house rules", not broken, "")
    for text in broken:
        print("  " + text)
    if failed or broken:
        print("failed: " + ", ".join([*failed, *(["house rules"] if broken else [])]))
    return 1 if failed or broken else 0


def _tool(name: str, program: Path, arguments: Sequence[str], folder: Path) -> bool:
    begin = time.monotonic()
    done = subprocess.run(
        [program, *arguments],
        cwd=folder,
        env=child_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    _line(name, done.returncode == 0, f" in {time.monotonic() - begin:.1f} s")
    if done.returncode:
        print(done.stdout)
    return done.returncode == 0


def _line(name: str, good: bool, duration: str) -> None:
    print(f"{name}: {'ok' if good else 'FAILED'}{duration}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
