"""`crowdledger audit`: everything in a log, checked and computed again."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.cli import arguments
from scripts.cli.progress import progress_bar

if TYPE_CHECKING:
    from ledger_service.audit.progress import Progress
    from ledger_service.audit.report import AuditReport
    from ledger_service.audit.source import LogSource

DESCRIPTION = """\
Audit a whole log as a stranger: read every entry, rebuild the tree and compare it with the signed head,
check every signature, compute truth, reputation and payments again from the entries, and compare with what
the chain has anchored and paid. Prints a report.

Answers are shown to their campaign's requester and auditors only: --key logs in as one, and the audit then
opens the commitments as well. Without it nothing can be computed again. The report's last line says what was
not checked; with --strict that counts as a failure.
"""
EXAMPLES = """\
  crowdledger audit --log http://127.0.0.1:8420 --rpc http://127.0.0.1:8545
  crowdledger audit --log downloaded-log/ --rpc https://rpc.example.org --json
  crowdledger audit --log https://ledger.example.org --rpc https://rpc.example.org --key auditor.key

  crowdledger audit --log https://ledger.example.org --key auditor.key --save copy/

Exit status: 0 what was checked holds; 1 something does not, and it is named (with --strict also: some step
was not checked); 2 it could not be read.
"""


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    made = arguments.parser("audit", DESCRIPTION, EXAMPLES)
    made.add_argument(
        "--log", required=True, metavar="URL_OR_DIR", help="the service, or a folder with its tiles"
    )
    made.add_argument("--rpc", metavar="URL", help="a node of the chain that the log is anchored on")
    made.add_argument("--key", type=Path, metavar="FILE", help="32 bytes of hex: log in as this account")
    made.add_argument("--log-key", metavar="VKEY", help="the log's C2SP verifier key, to accept no other log")
    made.add_argument(
        "--log-address", metavar="ADDRESS", help="the ProvenanceLog contract, to accept no other"
    )
    made.add_argument("--escrow", metavar="ADDRESS", help="the CampaignEscrow contract, to accept no other")
    made.add_argument(
        "--save",
        type=Path,
        metavar="DIR",
        help="save log, openings and bundles there first, and audit that copy",
    )
    made.add_argument(
        "--from-block",
        type=arguments.natural,
        default=0,
        metavar="N",
        help="the block the contracts were deployed in, or less",
    )
    made.add_argument(
        "--depth", type=int, metavar="N", help="take blocks this deep as final (default: ask the node)"
    )
    made.add_argument(
        "--strict",
        action="store_true",
        help="exit with 1 also when a step was not checked, for want of anything",
    )
    made.add_argument("--json", action="store_true", help="print the report as one JSON object, nothing else")
    return made


def run(argv: Sequence[str]) -> int:
    """Audit; the exit status."""
    given = parser().parse_args(argv)
    from ledger_service.audit.report import render

    with ExitStack() as stack:
        progress = stack.enter_context(progress_bar())
        report = _audit(given, stack, progress)
    if given.json:
        sys.stdout.write(json.dumps(report.to_json(), ensure_ascii=False) + "\n")
    else:
        sys.stdout.writelines(line + "\n" for line in render(report))
    return 1 if report.failed or (given.strict and not report.complete) else 0


def _audit(given: argparse.Namespace, stack: ExitStack, progress: Progress) -> AuditReport:
    from ledger_service.audit.auditor import Pins, audit

    source = _source(given, stack, progress)
    pins = Pins(given.log_key, given.log_address, given.escrow)
    if given.rpc is None:
        return audit(source, pins=pins, progress=progress)
    from ledger_service.audit.chain_reading import ChainReader
    from ledger_service.chain.client import ChainClient

    client = ChainClient.connect(given.rpc, finality_depth=given.depth, timeout=60.0)
    stack.callback(client.close)
    return audit(source, pins=pins, chain=ChainReader(client, given.from_block, progress), progress=progress)


def _source(given: argparse.Namespace, stack: ExitStack, progress: Progress) -> LogSource:
    from ledger_service.audit.http import HttpSource
    from ledger_service.audit.login import read_key
    from ledger_service.audit.source import DirSource

    if given.log.startswith(("http://", "https://")):
        wallet = read_key(given.key) if given.key else None
        source = stack.enter_context(HttpSource(given.log, wallet))
        if given.save is None:
            return source
        from ledger_service.log.checkpoint import VerifierKey
        from ledger_service.mirror.mirroring import mirror

        key = VerifierKey.parse(given.log_key) if given.log_key else None
        mirror(source, given.save, key=key, progress=progress)
        return DirSource(given.save)
    return DirSource(Path(given.log))
