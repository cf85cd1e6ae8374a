"""A log from before there was a default method is audited as it was when it was made.

`first_log` is what `Builder(items=9, workers=3).save(folder)` wrote while "dawid-skene" was the only method.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger_service.audit.auditor import audit
from ledger_service.audit.report import Status
from ledger_service.audit.source import DirSource, tile_widths
from ledger_service.entries import InferenceRun, decode
from ledger_service.log import tiles
from tests.audit.builder import Builder
from tests.audit.conftest import pins

FIRST_LOG = Path(__file__).parent / "first_log"


def test_a_log_of_the_first_method_still_passes_every_step() -> None:
    report = audit(DirSource(FIRST_LOG), pins=pins(Builder(items=9, workers=3)))
    passed = {step.name for step in report.steps if step.status is Status.PASSED}
    assert passed == {step.name for step in report.steps} - {"chain"}
    assert report.payouts_expected == report.payouts_logged > 0


@pytest.fixture(scope="module")
def again() -> Builder:
    return Builder(items=9, workers=3, method="dawid-skene")


def test_whoever_asks_for_the_first_method_gets_the_same_run_today(again: Builder) -> None:
    was = next(run for run in _runs(DirSource(FIRST_LOG)))
    now = next(entry.struct for entry in again.entries if isinstance(entry.struct, InferenceRun))
    assert (now.method, now.labels) == (was.method, was.labels)
    assert abs(now.iterations - was.iterations) <= 1
    assert abs(now.residual - was.residual) <= 1


def _runs(source: DirSource) -> list[InferenceRun]:
    (width,) = (width for _, width in tile_widths(103))
    structs = [decode(raw).struct for raw in tiles.parse_bundle(source.entries(0, width))]
    return [struct for struct in structs if isinstance(struct, InferenceRun)]
