"""`crowdledger serve`: the service, with what it needs on this machine, until it is stopped."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from scripts.cli import arguments

DESCRIPTION = """\
Run the service until it is stopped (Ctrl-C). By default everything is local and kept in the state directory
across restarts: an embedded PostgreSQL, a local chain with the contracts on it, and the keys. A database of
your own is named by DATABASE_URL, a chain of your own by --rpc (after crowdledger deploy). The first line on
standard output is the address of the API, the second that of its documentation.
"""
EXAMPLES = """\
  crowdledger serve
  crowdledger serve --port 0 --state /tmp/ledger
  DATABASE_URL=postgresql://ledger@db/ledger crowdledger serve --rpc https://rpc.example.org \\
      --host 0.0.0.0 --domain ledger.example.org --arbiter 0x… --token 0x…

Witnesses that are to cosign the log's heads are named, with their URLs and the quorum, in a file as C2SP
tlog-policy describes it; `crowdledger witness` prints the line for such a file:

  crowdledger serve --witness-policy witnesses.txt

Each option can also be given in the environment: CROWDLEDGER_STATE, _RPC_URL, _HOST, _PORT, _DOMAINS,
_ORIGIN, _ARBITER, _TOKENS, _BOND, _FEE_BPS, _CONFIRMATIONS, _WITNESS_POLICY,
_COSIGN_SECONDS, _POLL_SECONDS, _WORKERS.
"""


def parser() -> argparse.ArgumentParser:
    """The command's arguments; those that were not given are None."""
    made = arguments.parser("serve", DESCRIPTION, EXAMPLES)
    arguments.add_state(made)
    made.add_argument("--host", metavar="ADDRESS", help="where to listen (default: 127.0.0.1)")
    made.add_argument(
        "--port", type=int, metavar="N", help="where to listen; 0 takes a free one (default: 8420)"
    )
    made.add_argument(
        "--rpc", dest="rpc_url", metavar="URL", help="a node of the chain (default: a local chain)"
    )
    made.add_argument(
        "--domain",
        dest="domains",
        action="append",
        metavar="NAME",
        help="a name under which people reach the API",
    )
    made.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes that answer requests (default: 1); each takes up to 20 connections to the database",
    )
    _add_log(made)
    _add_money(made)
    _add_pace(made)
    return made


def _add_log(made: argparse.ArgumentParser) -> None:
    """What the log is called, and who cosigns it."""
    made.add_argument("--origin", metavar="NAME", help="the log's name in its checkpoints")
    made.add_argument(
        "--witness-policy",
        type=Path,
        metavar="FILE",
        help="who is to cosign the log's heads, and the quorum that readers are to see (C2SP tlog-policy)",
    )
    made.add_argument(
        "--cosign-seconds",
        type=int,
        metavar="N",
        help="how old a witness's line gets in an idle log before it is asked again (default: 300)",
    )


def _add_pace(made: argparse.ArgumentParser) -> None:
    """How much of the machine, and of the chain's node, the service takes."""
    made.add_argument(
        "--poll-seconds",
        type=int,
        metavar="N",
        help="between two looks at the chain while nothing happens (default: half a second); where a block "
        "comes every 12 seconds, 5 spares the node and the readers",
    )


def _add_money(made: argparse.ArgumentParser) -> None:
    """What campaigns may pay in, what it costs, and when it is final."""
    made.add_argument("--arbiter", metavar="ADDRESS", help="who rules on disputes, in all campaigns")
    made.add_argument(
        "--token",
        dest="tokens",
        action="append",
        metavar="ADDRESS",
        help="an ERC-20 that campaigns may pay in; may be given several times",
    )
    made.add_argument("--bond", type=int, metavar="N", help="what a failed dispute costs, token minor units")
    made.add_argument(
        "--fee-bps", type=int, metavar="N", help="our fee, in 1/10,000 of what is paid (default: 0)"
    )
    made.add_argument(
        "--confirmations",
        type=int,
        metavar="N",
        help="blocks until a block is final (default: the chain says)",
    )


def run(argv: Sequence[str]) -> int:
    """Serve; the exit status."""
    given = vars(parser().parse_args(argv))
    for name in ("domains", "tokens"):
        if given[name] is not None:
            given[name] = tuple(given[name])
    from ledger_service.config import read_options
    from scripts.cli import startup
    from scripts.cli.signals import ending_cleanly

    options = read_options(os.environ, given)
    with ending_cleanly(), startup.running(options) as settings:
        from api import serve

        return serve.run(settings, startup.compiled())
