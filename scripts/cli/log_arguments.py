"""What the commands that read a log have in common: which log it is, and whom to believe about it."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ledger_service.audit.source import LogSource
    from ledger_service.log.checkpoint import VerifierKey
    from ledger_service.log.policy import Policy


def add_trust(to: argparse.ArgumentParser) -> None:
    """`--log-key VKEY` and `--policy FILE`."""
    to.add_argument("--log-key", metavar="VKEY", help="the log's C2SP verifier key, to accept no other log")
    to.add_argument(
        "--policy",
        type=Path,
        metavar="FILE",
        help="a C2SP policy: which logs to accept, and which witnesses' cosignatures",
    )


def log_key(given: argparse.Namespace) -> VerifierKey | None:
    """What `--log-key` says. Raises BadInput."""
    from ledger_service.log.checkpoint import VerifierKey

    return VerifierKey.parse(given.log_key) if given.log_key else None


def policy(given: argparse.Namespace) -> Policy | None:
    """What is in the file of `--policy`. Raises BadInput."""
    from ledger_service.log.policy import read_policy

    return read_policy(given.policy) if given.policy else None


def open_source(log: str, key: Path | None, stack: ExitStack) -> LogSource:
    """A log at a URL, read as the account of a key file where there is one, or in a folder."""
    from ledger_service.audit.http import HttpSource
    from ledger_service.audit.login import read_key
    from ledger_service.audit.source import DirSource

    if log.startswith(("http://", "https://")):
        return stack.enter_context(HttpSource(log, read_key(key) if key else None))
    return DirSource(Path(log))
