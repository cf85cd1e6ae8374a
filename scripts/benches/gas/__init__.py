"""`scripts/bench gas`: the contracts' gas, beside HUMAN's escrow and EAS, on one local chain."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from scripts.benches import arguments

if TYPE_CHECKING:
    from scripts.benches.report import Report

ENTRIES = 1_000_000
LEAST_ENTRIES = 1_000  # of which a hundred batches can still differ in size
WORKERS = 1_000
OTHER_WORKERS = (1, 10, 50, 100, 3_600)
LEAST_WORKERS = 10  # of whom some claim alone and some together
MOST_WORKERS = 3_600  # whose payroll fits the 128 KiB that nodes accept as one transaction

DESCRIPTION = """\
Deploy our contracts, HUMAN protocol's escrow and EAS on one fresh local chain (Hardhat, Prague rules), with
the same ERC-20 token, do the same things with each, and compare. Every figure is the gasUsed of real
transactions.

The peers come from npm, in the versions that hardhat_local/peers/package-lock.json pins, as compiled by their
authors; the first run installs them. Our contracts are compiled from contracts/src.

The bars are set for the sizes that this bench has by default. With other sizes a row has no bar.
"""
EPILOG = """\
examples:
  scripts/bench gas > gas.json
  scripts/bench gas --entries 10000 --workers 100 --no-peers

Exit status: 0 all bars met; 1 a bar missed; 2 the input or the surroundings do not allow it.
"""


def parser() -> argparse.ArgumentParser:
    """The bench's arguments."""
    made = arguments.parser("gas", DESCRIPTION, EPILOG)
    made.add_argument(
        "--entries",
        type=arguments.within(LEAST_ENTRIES, 1 << 24),
        default=ENTRIES,
        metavar="N",
        help=f"entries of the log that is anchored (default: {ENTRIES:,})",
    )
    made.add_argument(
        "--workers",
        type=arguments.within(LEAST_WORKERS, MOST_WORKERS),
        default=WORKERS,
        metavar="N",
        help=f"workers of the campaign whose claims are measured (default: {WORKERS:,}, and payrolls of "
        + ", ".join(f"{one:,}" for one in OTHER_WORKERS)
        + " beside it)",
    )
    made.add_argument("--no-peers", action="store_true", help="measure ours alone, without npm or network")
    return made


def run(argv: Sequence[str]) -> Report:
    """Measure; the report, after its table on standard error.

    Raises:
        Stop: the peers cannot be installed.
        LedgerError: the chain does not start, the contracts do not compile, or one of them refuses.
    """
    given = parser().parse_args(argv)
    from scripts.benches import surroundings
    from scripts.benches.gas import rows, whole
    from scripts.benches.report import Report

    begun = time.monotonic()
    others = OTHER_WORKERS if given.workers == WORKERS else ()
    found, versions = whole.measure(given.entries, given.workers, others, with_peers=not given.no_peers)
    report = Report(
        bench="gas",
        conditions={
            "chain": "Hardhat, Prague rules, one transaction a block",
            "figures": "gasUsed of the receipt of a whole transaction, unless the row's note says otherwise",
            "entries": given.entries,
            "workers": [given.workers, *others],
            "peers": not given.no_peers,
        },
        rows=rows.rows(found, usual=given.entries == ENTRIES and given.workers == WORKERS),
        versions=versions,
        machine=surroundings.machine(),
        seconds=round(time.monotonic() - begun, 1),
    )
    report.show()
    return report
