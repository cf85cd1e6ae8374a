"""What strangers can put into a look: long, slow, many, and what would move a terminal."""

from __future__ import annotations

import json
import time
from itertools import count

import pytest

from ledger_service import entries
from ledger_service.entries import ZERO32
from ledger_service.monitor import monitor as monitoring
from ledger_service.monitor.alarms import MOST_CHARACTERS, Alarm, Kind
from ledger_service.monitor.look import Limits, Me
from ledger_service.monitor.state import State
from scripts.cli import main
from tests.audit.builder import Builder, seeded, show
from tests.monitor.test_command import typed
from tests.monitor.world import Watched, write_log


def test_words_of_the_log_do_not_move_the_terminal(
    watched: Watched, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = b"\x1b[2J\nALARM 1 fork: made up\r\x07"
    watched.server.answers["/checkpoint"] = [(404, {}, evil)]
    assert main(typed(watched)) == 2
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\r" not in out
    assert "\nALARM" not in out
    watched.server.answers["/checkpoint"] = [(404, {}, evil)]
    assert main(typed(watched, "--json")) == 2
    for line in capsys.readouterr().out.splitlines():
        json.loads(line)


def test_half_a_surrogate_in_a_document_is_no_end(
    watched: Watched, capsys: pytest.CaptureFixture[str]
) -> None:
    made = watched.log
    path = watched.folder / "campaigns.json"
    path.write_bytes(path.read_bytes().replace(b"Which class is it?", b"Which \\ud800 is it?"))
    assert main(typed(watched, "--address", made.wallets[1].address)) == 1
    assert "ALARM" in capsys.readouterr().out


def test_a_long_document_does_not_make_a_long_alarm() -> None:
    found = Alarm(Kind.PAYOUT, "key", "x" * 10**6, 1, "", "y" * 10**6, "z").to_json()
    assert len(found["words"]) == len(found["expected"]) == MOST_CHARACTERS + 1


def test_openings_of_entries_that_are_not_the_campaign_s(watched: Watched, made: Builder) -> None:
    watched.wallet = made.requester
    path = watched.folder / "openings" / f"{show(made.campaign)}.ndjson"
    lines = path.read_bytes().splitlines()
    stray = json.loads(lines[0]) | {"index": 2}  # a grant: of no campaign, so it is not kept
    path.write_bytes(b"\n".join([json.dumps(stray).encode(), *lines]))
    look = watched.look()
    assert watched.alarms() == []
    assert any(
        "not compared: the whole replay (entry 2 is not of the campaign)" in one.words for one in look.changes
    )


def test_entries_that_trickle_in_become_a_silent_log(
    watched: Watched, made: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.limits = Limits(silence=100)
    monkeypatch.setattr(monitoring, "BATCH", 10)
    slow = count(watched.now, 61)  # each batch takes longer than the slowest that is waited for
    look = watched.look(clock=lambda: float(next(slow)))
    assert any("entries come too slowly" in words for words in look.unseen)
    read = _read(watched)
    assert 0 < read < len(made.entries)
    slow = count(watched.now + 1000, 61)
    watched.look(clock=lambda: float(next(slow)))
    assert "silent" in watched.kinds()
    assert _read(watched) > read  # what was read is not read again
    watched.now += 5000
    watched.look()
    assert watched.alarms() == []


def _read(watched: Watched) -> int:
    with State(watched.state) as state:
        return state.number("entries_read")


def test_payouts_by_runs_that_are_not_there(watched: Watched, made: Builder) -> None:
    me = made.wallets[1].address
    fakes = [
        entries.encode(entries.Payout(made.campaign, me, 1, ZERO32, seeded(f"run {n}"))).raw
        for n in range(300)
    ]
    write_log(watched.folder, [*(entry.raw for entry in made.entries), *fakes], made.log_key)
    watched.me = Me(frozenset({me}))
    began = time.monotonic()
    watched.look()
    assert set(watched.kinds()) == {"payout"}
    assert len(watched.alarms()) >= 300
    assert time.monotonic() - began < 30


def test_alarms_are_told_while_a_long_look_goes_on(
    watched: Watched, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from scripts.cli import monitor as command

    made = watched.log
    raws = [b"no entry", *(entry.raw for entry in made.entries)]
    write_log(watched.folder, raws, made.log_key)
    monkeypatch.setattr(monitoring, "BATCH", 10)
    monkeypatch.setattr(command, "TELL_SECONDS", -1)
    told: list[int] = []
    take = monitoring.Scanner.take

    def counting(scanner: monitoring.Scanner, index: int, raw: bytes) -> None:
        if index == 150:
            told.append(capsys.readouterr().out.count("ALARM"))
        take(scanner, index, raw)

    monkeypatch.setattr(monitoring.Scanner, "take", counting)
    assert main(typed(watched)) == 1
    assert told == [1]
