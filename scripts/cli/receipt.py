"""`crowdledger receipt`: what became of the operator's promises."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ledger_service.errors import BadInput
from scripts.cli import arguments, log_arguments

if TYPE_CHECKING:
    from ledger_service.audit.source import LogSource
    from ledger_service.receipts.checking import Finding
    from ledger_service.receipts.identity import Identity
    from ledger_service.receipts.reading import SavedReceipt

DESCRIPTION = """\
A receipt is the operator's signed promise that your label is entry so-and-so of the log by a deadline.

  check     say whether it was kept: the label is there, with its proof checked; is pending: the log is not so
            long yet, and the deadline has not come; or was broken: another entry stands there, or the log is
            too short and the deadline has come. Of a copy of a log, only the first can be said for certain,
            and that another entry stands there. With --save the evidence of broken ones is kept.
  exchange  fetch the bundle that proves the label, and save it if it is of the promised entry and holds.

Receipts are read as the service gives them, the answer of POST /v1/labels or GET /v1/labels/{leaf}/receipt:
several in a file, a line each or as a list.
"""
EXAMPLES = """\
  crowdledger receipt check receipts.json --log https://ledger.example.org
  crowdledger receipt check receipts/*.json --log copy/ --operator 0x… --json
  crowdledger receipt check receipts.json --log https://ledger.example.org --rpc https://rpc.example.org
  crowdledger receipt exchange receipt.json --log https://ledger.example.org --key wallet.key -o bundle.json
"""
CHECK_STATUS = """\
Exit status: 0 all were kept; 1 one was broken; 2 of one it cannot be said (no answer, no proof, not the
operator's signature), and none was broken; 3 one is pending, and the others were kept.
"""
EXCHANGE_STATUS = """\
Exit status: 0 saved; 1 the bundle does not hold, or is of another entry; 2 it cannot be had. With --json a
failure is one object, too: its `ok` is false for status 1 and null for status 2.
"""
PENDING = 3


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    statuses = f"\ncheck: {CHECK_STATUS}exchange: {EXCHANGE_STATUS}"
    made = arguments.parser("receipt", DESCRIPTION, EXAMPLES + statuses)
    actions = made.add_subparsers(dest="action", required=True, metavar="check|exchange")
    shown: dict[str, Any] = {"formatter_class": argparse.RawDescriptionHelpFormatter, "allow_abbrev": False}
    check = actions.add_parser("check", help="say whether receipts were kept", epilog=CHECK_STATUS, **shown)
    check.add_argument("receipt", nargs="+", type=Path, metavar="RECEIPT", help="a file with receipts")
    check.add_argument("--log", required=True, metavar="URL_OR_DIR", help="the service, or a mirror of it")
    check.add_argument("--rpc", metavar="URL", help="a node: its newest block says what time it is")
    check.add_argument("--save", type=Path, metavar="DIR", help="keep the evidence of broken receipts there")
    check.add_argument("--json", action="store_true", help="one JSON object per receipt on standard output")
    what = "fetch the bundle that proves a receipt's label"
    exchange = actions.add_parser("exchange", help=what, epilog=EXCHANGE_STATUS, **shown)
    exchange.add_argument("receipt", type=Path, metavar="RECEIPT", help="a file with one receipt or several")
    exchange.add_argument("--log", required=True, metavar="URL", help="the service")
    exchange.add_argument(
        "--key", required=True, type=Path, metavar="FILE", help="32 bytes of hex: log in as this account"
    )
    exchange.add_argument("-o", "--output", required=True, type=Path, metavar="FILE", help="where to save it")
    exchange.add_argument("--json", action="store_true", help="print the outcome as one JSON object")
    for action in (check, exchange):
        _add_identity(action)
    return made


def _add_identity(to: argparse.ArgumentParser) -> None:
    """What is known from elsewhere than the log."""
    log_arguments.add_trust(to)
    to.add_argument("--operator", type=arguments.address, metavar="ADDRESS", help="who has to have signed")
    to.add_argument(
        "--log-address", type=arguments.address, metavar="ADDRESS", help="the ProvenanceLog contract"
    )
    to.add_argument("--chain-id", type=arguments.natural, metavar="N", help="the chain that it is on")


def run(argv: Sequence[str]) -> int:
    """Check or exchange; the exit status."""
    given = parser().parse_args(argv)
    with ExitStack() as stack:
        return _check(given, stack) if given.action == "check" else _exchange(given, stack)


def _check(given: argparse.Namespace, stack: ExitStack) -> int:
    from ledger_service.receipts.checking import State, worst
    from ledger_service.receipts.reading import read_receipts

    saved = [receipt for path in given.receipt for receipt in read_receipts(path)]
    findings = _findings(given, saved, stack)
    for finding in findings:
        kept = _save(finding, given.save) if given.save else None
        sys.stdout.write(_json(finding, kept) if given.json else _words(finding, kept))
    status = {State.KEPT: 0, State.BROKEN: 1, State.UNKNOWN: 2, State.PENDING: PENDING}
    return status[worst(findings)]


def _findings(given: argparse.Namespace, saved: list[SavedReceipt], stack: ExitStack) -> list[Finding]:
    from ledger_service.audit.http import HttpSource
    from ledger_service.errors import Unavailable
    from ledger_service.log.follow import Follower
    from ledger_service.receipts.checking import Checker, Finding, State, Terms

    source = log_arguments.open_source(given.log, None, stack)
    try:
        known = _identity(given, source, saved)
        live = isinstance(source, HttpSource) and source.is_live()
    except Unavailable as error:
        return [Finding(receipt, State.UNKNOWN, f"the log does not answer: {error}") for receipt in saved]
    terms = Terms(known.domain, known.operators, _now(given.rpc), live)
    checker = Checker(Follower(source, known.key, log_arguments.policy(given)), known.key, terms)
    return [checker.check(receipt) for receipt in saved]


def _identity(given: argparse.Namespace, source: LogSource, saved: list[SavedReceipt]) -> Identity:
    from ledger_service.mirror.mirroring import pinned_key
    from ledger_service.receipts.identity import Pins, identify

    key = log_arguments.log_key(given) or pinned_key(Path(given.log))
    known = identify(source, Pins(key, given.operator, given.log_address, given.chain_id), saved)
    if known.taken:
        words = f"note: taken from the log itself, not from you: {', '.join(known.taken)}"
        sys.stderr.write(words + "\n")
    return known


def _now(rpc: str | None) -> int:
    """Seconds since 1970: what the escrow would go by, where a node is named."""
    from ledger_service.verify.endpoint import Endpoint, quantity

    if rpc is None:
        return int(time.time())
    block = Endpoint(rpc).ask("eth_getBlockByNumber", "latest", False)
    return quantity(block.get("timestamp") if isinstance(block, dict) else None, "time of its newest block")


def _save(finding: Finding, folder: Path) -> Path | None:
    """Keep the evidence of a broken receipt; where it is now."""
    from ledger_service.commitments import canonical
    from ledger_service.mirror.folder import Folder

    if finding.evidence is None:
        return None
    name = f"broken-{finding.saved.signed.receipt.leaf.hex()[:16]}.json"
    Folder(folder).write(name, [canonical(finding.evidence) + b"\n"])
    return folder / name


def _json(finding: Finding, kept: Path | None) -> str:
    return json.dumps(finding.to_json() | ({"evidence": str(kept)} if kept else {})) + "\n"


def _words(finding: Finding, kept: Path | None) -> str:
    receipt = finding.saved.signed.receipt
    where = f"; the evidence is in {kept}" if kept else ""
    return f"{finding.state:<10} 0x{receipt.leaf.hex()[:16]}… at {receipt.index}: {finding.reason}{where}\n"


def _exchange(given: argparse.Namespace, stack: ExitStack) -> int:
    from scripts.cli.chain_arguments import answer

    return answer(given, lambda _: _exchanged(given, stack))


def _exchanged(given: argparse.Namespace, stack: ExitStack) -> tuple[dict[str, Any], list[str]]:
    """Exchange and save; what was done, for programs and for people."""
    from ledger_service.audit.http import HttpSource
    from ledger_service.mirror.folder import PRIVATE, Folder
    from ledger_service.receipts.exchange import exchange
    from ledger_service.receipts.reading import read_receipts

    source = log_arguments.open_source(given.log, given.key, stack)
    if not isinstance(source, HttpSource):
        raise BadInput("receipts are exchanged by the service: --log is its URL")
    saved, policy = read_receipts(given.receipt), log_arguments.policy(given)
    known = _identity(given, source, saved)
    bundles = [exchange(receipt, source, known.key, known.domain, policy) for receipt in saved]
    Folder(given.output.parent).write(given.output.name, [line + b"\n" for line in bundles], PRIVATE)
    proved = [
        {"leaf": f"0x{one.leaf.hex()}", "index": one.index}
        for one in (receipt.signed.receipt for receipt in saved)
    ]
    words = f"{given.output}: {len(bundles)} proved"
    return {"output": str(given.output), "proved": proved}, [words]
