"""`scripts/bench NAME`: one module per bench, imported only when that bench is run.

A bench's module has `run(arguments) -> Report`. Standard output gets the report as one JSON object and
nothing else; progress and a table for people go to standard error.
"""

from __future__ import annotations

import argparse
import importlib
import json
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from ledger_service.errors import LedgerError
from scripts.programs import Stop

MISSED, UNUSABLE, INTERRUPTED = 1, 2, 130

BENCHES = {
    "gas": "what the contracts cost, beside HUMAN's escrow and EAS, on one local chain",
    "log": "how fast the log appends, takes labels, proves and is verified, beside plain COPY and pymerkle",
    "truth": "how right, calibrated and fast truth inference is on real crowds, beside crowd-kit",
}

EPILOG = """\
Standard output is one JSON object: what was run, its sizes, our figures, the peers' from the same run,
ratios, bars and whether they are met, versions and the machine. Everything else is on standard error.

Exit status: 0 all bars met; 1 a bar missed; 2 the input or the surroundings do not allow it; 130 interrupted.
Each bench explains itself: scripts/bench NAME --help
"""


def overview() -> argparse.ArgumentParser:
    """The parser of the bare command: it only lists the benches, without importing any of them."""
    listed = "\n".join(f"  {name:<9}{summary}" for name, summary in BENCHES.items())
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        usage="scripts/bench NAME [ARGUMENT ...]",
        description=f"Measure this project, and others beside it in the same run.\n\nbenches:\n{listed}",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", choices=list(BENCHES), metavar="NAME", help="one of the above")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one bench and print its report; the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments:
        overview().print_help(sys.stderr)
        return UNUSABLE
    name = overview().parse_args(arguments[:1]).name
    bench = importlib.import_module(f"scripts.benches.{name}")
    # What was started is ended, however we end.
    usual = {number: signal.signal(number, _interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        report = bench.run(arguments[1:])
    except (Stop, LedgerError) as reason:
        return _fail(str(reason))
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
    print(json.dumps(report.to_json(), indent=2))
    return MISSED if report.missed else 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _fail(reason: str) -> int:
    sys.stderr.write(f"scripts/bench: {reason}\n")
    return UNUSABLE
