from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from scripts.benches.report import Row
from scripts.benches.truth import answers

ALONE = argparse.Namespace(no_peers=True)


@pytest.fixture(autouse=True)
def _one_crowd_of_each_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "SEEDS", (11,))


def of_kind(rows: list[Row], kind: str) -> list[Row]:
    return [row for row in rows if row.what.startswith(kind)]


def test_every_kind_of_answer_is_measured_beside_a_naive_one_and_beats_it() -> None:
    rows = answers.rows(ALONE, lambda text: None)
    for kind in ("comparisons", "label sets", "spans", "free texts"):
        found = of_kind(rows, kind)
        assert found
        assert all(row.peer and row.peer.name == "naive" and row.met for row in found)
        assert all(row.ours is not None and 0 < row.ours < 30 for row in found)


def test_where_the_numbers_are_absent_that_is_said_and_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CROWDLEDGER_SHARED", str(tmp_path))
    said: list[str] = []
    assert not of_kind(answers.rows(ALONE, said.append), "numbers")
    assert any("n_emotion is not at" in text for text in said)
