"""The frame of the benches: what it lists, what it prints where, and its exit statuses."""

from __future__ import annotations

import json
import subprocess
import sys
from types import ModuleType

import pytest

from ledger_service.errors import Unavailable
from scripts import benches
from scripts.benches.report import Bar, Peer, Report, Row
from scripts.programs import Stop

MET = Row("quick", {"entries": 3}, 10, bar=Bar(10))
MISSED = Row("slow", {}, 11, bar=Bar(10))
BARE = Row("measured", {}, 1.23456)
FAR_BELOW = Row("cheap", {}, 2, peer=Peer("other", "call", 20.0), bar=Bar(10, "ratio"))
TOO_NEAR = Row("dear", {}, 2.1, peer=Peer("other", "call", 20.0), bar=Bar(10, "ratio"))
FAST = Row("quick", {}, 500, "entries/s", Peer("other", "bulk", 1_000.0), Bar(0.5, "ratio"))
SLOW = Row("slower", {}, 499, "entries/s", Peer("other", "bulk", 1_000.0), Bar(0.5, "ratio"))
ENOUGH = Row("enough", {}, 5_000, "bundles/s", bar=Bar(5_000, "floor"))
TOO_FEW = Row("few", {}, 4_999.9, "bundles/s", bar=Bar(5_000, "floor"))
NONE = Row("none", {}, None, "bundles/s", bar=Bar(5_000, "floor"))
ALONE = Row("cheap", {}, 2, bar=Bar(10, "ratio"))


def report(*rows: Row) -> Report:
    return Report("fake", {"entries": 3}, rows, {"python": "3"}, {"cores": 1}, 0.5)


def run_fake(monkeypatch: pytest.MonkeyPatch, outcome: Report | BaseException) -> int:
    """`scripts/bench fake --flag`, where the bench called fake ends in this way."""

    def run(arguments: list[str]) -> Report:
        assert arguments == ["--flag"]
        if isinstance(outcome, BaseException):
            raise outcome
        outcome.show()
        return outcome

    module = ModuleType("scripts.benches.fake")
    vars(module)["run"] = run
    monkeypatch.setitem(sys.modules, "scripts.benches.fake", module)
    monkeypatch.setitem(benches.BENCHES, "fake", "for a test")
    return benches.main(["fake", "--flag"])


@pytest.mark.parametrize(
    ("row", "met"),
    [
        (MET, True),
        (MISSED, False),
        (BARE, None),
        (FAR_BELOW, True),
        (TOO_NEAR, False),
        (ALONE, None),
        (FAST, True),
        (SLOW, False),
        (ENOUGH, True),
        (TOO_FEW, False),
        (NONE, None),
    ],
)
def test_a_row_is_held_to_its_bar(row: Row, met: bool | None) -> None:
    assert row.met is met


@pytest.mark.parametrize(
    ("row", "ratio"), [(FAR_BELOW, 10), (FAST, 0.5), (Row("peer's", {}, 5, "x/s", Peer("o", "p", 0)), None)]
)
def test_the_ratio_says_how_many_times_better_ours_is(row: Row, ratio: float | None) -> None:
    assert row.ratio == ratio


@pytest.mark.parametrize(
    ("bar", "words"),
    [(Bar(65_000), "≤ 65,000"), (Bar(5_000, "floor"), "≥ 5,000"), (Bar(0.35, "ratio"), "≥ 0.35 x")],
)
def test_a_bar_is_told_in_words(bar: Bar, words: str) -> None:
    assert bar.words == words


@pytest.mark.parametrize(
    ("rows", "status", "met"),
    [
        ((MET, BARE, FAR_BELOW), 0, True),
        ((MET, MISSED), 1, False),
        ((TOO_NEAR,), 1, False),
        ((BARE, ALONE), 0, None),
    ],
)
def test_the_status_tells_whether_a_bar_is_missed(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    rows: tuple[Row, ...],
    status: int,
    met: bool | None,
) -> None:
    assert run_fake(monkeypatch, report(*rows)) == status
    out, err = capsys.readouterr()
    found = json.loads(out)  # one object and nothing else: the table is on standard error
    assert found["met"] is met
    assert [row["what"] for row in found["rows"]] == [row.what for row in rows]
    assert all(row.what in err for row in rows)


def test_a_report_has_everything_that_explains_its_figures() -> None:
    found = report(MISSED, FAR_BELOW, BARE).to_json()
    assert found["missed"] == ["slow: ≤ 10"]
    assert (found["bench"], found["versions"], found["machine"]) == ("fake", {"python": "3"}, {"cores": 1})
    assert found["rows"][1]["ratio"] == 10
    assert found["rows"][1]["peer"] == {"name": "other", "what": "call", "figure": 20.0}
    assert found["rows"][2]["ours"] == 1.235


@pytest.mark.parametrize("reason", [Stop("no network"), Unavailable("no chain")])
def test_surroundings_that_do_not_allow_it_are_no_missed_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], reason: Exception
) -> None:
    assert run_fake(monkeypatch, reason) == 2
    assert capsys.readouterr() == ("", f"scripts/bench: {reason}\n")


def test_an_interrupted_bench_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_fake(monkeypatch, KeyboardInterrupt()) == 130
    assert capsys.readouterr() == ("", "")


def test_the_bare_command_lists_every_bench(capsys: pytest.CaptureFixture[str]) -> None:
    assert benches.main([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert all(f"  {name:<9}{words}" in err for name, words in benches.BENCHES.items())


@pytest.mark.parametrize(
    "arguments",
    [
        ["nothing"],
        ["gas", "--entries", "999"],
        ["gas", "--entries", "many"],
        ["gas", "--workers", "3601"],
        ["gas", "--workers", "9"],
        ["gas", "--no-peer"],
        ["gas", "more"],
        ["log", "--entries", "1999"],
        ["log", "--entries", "many"],
        ["log", "--only", "append,nothing"],
        ["log", "--only", ""],
        ["log", "more"],
    ],
)
def test_arguments_that_mean_nothing_are_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        benches.main(arguments)
    assert end.value.code == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", list(benches.BENCHES))
def test_help_teaches_by_example_and_needs_nothing_installed(name: str) -> None:
    known = ", ".join(repr(module) for module in ("eth_abi", "psutil", "requests", "rich", "web3"))
    program = (
        f"import sys\nfor name in ({known}): sys.modules[name] = None\n"
        f"from scripts.benches import main\nmain([{name!r}, '--help'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"\nexamples:\n  scripts/bench {name}" in done.stdout
