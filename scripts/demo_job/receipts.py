"""The workers' receipts as files, and what the auditor's copy of the log says of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ledger_service.audit.source import DirSource
from ledger_service.log.checkpoint import VerifierKey
from ledger_service.log.follow import Follower
from ledger_service.receipts.checking import Checker, State, Terms
from ledger_service.receipts.identity import Operators
from ledger_service.receipts.reading import read_receipts
from scripts.demo_job.info import Info
from scripts.demo_job.summary import Summary
from scripts.demo_job.worker import Worker


def save_receipts(workers: Sequence[Worker], folder: Path) -> None:
    """One file for each worker that has any, a receipt a line, as `crowdledger receipt check` reads them."""
    folder.mkdir(exist_ok=True)
    for worker in workers:
        lines = [json.dumps(kept.given) + "\n" for kept in worker.receipts]
        if lines:
            (folder / f"{worker.address}.ndjson").write_text("".join(lines))


def check_saved(summary: Summary, folder: Path, copy: DirSource, info: Info) -> None:
    """Every saved receipt was kept: its leaf is where it says, by a proof from the copy of the log alone."""
    key = VerifierKey.parse(info.log_key)
    terms = Terms(info.domain, Operators(pinned=info.operator), now=0, live=False)
    checker = Checker(Follower(copy, key), key, terms)
    found = [checker.check(saved) for path in sorted(folder.iterdir()) for saved in read_receipts(path)]
    missed = [finding.reason for finding in found if finding.state is not State.KEPT]
    summary.check("every saved receipt was kept, by proof", not missed, missed[:3])
    summary.check_equal("there is a saved receipt for every label", len(found), summary.labels)
