"""The folder: whole pieces, one monitor at a time, alarms until they were told."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from ledger_service.errors import BadInput, Conflict
from ledger_service.monitor.alarms import Alarm, Kind
from ledger_service.monitor.state import State

NOW = 1_800_000_000


def alarm(key: str, kind: Kind = Kind.ENTRY) -> Alarm:
    return Alarm(kind, key, f"alarm {key}")


def test_an_alarm_is_raised_once_and_kept_until_it_was_told(tmp_path: Path) -> None:
    with State(tmp_path) as state, state.transaction():
        assert state.raised(alarm("a"), NOW)
        assert not state.raised(alarm("a"), NOW + 1)
    with State(tmp_path) as state:
        (kept,) = state.untold()
        assert kept.alarm["words"] == "alarm a"
        with state.transaction():
            state.told(kept.number)
        assert state.untold() == []
        assert len(state.open()) == 1


def test_what_stands_can_end_and_come_again(tmp_path: Path) -> None:
    with State(tmp_path) as state, state.transaction():
        assert state.raised(alarm("a"), NOW, standing=True)
        assert not state.raised(alarm("a"), NOW, standing=True)
        assert state.clear("a") is not None
        assert state.clear("a") is None
        assert state.open() == []
        assert state.raised(alarm("a"), NOW, standing=True)
        assert len(state.untold()) == 2


def test_only_what_was_told_and_is_over_can_be_acknowledged(tmp_path: Path) -> None:
    with State(tmp_path) as state, state.transaction():
        for key in ("a", "b"):
            state.raised(alarm(key), NOW)
        state.raised(alarm("c"), NOW, standing=True)
        state.told(state.untold()[0].number)
        state.told(3)
        assert state.acknowledge() == 1
        assert [kept.alarm["words"] for kept in state.open()] == ["alarm b", "alarm c"]


def test_a_block_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with State(tmp_path) as state:
        with pytest.raises(KeyError):
            _raise_and_fail(state)
        assert state.untold() == []


def _raise_and_fail(state: State) -> None:
    with state.transaction():
        state.raised(alarm("a"), NOW)
        raise KeyError


def test_two_monitors_do_not_share_a_folder(tmp_path: Path) -> None:
    with State(tmp_path), pytest.raises(Conflict, match="another monitor"), State(tmp_path):
        pass
    with State(tmp_path) as state:
        assert state.untold() == []


def test_how_long_something_lasts_is_known_across_restarts(tmp_path: Path) -> None:
    with State(tmp_path) as state, state.transaction():
        assert state.since("silent", NOW) == NOW
    with State(tmp_path) as state, state.transaction():
        assert state.since("silent", NOW + 9) == NOW
        state.over("silent")
        assert state.since("silent", NOW + 9) == NOW + 9


def test_another_version_and_another_file_are_refused(tmp_path: Path) -> None:
    sql = sqlite3.connect(tmp_path / "monitor.db")
    sql.execute("PRAGMA user_version = 9")
    sql.close()
    with pytest.raises(BadInput, match="version 9"), State(tmp_path):
        pass
    (tmp_path / "monitor.db").write_bytes(b"no database at all, of any kind" * 40)
    with pytest.raises(BadInput, match="cannot be used"), State(tmp_path):
        pass
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot use the folder"), State(tmp_path / "file"):
        pass


def test_evidence_is_kept_once_under_its_digest(tmp_path: Path) -> None:
    with State(tmp_path) as state:
        name = state.evidence("note", "text\n")
        assert state.evidence("note", "text\n") == name
        assert state.evidence("note", "other\n") != name
        assert (tmp_path / name).read_text() == "text\n"
