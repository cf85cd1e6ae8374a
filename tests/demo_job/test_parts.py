"""A crowd that no single payroll could hold: several campaigns of one specification, to the end."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from scripts.demo_job.job import Demo, Options
from tests.demo_job.bounded import MOST_WORKERS
from tests.demo_job.conftest import ROOT


def test_a_crowd_larger_than_a_payroll_is_paid_by_several(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = Options(
        data=None,
        items=18,
        labels_per_item=3,
        keep=False,
        json=True,
        state=place / "state",
        parts=3,
        seed="parts test",
    )
    monkeypatch.chdir(ROOT)
    demo = Demo(options, Console(stderr=True, quiet=True))
    demo.service.program = [sys.executable, "-m", "tests.demo_job.bounded"]
    try:
        summary = demo.run()
        campaigns = [one.campaign for one in demo._requester.campaigns]
        paid = [demo._auditor.verify(one, "payment", lambda _: None).facts for one in campaigns]
    finally:
        demo.end()
    assert summary.failed == []
    assert (summary.parts, summary.labels, summary.labels_verified) == (3, 54, 54)
    assert all(1 <= len(facts) <= MOST_WORKERS for facts in paid)
    everybody = Counter(fact["worker"] for facts in paid for fact in facts)
    assert len(everybody) > MOST_WORKERS
    assert summary.payments_verified == sum(everybody.values())
