"""`crowdledger verify`: the offline verifier. Starts without database, web or models."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from scripts.cli import arguments

DESCRIPTION = """\
Prove labels and payments from their bundles alone: every signature, every inclusion in the log, and that
all parts belong together. Nobody is asked and nobody is trusted; with --rpc the chain is asked as well,
whether it holds the head of the log and the payment.
"""
EXAMPLES = """\
  crowdledger verify label.json
  crowdledger verify --rpc https://rpc.example.org --json bundles/*.json
  curl -s https://ledger.example.org/… | crowdledger verify -

Exit status: 0 all hold; 1 one is refused, the reason is named; 2 something could not be read.
"""


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    made = arguments.parser("verify", DESCRIPTION, EXAMPLES)
    made.add_argument(
        "bundle", nargs="+", metavar="BUNDLE", help="a file with one bundle per line; - for standard input"
    )
    made.add_argument(
        "--rpc", metavar="URL", help="a node of the chain, to compare with what is anchored and settled"
    )
    made.add_argument("--log-key", metavar="VKEY", help="the log's C2SP verifier key, to accept no other log")
    made.add_argument(
        "--log-address", metavar="ADDRESS", help="the ProvenanceLog contract, to accept no other"
    )
    made.add_argument(
        "--latest", action="store_true", help="ask the chain's newest block, not its last final one"
    )
    made.add_argument(
        "--from-block",
        type=arguments.natural,
        default=0,
        metavar="N",
        help="the block the contracts were deployed in, or less: older heads are searched from there on",
    )
    made.add_argument("--json", action="store_true", help="one JSON object per bundle on standard output")
    return made


def run(argv: Sequence[str]) -> int:
    """Verify; the exit status."""
    given = parser().parse_args(argv)
    from ledger_service.verify import command

    options = command.Options(
        rpc=given.rpc,
        log_key=given.log_key,
        log_address=given.log_address,
        as_json=given.json,
        block="latest" if given.latest else "finalized",
        from_block=given.from_block,
    )
    return command.run(given.bundle, options)
