"""`crowdledger monitor` as it is typed: lines, exit status, signals, and kill -9 at every commit and line."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from ledger_service.monitor import monitor as monitoring
from ledger_service.monitor import state as states
from scripts.cli import main
from scripts.cli import monitor as command
from tests.audit.builder import Builder
from tests.conftest import EVERY_FAULT
from tests.monitor.receiver import Receiver
from tests.monitor.test_entries import STRANGER
from tests.monitor.world import Watched

# One in seven: before and after differ, and no kind of event comes every seventh time.
SOME = 7


def typed(watched: Watched, *more: str, once: bool = True) -> list[str]:
    given = ["monitor", watched.server.url, "--rpc", watched.node_url, "--depth", "0"]
    given += ["--state", str(watched.state), "--from-block", str(watched.world.first)]
    return [*given, *(["--once"] if once else []), *more]


def me(watched: Watched) -> str:
    return watched.log.wallets[1].address


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def bad(watched: Watched) -> Builder:
    """A log that does its worker wrong in two ways, and is not the one that was anchored."""
    changes: dict[str, Any] = {
        "signer of label": lambda signer, n: STRANGER if n == 1 else signer,
        "settlement": lambda struct, _: replace(struct, total=struct.total + 1),
    }
    made = Builder(place=watched.log.place, changes=changes)
    watched.publish(made)
    return made


def test_nothing_is_wrong_is_status_0(watched: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(typed(watched, "--address", me(watched), "--json")) == 0
    captured = capsys.readouterr()
    said = lines(captured.out)
    assert captured.err == ""
    assert {line["event"] for line in said} >= {"anchored", "campaign", "grew", "mine", "payouts", "looked"}
    assert said[-1]["open"] == said[-1]["unseen"] == 0


def test_an_alarm_is_status_1_until_it_is_acknowledged(
    watched: Watched, capsys: pytest.CaptureFixture[str]
) -> None:
    made = bad(watched)
    assert main(typed(watched, "--address", made.wallets[1].address)) == 1
    out = capsys.readouterr().out
    assert "ALARM 1 not-mine: in the name of" in out
    assert str(watched.state / "evidence") in out
    assert main(typed(watched, "--address", made.wallets[1].address)) == 1
    again = capsys.readouterr().out
    assert "ALARM" not in again
    assert "open: 1 not-mine, 2 fork, 3 fork, 4 payout, 5 payout: --acknowledge" in again
    assert main(typed(watched, "--address", made.wallets[1].address, "--acknowledge")) == 0
    assert "5 alarms are closed" in capsys.readouterr().out


def test_what_cannot_be_looked_at_is_status_2(watched: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(typed(watched)) == 0
    watched.server.down = True
    assert main(typed(watched)) == 2
    assert "unseen: the log cannot be read" in capsys.readouterr().out
    watched.server.down = False
    watched.node_url = "http://127.0.0.1:9"
    assert main(typed(watched)) == 2
    assert "the chain cannot be read" in capsys.readouterr().out


def test_a_log_that_is_down_from_the_beginning_is_status_2(watched: Watched) -> None:
    watched.server.down = True
    assert main(typed(watched)) == 2


def test_a_folder_of_another_log_is_refused(watched: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(typed(watched)) == 0
    assert main(typed(watched, "--log-address", "0x" + "11" * 20)) == 2
    assert "choose another folder" in capsys.readouterr().err


def test_pins_are_used_instead_of_the_log_s_own_word(watched: Watched) -> None:
    made = watched.log
    (watched.folder / "info.json").unlink()
    pins = ["--log-key", str(made.log_key.verifier), "--log-address", watched.world.log]
    assert main(typed(watched, *pins)) == 0


def test_it_ends_in_order_when_it_is_asked_to(watched: Watched) -> None:
    for number, status in ((signal.SIGTERM, 0), (signal.SIGINT, 130)):
        given = [
            sys.executable,
            "-m",
            "scripts.cli",
            *typed(watched, "--json", "--interval", "1", once=False),
        ]
        process = subprocess.Popen(given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout is not None
        while '"looked"' not in process.stdout.readline():
            assert process.poll() is None
        time.sleep(0.2)
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
        assert (process.returncode, err) == (status, "")


class Killed:
    """Runs the command in a child that dies of SIGKILL at its n-th event: a transaction's begin or commit, a
    file that is moved or flushed, a line that is written or was, a post that is sent or was answered."""

    def __init__(self, arguments: list[str], output: Path) -> None:
        self.arguments, self.output = arguments, output

    def run(self, deadly: int | None) -> int:
        """The child's status as `os.waitpid` gives it."""
        child = os.fork()
        if child:
            return os.waitpid(child, 0)[1]
        status = 70
        try:
            with self.output.open("a") as file:
                os.dup2(file.fileno(), 1)
                sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 (the child ends with it)
                self._prepare(deadly)
                status = main(self.arguments)
                sys.stdout.flush()
        finally:
            os._exit(status)

    def _prepare(self, deadly: int | None) -> None:
        left = [deadly]

        def event() -> None:
            if left[0] is not None:
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        def around(call: Callable[..., Any]) -> Callable[..., Any]:
            def wrapped(*given: Any, **named: Any) -> Any:
                event()
                found = call(*given, **named)
                event()
                return found

            return wrapped

        opened = states._open

        def traced(path: Path) -> sqlite3.Connection:
            sql = opened(path)
            sql.set_trace_callback(lambda text: event() if text.split()[0] in ("BEGIN", "COMMIT") else None)
            return sql

        states._open = traced
        monitoring.BATCH = 100
        os.replace, os.fsync = around(os.replace), around(os.fsync)
        command.Voice.say = around(command.Voice.say)  # type: ignore[method-assign]
        httpx.Client.stream = around(httpx.Client.stream)  # type: ignore[method-assign]


