"""`crowdledger repost`: a payroll that was declared void, posted anew by the operator's decision."""

from __future__ import annotations

import argparse
import json
import re
import threading
from collections.abc import Sequence
from pathlib import Path

from scripts.cli import arguments

DESCRIPTION = """\
Post the payroll of a campaign anew, after it was declared void: by the arbiter, who upheld a dispute, or
because it paid somebody less than the operator had stated. Until then nobody is paid by that campaign.

The service computes again from the labels what everybody has earned, compares it with what its log says is
owed, and posts that under the escrow's next number; the window for disputes begins anew. The amounts are the
log's and do not change: where the arbiter would declare them void once more, talk to the arbiter first.
It has to happen before the campaign's deadline; from then on workers redeem their statements at the escrow.

The service has to be running; this command logs in to it with the operator's key. Why a payroll is void, and
until when it can be posted anew, stands in the service's log and in GET /v1/campaigns/ID.
"""
EXAMPLES = """\
  crowdledger repost --campaign 0x…
  crowdledger repost --campaign 0x… --service https://ledger.example.org --key keys/operator.key --json

Exit status: 0 when the payroll is queued; 2 when the service refuses, and it says why.
"""
SERVICE = "http://127.0.0.1:8420"
PATIENCE_SECONDS = 20.0


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    made = arguments.parser("repost", DESCRIPTION, EXAMPLES)
    made.add_argument("--campaign", type=_campaign, required=True, metavar="ID", help="the campaign's id")
    made.add_argument(
        "--service", default=SERVICE, metavar="URL", help=f"where its API is (default: {SERVICE})"
    )
    arguments.add_state(made)
    made.add_argument(
        "--key", type=Path, metavar="FILE", help="the operator's key (default: that of the state directory)"
    )
    made.add_argument("--json", action="store_true", help="print the campaign as one JSON object")
    return made


def run(argv: Sequence[str]) -> int:
    """Ask the service for it; the exit status."""
    given = parser().parse_args(argv)
    from ledger_service.audit.login import read_key
    from ledger_service.local.state import default_state
    from scripts.demo_job.client import Connection, Session

    key = given.key or (given.state or default_state()) / "keys" / "operator.key"
    wallet = read_key(key)
    connection = Connection(given.service, threading.Event(), patience=PATIENCE_SECONDS)
    try:
        session = Session(connection, wallet, connection.get("/v1/info")["chain_id"])
        found = session.post(f"/v1/campaigns/{given.campaign}/repost")
    finally:
        connection.close()
    if given.json:
        print(json.dumps(found))
    else:
        payroll = found["payroll"]
        print(
            f"payroll {payroll['epoch']} of campaign {given.campaign} is queued: "
            f"{payroll['count']} workers, {payroll['total']} token minor units in all"
        )
    return 0


def _campaign(text: str) -> str:
    if not re.fullmatch(r"0x[0-9a-f]{64}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no campaign's id: 0x and 64 hexadecimal digits")
    return text
