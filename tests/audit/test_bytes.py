"""One changed byte anywhere in what a log consists of, or in what opens it, is never passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger_service.audit.auditor import audit
from ledger_service.audit.source import DirSource
from ledger_service.errors import BadInput
from tests.audit.builder import Builder
from tests.audit.conftest import pins

TRIES = 90


@pytest.mark.parametrize("bit", [0x01, 0x20])
@pytest.mark.parametrize("part", ["checkpoint", "tile", "openings"])
def test_a_changed_byte_is_refused(part: str, bit: int, honest: Builder, tmp_path: Path) -> None:
    folder = honest.save(tmp_path)
    path = next(
        path for path in folder.rglob("*") if path.is_file() and part in path.as_posix()[len(str(folder)) :]
    )
    good = path.read_bytes()
    # A stride that is prime to the sizes of entries and lines meets every kind of place.
    stride = len(good) // TRIES | 1
    for position in range(0, len(good), stride):
        path.write_bytes(good[:position] + bytes([good[position] ^ bit]) + good[position + 1 :])
        try:
            held = not audit(DirSource(folder), pins=pins(honest)).failed
        except BadInput:
            held = False
        assert not held, (position, good[max(0, position - 30) : position + 10])
