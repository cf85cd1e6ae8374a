"""`python -m scripts.interop`: what third-party clients accept and refuse of our log."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from scripts.interop import clients
from scripts.interop.rows import Row, run
from scripts.programs import Stop, say

ABOUT = """\
Serves a log over HTTP by the service's own routes, has it cosigned by a third party's witness, and lets third
parties' clients, unmodified, read it: as it is, and tampered with. Installs them first where they are not
there: from PyPI into .venv-interop, from npm into scripts/interop/npm.
"""


def main(argv: Sequence[str]) -> int:
    """Install the clients, let them read, print what they said; the exit status."""
    made = argparse.ArgumentParser(
        prog="python -m scripts.interop",
        description=ABOUT,
        epilog="exit status: 0 every client accepts what is right and refuses what is wrong; 1 one does not;"
        " 2 they cannot run",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--json", action="store_true", help="print one JSON object")
    given = made.parse_args(argv)
    try:
        clients.install()
        rows = run()
    except Stop as reason:
        say(str(reason))
        return 2
    print(json.dumps({"rows": [asdict(row) for row in rows]}, indent=2) if given.json else table(rows))
    return 1 if any(row.wrong for row in rows) else 0


def table(rows: Sequence[Row]) -> str:
    """For people."""
    lines = []
    for row in rows:
        lines.append(f"{row.client} {row.version} ({row.registry}); {row.api}")
        lines.append(f"  accepted {len(row.accepted)}, refused {len(row.refused)}, as they have to be")
        lines += [f"  OTHERWISE: {name}: {what}" for name, what in row.wrong.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
