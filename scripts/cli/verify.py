"""`crowdledger verify`: the offline verifier. Starts without database, web or models."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from scripts.cli import arguments

DESCRIPTION = """\
Prove labels and payments from their bundles alone: every signature, every inclusion in the log, and that
all parts belong together. Nobody is asked and nobody is trusted; with --rpc the chain is asked as well,
whether it holds the head of the log and the payment. With --policy a bundle holds only if enough of the
witnesses that the policy names have cosigned the log's head: then the log has not shown you a history of your
own.
"""
EXAMPLES = """\
  crowdledger verify label.json
  crowdledger verify --policy trusted.policy label.json
  crowdledger verify --rpc https://rpc.example.org --json bundles/*.json
  curl -s https://ledger.example.org/… | crowdledger verify -

A policy is a text file (C2SP tlog-policy), for instance:

  log ledger.example.org+a3b2c1d0+AV…
  witness A witness-a.example.net+0f1e2d3c+BI…
  witness B witness-b.example.com+11223344+BK…
  group two all A B
  quorum two

`quorum none` asks for no cosignature and still pins the log's key.

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
        "--policy",
        metavar="FILE",
        help="a C2SP policy: which logs to accept, and which witnesses' cosignatures",
    )
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
        policy=given.policy,
        as_json=given.json,
        block="latest" if given.latest else "finalized",
        from_block=given.from_block,
    )
    return command.run(given.bundle, options)
