"""Third parties' clients, on a real log over HTTP, where they are installed: python -m scripts.interop."""

from __future__ import annotations

import pytest

from scripts.interop import clients
from scripts.interop.rows import Row, run


@pytest.fixture(scope="module")
def rows() -> dict[str, Row]:
    missing = clients.missing()
    if missing:
        pytest.skip(missing)
    return {f"{row.client}: {row.api}": row for row in run()}


def test_every_client_accepts_the_log_and_refuses_it_tampered_with(rows: dict[str, Row]) -> None:
    assert {name: row.wrong for name, row in rows.items() if row.wrong} == {}
    for name, row in rows.items():
        assert row.accepted, name
        assert row.refused, name


def test_a_client_that_knows_the_whole_format_reads_the_log_over_http(rows: dict[str, Row]) -> None:
    (row,) = [row for row in rows.values() if row.client == "aics-tlog"]
    assert "reading the log" in row.accepted
    refused = {name: why for name, why in row.refused.items() if name.startswith("reading ")}
    assert len(refused) == 6
    assert "reading our mirror's folder" in row.accepted
    assert "history was rewritten" in refused["reading after a head of another history"]


def test_their_witness_cosigns_our_log_and_their_client_asks_our_witness(rows: dict[str, Row]) -> None:
    asking, serving = [row for row in rows.values() if row.client == "aics-witness"]
    assert len(asking.accepted) == len(serving.accepted) == 3
    assert len(asking.refused) == 6
    assert sorted(serving.refused.values()) == ["400", "403", "404", "409", "409", "422", "422"]


def test_our_mirror_copies_a_log_that_others_wrote(rows: dict[str, Row]) -> None:
    (row,) = [row for row in rows.values() if row.client == "crowdledger mirror"]
    assert len(row.accepted) == 3
    assert "does not extend" in row.refused["another history of it"]
