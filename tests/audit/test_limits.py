"""How large a campaign may be: what the service takes can be audited, and what is larger harms no other."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from ledger_service import specification
from ledger_service.audit import source
from ledger_service.audit.auditor import audit
from ledger_service.audit.source import DirSource
from tests.audit.builder import Builder, show
from tests.audit.conftest import pins

PPM = 1_000_000


def test_a_campaign_that_is_too_large_is_not_checked_and_the_others_are(
    honest: Builder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = Builder(place=replace(honest.place, now=honest.place.now + 1), earlier=honest)
    folder = both.save(tmp_path)
    monkeypatch.setattr(source, "MAX_LINE_BYTES", 40_000)
    large = folder / "openings" / f"{show(honest.campaign)}.ndjson"
    large.write_bytes(b" " * 40_001 + large.read_bytes())
    report = audit(DirSource(folder), pins=pins(both))
    first, second = report.campaigns
    assert first.payouts_expected is None
    assert second.payouts_expected == sum(both.owed.values())
    assert "too large" in report.steps[4].detail


def _longest_row(classes: int) -> int:
    """Digits of the longest row of this many parts of a million, each at least 1."""
    rest, digits, ones = PPM - classes, classes, classes
    for more in (9, 90, 900, 9_000, 90_000):
        ones = min(ones, rest // more)
        rest, digits = rest - ones * more, digits + ones
    return digits


@pytest.mark.parametrize("classes", range(2, 201))
def test_the_largest_campaign_of_any_schema_can_be_audited(classes: int) -> None:
    workers = min(specification.MAX_WORKERS, specification.MAX_PARAMETERS["dawid-skene"] // classes**2)
    row = _longest_row(classes) + classes + len("[],")
    line = 2_000 + workers * (len('"":[],') + 42 + classes * row) + row
    assert line <= source.MAX_LINE_BYTES
    assert line <= source.MAX_JSON_BYTES


def _most_digits(numbers: int, total: int) -> int:
    """An upper bound of the digits of so many numbers of this sum: the logarithm is concave."""
    return math.floor(numbers * (1 + math.log10(1 + total / numbers)))


@pytest.mark.parametrize("classes", range(2, 201))
def test_so_can_the_largest_of_the_default_method(classes: int) -> None:
    workers = min(specification.MAX_WORKERS, specification.MAX_PARAMETERS["latent-class-mean"] // classes**2)
    # A worker answers an item once, and an item has at most a thousand labels.
    answered = min(specification.MAX_ITEMS, specification.MAX_ITEMS * 1_000 // workers) * PPM
    line = 2_000
    for states in (classes, 2 * classes):
        numbers = states * classes
        names = len('"":{},') + 42 + classes * len('"199":[],')
        line += workers * (_most_digits(numbers, answered) + numbers + names)
        line += states * (len(str(specification.MAX_ITEMS * PPM)) + 1)
    assert line <= source.MAX_LINE_BYTES


def test_the_longest_row_is_as_long_as_is_said() -> None:
    for classes in (2, 3):
        rows = [
            len(str(a)) + len(str(b)) + (len(str(PPM - a - b)) if classes == 3 else 0)
            for a in range(1, PPM - 1, 1 if classes == 2 else 7_919)
            for b in ([PPM - a] if classes == 2 else range(1, PPM - a, 7_919))
        ]
        assert max(rows) == _longest_row(classes)
