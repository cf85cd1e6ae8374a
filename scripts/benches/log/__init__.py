"""`scripts/bench log`: how fast the log appends, takes labels, proves and is verified."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from scripts.benches import arguments

if TYPE_CHECKING:
    from scripts.benches.report import Report

ENTRIES = 10_000_000
LEAST_ENTRIES = 2_000  # so that there is something to measure
MOST_ENTRIES = 100_000_000
PARTS = ("append", "http", "big", "verify")

DESCRIPTION = """\
Measure the log on this machine, in four parts:

  append  entries of 256 bytes through the core append, durable, tree included, in batches of 256 and 1,024;
          beside it, in the same PostgreSQL and in turns, a plain COPY of the same rows in the same batches;
          and pymerkle (PyPI) on its own storage, one by one and in bulk
  http    a real crowdledger serve with its database and its chain: single signed labels posted over 1, 16 and
          128 connections, with one worker process and with two; and how long after the answer a signed
          checkpoint includes the label
  big     a log of --entries entries, built by the real append, with a campaign's labels spread through it:
          bundles put together in process; tiles and bundles over HTTP at the highest load and at half of it;
          the memory of the service meanwhile
  verify  bundles of that log (of a smaller one without the part big) proved by the Python and the JavaScript
          verifier, and tlog-proofs checked

Everything lies in a temporary folder (about 8 GB for 10,000,000 entries), removed at the end, also after an
interruption. The clients run on the same machine and share its cores with what they measure.

The bars are set for the sizes that this bench has by default. With other sizes a row has no bar.
"""
EPILOG = """\
examples:
  scripts/bench log > log.json
  scripts/bench log --entries 50000
  scripts/bench log --only append,verify --entries 200000 --no-peers

Exit status: 0 all bars met; 1 a bar missed; 2 the input or the surroundings do not allow it.
"""


def parser() -> argparse.ArgumentParser:
    """The bench's arguments."""
    made = arguments.parser("log", DESCRIPTION, EPILOG)
    made.add_argument(
        "--entries",
        type=arguments.within(LEAST_ENTRIES, MOST_ENTRIES),
        default=ENTRIES,
        metavar="N",
        help=f"entries of the big log; fewer make all parts smaller (default: {ENTRIES:,})",
    )
    made.add_argument(
        "--only",
        type=_parts,
        default=PARTS,
        metavar="PART,…",
        help=f"these parts alone, of {', '.join(PARTS)}",
    )
    made.add_argument("--no-peers", action="store_true", help="leave pymerkle out, and with it the network")
    return made


def run(argv: Sequence[str]) -> Report:
    """Measure; the report, after its table on standard error.

    Raises:
        Stop: a peer cannot be installed, or PostgreSQL is not durable here.
        LedgerError: something of the service does not start, or refuses.
    """
    given = parser().parse_args(argv)
    from scripts.benches import surroundings
    from scripts.benches.log import rows, whole
    from scripts.benches.log.sizes import sizes_for
    from scripts.benches.report import Report

    begun = time.monotonic()
    sizes = sizes_for(given.entries)
    found = whole.measure(sizes, given.only, with_peers=not given.no_peers)
    report = Report(
        bench="log",
        conditions={
            "parts": list(given.only),
            "entries": given.entries,
            "clients": "on the same machine, in a process of their own, sharing its cores",
            "seconds a load over HTTP": sizes.seconds,
            "PostgreSQL": found.database,
            "seconds by part": found.seconds,
        },
        rows=rows.rows(found, usual=given.entries == ENTRIES),
        versions=surroundings.versions() | found.versions,
        machine=surroundings.machine(),
        seconds=round(time.monotonic() - begun, 1),
    )
    report.show()
    return report


def _parts(text: str) -> tuple[str, ...]:
    named = set(text.split(","))
    if not named <= set(PARTS):
        raise argparse.ArgumentTypeError(f"the parts are {', '.join(PARTS)}")
    return tuple(part for part in PARTS if part in named)
