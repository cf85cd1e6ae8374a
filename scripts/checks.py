"""`scripts/check`: the linter, the formatter, the types, the import contracts and the house rules."""

from __future__ import annotations

import subprocess
import sys
import time

from scripts import house_rules
from scripts.programs import ROOT, VENV, child_environment

CHECKS = {
    "lint": ("ruff", "check", "--quiet"),
    "format": ("ruff", "format", "--check", "--quiet"),
    "types": ("mypy", "--no-error-summary"),
    "imports": ("lint-imports", "--no-logo"),
}


def main() -> int:
    """Run every check, show what fails; 1 when any does."""
    failed = [name for name in CHECKS if not _tool(name)]
    broken = house_rules.broken(ROOT)
    _line("house rules", not broken, "")
    for text in broken:
        print("  " + text)
    if failed or broken:
        print("failed: " + ", ".join([*failed, *(["house rules"] if broken else [])]))
    return 1 if failed or broken else 0


def _tool(name: str) -> bool:
    begin = time.monotonic()
    program, *arguments = CHECKS[name]
    done = subprocess.run(
        [VENV / "bin" / program, *arguments],
        cwd=ROOT,
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
