"""The `crowdledger` command: one small module per command, imported only when that command is used."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from ledger_service.errors import LedgerError, VerificationError

FAILED, UNUSABLE, INTERRUPTED = 1, 2, 130

COMMANDS = {
    "demo": "run the whole loop on this machine: fund, label, judge, anchor, pay, audit",
    "serve": "run the service until it is stopped",
    "deploy": "put the contracts on a chain",
    "repost": "post a payroll anew that was declared void",
    "operator": "show or change the key that anchors a log",
    "verify": "prove labels and payments from their bundles, offline",
    "claim": "fetch your pay from the chain, also when the service is gone",
    "redeem": "ask the escrow for pay that a silent operator owes you",
    "witness": "cosign the heads of logs that only ever grow",
    "mirror": "copy a log into a folder that needs no service",
    "receipt": "see whether the receipts of your labels were kept",
    "monitor": "follow a log, and raise an alarm when it does you wrong",
    "infer": "what is true, and who is good, from a crowd's answers in a file",
    "audit": "check a whole log: every entry, signature, amount and payment",
    "fsck": "check a service's database, or a mirror: every row against the log",
    "restore": "build a service again from its operator's mirror, its keys and the chain",
}

EPILOG = """\
Exit status: 0 well; 1 a check failed; 2 the input or the surroundings do not allow it; 130 interrupted.
Each command explains itself: crowdledger COMMAND --help
"""


def overview() -> argparse.ArgumentParser:
    """The parser of the bare command: it only lists the others, without importing any of them."""
    listed = "\n".join(f"  {name:<9}{summary}" for name, summary in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="crowdledger",
        usage="crowdledger COMMAND [ARGUMENT ...]",
        description=f"A crowdsourcing ledger whose every step can be proved offline.\n\ncommands:\n{listed}",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=list(COMMANDS), metavar="COMMAND", help="one of the above")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments:
        overview().print_help()
        return UNUSABLE
    command = overview().parse_args(arguments[:1]).command
    module = importlib.import_module(f"scripts.cli.{command}")
    try:
        return int(module.run(arguments[1:]))
    except VerificationError as error:
        return _fail(error, FAILED)
    except LedgerError as error:
        return _fail(error, UNUSABLE)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has left, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _fail(error: LedgerError, status: int) -> int:
    sys.stderr.write(f"crowdledger: {error}\n")
    return status
