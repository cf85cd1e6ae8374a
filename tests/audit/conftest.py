"""Fixtures of the audit's tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ledger_service.audit.auditor import Pins, audit
from ledger_service.audit.report import AuditReport
from ledger_service.audit.source import DirSource
from tests.audit.builder import ESCROW, LOG_ADDRESS, Builder, Change
from tests.chains import made, node_url, world

__all__ = ["made", "node_url", "world"]
Audited = Callable[..., AuditReport]


def pins(made: Builder) -> Pins:
    """What a reader who knows the log from elsewhere pins."""
    return Pins(str(made.log_key.verifier), LOG_ADDRESS, ESCROW)


@pytest.fixture
def audited(tmp_path: Path) -> Audited:
    """Builds a log with changes, saves it and audits what was saved."""

    def run(changes: dict[str, Change] | None = None, *, openings: bool = True) -> AuditReport:
        made = Builder(changes=changes or {})
        folder = made.save(tmp_path / "log", openings=openings)
        return audit(DirSource(folder), pins=pins(made))

    return run


@pytest.fixture(scope="session")
def honest() -> Builder:
    """A log in which nothing was tampered with."""
    return Builder()
