"""`scripts/test`: the checks, then the whole test suite; both are reported, either fails the run.

Two processes test at once, a file in one of them: many tests wait for a chain or a server of their own. Files
are taken in their order: by their number of tests, those with few and long ones would all come last.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from scripts import checks
from scripts.programs import PYTHON, ROOT, child_environment


def main(arguments: Sequence[str]) -> int:
    """Arguments go to pytest."""
    checked = checks.main()
    command = [str(PYTHON), "-m", "pytest", "--numprocesses=2", "--dist=loadfile", "--no-loadscope-reorder"]
    tested = subprocess.run([*command, *arguments], cwd=ROOT, env=child_environment(), check=False).returncode
    return tested or checked


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:  # pytest has already said so
        sys.exit(130)
