"""`crowdledger demo`: the whole loop, on this machine, everybody's part played over HTTP and JSON-RPC."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from scripts.cli import arguments

DESCRIPTION = """\
Run the whole loop for real: a requester funds a campaign from a wallet, models match its items to workers,
workers sign their answers, rules and models judge them, the log is anchored on a local chain, workers claim
their pay, and an auditor verifies all of it offline.

Without --data, people label scikit-learn's handwritten digits; with it, a real crowd is replayed: labels.csv
(task,worker,label), truth.csv (task,label) and, where there is one, tasks.csv (task,text).
"""
EXAMPLES = """\
  crowdledger demo
  crowdledger demo --items 60 --labels-per-item 3
  crowdledger demo --data some/crowd --json > summary.json
  crowdledger demo --parts 3  as three campaigns of one specification, as when a payroll cannot hold all
  crowdledger demo --keep     then look at it with crowdledger serve, as the summary says

Exit status: 0 when every check holds.
"""


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    made = arguments.parser("demo", DESCRIPTION, EXAMPLES)
    made.add_argument("--data", type=Path, metavar="DIR", help="replay the crowd in this folder")
    made.add_argument("--items", type=arguments.positive, metavar="N", help="label N items")
    made.add_argument(
        "--labels-per-item", type=arguments.positive, metavar="K", help="ask K workers about each"
    )
    made.add_argument(
        "--parts",
        type=arguments.positive,
        default=1,
        metavar="N",
        help="share the items among N campaigns of one specification",
    )
    made.add_argument("--keep", action="store_true", help="keep the state at the end, for a look at it")
    made.add_argument(
        "--json", action="store_true", help="print the summary as one JSON object, nothing else"
    )
    made.add_argument(
        "--state", type=Path, metavar="DIR", help="make the state directory here (default: .crowdledger/demo)"
    )
    return made


def run(argv: Sequence[str]) -> int:
    """Run it; the exit status."""
    given = parser().parse_args(argv)
    from ledger_service.local.state import default_state
    from scripts.demo_job import job

    given.state = given.state or default_state() / "demo"
    return job.run(job.Options(**vars(given)))