def contents(folder: Path) -> dict[str, Any]:
    """What is remembered, apart from times and the numbers of alarms."""
    sql = sqlite3.connect(folder / "monitor.db")
    found = {
        "alarms": sorted(sql.execute("SELECT key, kind, alarm, standing, open, told, posted FROM alarms")),
        "kept": sorted(sql.execute("SELECT idx, campaign, leaf FROM kept")),
        "grants": sorted(sql.execute("SELECT idx, worker FROM grants")),
        "anchored": sorted(sql.execute("SELECT position, size, compared FROM anchored")),
        "due": sorted(sql.execute("SELECT * FROM due")),
        "meta": sorted(sql.execute("SELECT name, value FROM meta WHERE name != 'folder_id'")),
    }
    sql.close()
    return found


def test_kill_9_at_every_commit_and_output_loses_no_alarm(
    watched: Watched, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    made = bad(watched)
    every = 1 if pytestconfig.getoption(EVERY_FAULT) else SOME

    def killed(name: str, url: str) -> Killed:
        watched.state = tmp_path / name
        given = typed(watched, "--json", "--address", made.wallets[1].address, "--webhook", url)
        return Killed(given, tmp_path / f"{name}.out")

    with Receiver() as receiver:
        whole = killed("whole", receiver.url)
        assert os.WEXITSTATUS(whole.run(None)) == 1
        expected = contents(tmp_path / "whole")
        told = {line["words"] for line in lines(whole.output.read_text()) if line["event"] == "alarm"}
        assert len(told) == len(expected["alarms"]) >= 4
        deadly, ended = 0, False
        while not ended:
            receiver.received.clear()
            run = killed(f"at-{deadly}", receiver.url)
            status = run.run(deadly)
            ended = not os.WIFSIGNALED(status)
            assert ended or os.WTERMSIG(status) == signal.SIGKILL
            assert os.WEXITSTATUS(run.run(None)) == 1
            # A killed process leaves whole lines: each is one write.
            again = {line["words"] for line in lines(run.output.read_text()) if line["event"] == "alarm"}
            assert again == told, deadly
            assert {one.value["data"]["words"] for one in receiver.received} == told, deadly
            assert contents(tmp_path / f"at-{deadly}") == expected, deadly
            deadly += every
    assert deadly > 40
