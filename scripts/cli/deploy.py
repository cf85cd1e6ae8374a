"""`crowdledger deploy`: the contracts on a chain, once, whatever fails on the way."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import asdict

from scripts.cli import arguments

DESCRIPTION = """\
Put the contracts (ProvenanceLog, CampaignEscrow, DatasetRights) on any EVM chain, from the operator's
account, and wait until they are final. Run again after an interruption, it goes on where it stopped; run
again later, it only prints where they are. The operator's key is made in the state directory on first use;
its account needs some of the chain's money, and the command says which account that is.
"""
EXAMPLES = """\
  crowdledger deploy --rpc https://rpc.example.org
  crowdledger deploy --rpc https://rpc.example.org --confirmations 12 --json
  then: crowdledger serve --rpc https://rpc.example.org --arbiter 0x…
"""


def parser() -> argparse.ArgumentParser:
    """The command's arguments; those that were not given are None."""
    made = arguments.parser("deploy", DESCRIPTION, EXAMPLES)
    made.add_argument("--rpc", dest="rpc_url", required=True, metavar="URL", help="a node of the chain")
    arguments.add_state(made)
    made.add_argument(
        "--confirmations",
        type=int,
        metavar="N",
        help="blocks until a block is final (default: the chain says)",
    )
    made.add_argument("--json", action="store_true", help="print one JSON object, nothing else")
    return made


def run(argv: Sequence[str]) -> int:
    """Deploy; the exit status."""
    given = vars(parser().parse_args(argv))
    as_json = given.pop("json")
    from ledger_service.config import read_options
    from scripts.cli import startup
    from scripts.cli.signals import ending_cleanly

    asked = read_options(os.environ, given)
    with (
        ending_cleanly(),
        startup.services(asked) as (options, local),
        startup.desk(options, local) as desk,
    ):
        found = asdict(startup.contracts(options, local, desk, may_create=True))
    if as_json:
        print(json.dumps(found))
    else:
        print("\n".join(f"{name.replace('_', ' '):<16}{value}" for name, value in found.items() if value))
    return 0
