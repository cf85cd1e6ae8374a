"""`crowdledger operator`: who may anchor in a log, and how it hands over to another key."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.cli import arguments

if TYPE_CHECKING:
    from ledger_service.chain.client import ChainClient
    from ledger_service.chain.contracts import ProvenanceLog
    from ledger_service.chain.rotation import Standing

DESCRIPTION = """\
Show who may anchor in a log (its operator), and change the operator's key. It takes two calls, seven days
apart, so that everybody can see it coming:

  propose ADDRESS   the present operator names the next one; the zero address takes that back
  accept            the next one takes over, with its own key; until then the present one anchors. It has
                    seven days for it: then the proposal lapses

Both leave everything as it is where there is nothing left to do. Campaigns keep the operator that is in
their terms: its key posts their payrolls. So rotate when they are finished, unless the key is lost or stolen.

With --key the transaction is sent from that account at once. Without it, it goes through the chain writer
of the service in the state directory, which must not run meanwhile: a service counts its own transactions,
so a transaction that it did not make stops it. Use --key for keys that no service has.
"""
EXAMPLES = """\
  crowdledger operator show --rpc https://rpc.example.org --log 0x…
  crowdledger operator propose 0x… --rpc https://rpc.example.org
  crowdledger operator accept --rpc https://rpc.example.org --log 0x… --key new-operator.key
  then put the new key in place of keys/operator.key in the state directory, and start the service again
"""
PATIENCE_SECONDS = 1800.0


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    made = arguments.parser("operator", DESCRIPTION, EXAMPLES)
    actions = made.add_subparsers(dest="action", required=True, metavar="show|propose|accept")
    for name, words in (
        ("show", "who is the operator, and who is to be the next"),
        ("propose", "name the next operator, with the present one's key"),
        ("accept", "take over, with the next operator's key"),
    ):
        action = actions.add_parser(
            name, help=words, description=words.capitalize() + ".", allow_abbrev=False
        )
        if name == "propose":
            action.add_argument(
                "successor", type=arguments.address, metavar="ADDRESS", help="the next operator; zero: nobody"
            )
        seen = name == "show"
        action.add_argument("--rpc", dest="rpc_url", required=seen, metavar="URL", help="a node of the chain")
        action.add_argument(
            "--log",
            type=arguments.address,
            required=seen,
            metavar="ADDRESS",
            help="the ProvenanceLog contract",
        )
        if not seen:
            action.add_argument(
                "--key", type=Path, metavar="FILE", help="32 bytes of hex: send from this account"
            )
            arguments.add_state(action)
        action.add_argument("--json", action="store_true", help="print one JSON object, nothing else")
    return made


def run(argv: Sequence[str]) -> int:
    """Show, or change; the exit status."""
    given = parser().parse_args(argv)
    if given.action == "show":
        found, sent = _show(given), None
    elif given.key is not None:
        found, sent = _with_key(given)
    else:
        found, sent = _with_writer(given)
    _print(found, sent, as_json=given.json)
    return 0


def _show(given: argparse.Namespace) -> Standing:
    from ledger_service.chain.client import ChainClient
    from ledger_service.chain.rotation import standing

    client = ChainClient.connect(given.rpc_url)
    try:
        return standing(_log(given.log), client)
    finally:
        client.close()


def _with_key(given: argparse.Namespace) -> tuple[Standing, bytes | None]:
    """Send from the account of a key file."""
    from ledger_service.audit.login import read_key
    from ledger_service.chain.client import ChainClient
    from ledger_service.chain.rotation import standing
    from ledger_service.claims.transact import Sender
    from ledger_service.errors import BadInput

    if given.rpc_url is None or given.log is None:
        raise BadInput("with --key, name the chain and the log: --rpc and --log")
    wallet, log = read_key(given.key), _log(given.log)
    client = ChainClient.connect(given.rpc_url)
    try:
        call = _call(given, log, client, wallet.address)
        sent = Sender(client, wallet, log.address).send(call).receipt.transaction if call else None
        return standing(log, client), sent
    finally:
        client.close()


def _with_writer(given: argparse.Namespace) -> tuple[Standing, bytes | None]:
    """Send through the chain writer of the service in the state directory."""
    from ledger_service.chain.contracts import ProvenanceLog
    from ledger_service.chain.rotation import standing
    from ledger_service.config import read_options
    from ledger_service.errors import BadInput
    from scripts.cli import startup
    from scripts.cli.signals import ending_cleanly

    asked = read_options(os.environ, {"rpc_url": given.rpc_url, "state": given.state})
    with (
        ending_cleanly(),
        startup.services(asked) as (options, local),
        startup.desk(options, local) as desk,
    ):
        deployment = startup.contracts(options, local, desk, may_create=False)
        if given.log is not None and given.log != deployment.provenance_log:
            raise BadInput(f"the log of this service is {deployment.provenance_log}, not {given.log}")
        log = ProvenanceLog(desk.artifacts, deployment.provenance_log)
        call = _call(given, log, desk.client, desk.writer.lane.account)
        sent = (
            startup.write(desk, f"operator/{given.action}", log.address, call, PATIENCE_SECONDS)
            if call
            else None
        )
        return standing(log, desk.client), sent


def _call(given: argparse.Namespace, log: ProvenanceLog, client: ChainClient, account: str) -> bytes | None:
    """The calldata that is to be sent; None where there is nothing left to do."""
    from ledger_service.chain.rotation import standing

    now = standing(log, client)
    if given.action == "accept":
        return log.accept_operator() if now.check_accept(account) else None
    needed = now.check_propose(account, given.successor)
    return log.propose_operator(given.successor) if needed else None


def _log(address: str) -> ProvenanceLog:
    from ledger_service.chain.contracts import ProvenanceLog
    from scripts.cli import startup

    return ProvenanceLog(startup.compiled(), address)


def _print(found: Standing, sent: bytes | None, *, as_json: bool) -> None:
    from ledger_service.times import utc

    next_one = found.succession
    if as_json:
        value = {
            "log": found.log,
            "operator": found.operator,
            "next": None
            if next_one is None
            else {
                "operator": next_one.next,
                "from": next_one.since,
                "until": next_one.since + found.delay,
            },
            "transaction": None if sent is None else "0x" + sent.hex(),
            "now": found.now,
        }
        print(json.dumps(value))
        return
    print(f"log       {found.log}")
    print(f"operator  {found.operator}")
    if next_one is None:
        print("next      nobody is proposed")
    else:
        until = utc(next_one.since + found.delay)
        print(f"next      {next_one.next}, may accept from {utc(next_one.since)} on, until {until}")
    if sent is not None:
        print(f"sent      transaction 0x{sent.hex()}")
