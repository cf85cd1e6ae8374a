"""`scripts/bench log`: every part for real and small, its bars both ways, nothing left when interrupted."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from ledger_service import entries
from ledger_service.errors import Corrupt
from scripts import benches
from scripts.benches.log import append, big, build, http, load, pymerkle, reading, verify
from scripts.benches.log.filler import ENTRY_BYTES, Filler
from scripts.benches.log.rows import rows
from scripts.benches.log.scratch import (
    PREFIX,
    check_room,
    deferring_interrupts,
    direct,
    durable_settings,
    scratch,
)
from scripts.benches.log.sizes import BATCHES, sizes_for
from scripts.benches.log.whole import Found
from scripts.programs import ROOT, Stop

MIB = 1 << 20
Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the bench makes its temporary folders; the database's own user can enter."""
    folder = Path(tempfile.mkdtemp(prefix="cl-"))
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield folder
    shutil.rmtree(folder)


def needs_chain() -> None:
    if not (ROOT / "hardhat_local" / "node_modules" / "hardhat").is_dir():
        pytest.skip("the local chain is not installed: run scripts/setup")


def run(room: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[dict[str, Any], Rows]:
    """A small run: its report, and its rows by what they are about; nothing of it is left."""
    assert benches.main(["log", "--entries", "2000", "--no-peers", *arguments]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["met"] is None  # bars are for the usual sizes
    assert all(row["bar"] is None for row in found["rows"])
    assert list(room.glob(PREFIX + "*")) == []
    by_name: Rows = {}
    for row in found["rows"]:
        by_name.setdefault(row["what"], []).append(row)
    return found, by_name


def test_appends_stand_beside_copies_of_the_same_rows(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found, by_name = run(room, capsys, "--only", "append")
    assert set(by_name) == {"append"}
    *copied, single = by_name["append"]
    assert [(row["sizes"]["entries a batch"], row["peer"]["what"]) for row in copied] == [
        (batch, what) for batch in BATCHES for what in ("primary key alone", "of ready bytes")
    ]
    assert all(
        row["ratio"] == pytest.approx(row["ours"] / row["peer"]["figure"], abs=0.001) for row in copied
    )
    assert single["peer"] is None
    assert 0 < single["ours"] < min(row["ours"] for row in copied)  # a commit each is dearer
    assert found["conditions"]["PostgreSQL"]["fsync"] == "on"
    assert found["conditions"]["parts"] == ["append"]


def test_labels_are_posted_to_a_real_service(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    needs_chain()
    _, by_name = run(room, capsys, "--only", "http")
    loads = [(row["sizes"]["processes"], row["sizes"]["connections"]) for row in by_name["label posted"]]
    assert loads == [(processes, connections) for processes in (1, 2) for connections in (1, 16, 128)]
    medians, slow = by_name["label posted, median"], by_name["label posted, p99"]
    for rate, median, slowest in zip(by_name["label posted"], medians, slow, strict=True):
        assert rate["sizes"]["labels"] >= 1
        assert 0 < median["ours"] <= slowest["ours"]
    included = by_name["label in a signed checkpoint, p99"]
    assert all(0 <= row["ours"] < 10_000 for row in included)
    assert all("every answer has such a checkpoint in it" in row["note"] for row in included)


def test_a_log_is_built_read_and_verified(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    needs_chain()
    found, by_name = run(room, capsys, "--only", "big,verify")
    (built,) = by_name["big log appended"]
    assert built["sizes"] == {"entries": 2000, "labels": 100}
    (judged,) = by_name["bundles put together, judged, tiles cached"]
    (unjudged,) = by_name["bundles put together, not judged yet, tiles cached"]
    assert (judged["sizes"]["entries a bundle"], unjudged["sizes"]["entries a bundle"]) == (8, 5)
    for what in ("tile", "entry bundle", "label bundle"):
        (highest,) = by_name[f"GET {what}, highest load"]
        (half,) = by_name[f"GET {what}, half load, p99"]
        assert highest["ours"] > 1
        assert half["ours"] > 0
    memory = {
        name: by_name[f"memory of the service, {name}"][0]["ours"] for name in ("start", "end", "growth")
    }
    assert 20 < memory["start"] < 4_000
    assert memory["growth"] == pytest.approx(100 * (memory["end"] / memory["start"] - 1), abs=0.1)
    for language in ("Python", "JavaScript"):
        (alone,) = by_name[f"bundles verified, {language}, each alone"]
        assert alone["sizes"]["log entries"] > 2000  # with what the judgement added
        assert alone["ours"] > 1
    assert (
        by_name["tlog-proofs checked, one checkpoint"][0]["ours"] > by_name["tlog-proofs checked"][0]["ours"]
    )
    assert found["versions"]["node"].startswith("v")


@pytest.mark.parametrize(("part", "after"), [("append", 0.0), ("http", 0.1), ("http", 9.0)])
def test_an_interrupted_run_leaves_nothing(part: str, after: float, tmp_path: Path) -> None:
    needs_chain()
    folder = Path(tempfile.mkdtemp(prefix="cl-"))
    command = [sys.executable, "-m", "scripts.benches", "log", "--only", part, "--no-peers"]
    # Into a file: whoever is left running must not hold up the test that finds it.
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"TMPDIR": str(folder)}, stdout=said)
    try:
        give_up = time.monotonic() + 60
        while not list(folder.glob(f"{PREFIX}*/**/postmaster.pid")):
            assert process.poll() is None
            assert time.monotonic() < give_up
            time.sleep(0.05)
        time.sleep(after)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 130
        assert (tmp_path / "said").read_bytes() == b""
        assert list(folder.iterdir()) == []
        assert _running_in(folder) == []
    finally:
        process.kill()
        process.wait()
        for left in _running_in(folder):
            left.kill()
        shutil.rmtree(folder)


def _running_in(folder: Path) -> list[psutil.Process]:
    return [one for one in psutil.process_iter() if str(folder) in " ".join(_words(one))]


def _words(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def test_a_program_left_running_in_a_scratch_folder_is_ended(room: Path) -> None:
    with scratch() as folder:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", str(folder / "data")])
    assert child.wait(0) == -signal.SIGTERM
    assert list(room.iterdir()) == []


def test_a_server_that_is_not_durable_is_not_measured(server_url: str) -> None:
    with direct(server_url) as connection, pytest.raises(Stop, match="fsync, synchronous_commit, full_page"):
        durable_settings(connection)


def test_a_log_that_would_fill_the_disk_is_not_begun(
    room: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Usage:
        free = 8_499_999_999

    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage)
    assert benches.main(["log", "--only", "big"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "only 8.5 GB are free" in err
    Usage.free += 1
    check_room(10_000_000)


def test_fillers_are_entries_of_their_length_and_all_differ() -> None:
    one, other = Filler(b"\x01"), Filler(b"\x02")
    made = [*one.take(3), *(entry for batch in one.batches(5, 2) for entry in batch), *other.take(2)]
    assert [len(entry.raw) for entry in made] == [ENTRY_BYTES] * 10
    assert len({entry.leaf for entry in made}) == 10
    assert all(isinstance(entries.decode(entry.raw).struct, entries.SessionGrant) for entry in made)


def test_smaller_logs_make_everything_smaller_and_nothing_nothing() -> None:
    sizes = [sizes_for(entries) for entries in (2_000, 100_000, 10_000_000, 20_000_000)]
    for name in ("rounds", "a_round", "single", "posts", "labels", "turns", "seconds"):
        values = [getattr(one, name) for one in sizes]
        assert values[0] > 0
        assert values == sorted(values)
        assert values[2] == values[3]
    assert all(one.a_round % max(BATCHES) == 0 for one in sizes)


def answer(body: dict[str, Any], status: int = 201) -> load.Answer:
    return load.Answer(0, 1.0, 2.0, status, json.dumps(body).encode())


def test_an_answer_for_another_label_is_not_counted() -> None:
    signed = build.Signed(b"", bytes(32))
    receipt = {"leaf": "0x" + "00" * 32, "index": 7}
    assert http.check(answer({"receipts": [receipt]}), signed, "") == (7, False)
    with pytest.raises(Corrupt, match="another label"):
        http.check(answer({"receipts": [receipt | {"leaf": "0x" + "11" * 32}]}), signed, "")
    with pytest.raises(Corrupt, match="answered with 409"):
        http.check(answer({}, 409), signed, "")


def test_a_label_waits_for_the_first_checkpoint_that_includes_it() -> None:
    answers = [load.Answer(i, 0.0, ended, 201, b"") for i, ended in enumerate((1.0, 2.0, 3.0))]
    loaded = load.Loaded(answers, 3.0, 0.5, [(0.5, 10), (1.5, 12), (4.0, 13)])
    assert http.waits(loaded, [9, 11, 12]) == [0.0, 0.0, 1.0]
    with pytest.raises(Corrupt, match="no checkpoint includes entry 13"):
        http.waits(loaded, [9, 11, 13])


def rates(value: float) -> append.Rates:
    return append.Rates((value, value * 2, value / 2))


def appended(batch: int, ours: float, plain: float) -> append.Appended:
    return append.Appended(batch, rates(ours), rates(plain), rates(10.0**9))


def posted(slow: float) -> http.Posted:
    return http.Posted(1, 16, 100, 1_000.0, 0.01, 9.0, 0.0, slow, True, 0.5)


def found_with(
    at_256: float = 35, at_1024: float = 50, wait: float = 2.0, made: float = 5_000, slow: float = 0.01,
    end: int = 110 * MIB,
) -> Found:  # fmt: skip
    """Figures that are just good enough, but for those that are given."""
    found = Found(sizes_for(10_000_000))
    found.append = append.AppendFound(
        (appended(256, at_256, 100), appended(1_024, at_1024, 100)), rates(1.0), {}
    )
    found.pymerkle = {"InmemoryTree one by one": 10.0**9, "SqliteTree in bulk": 10.0**9}
    found.http = http.HttpFound((posted(wait), posted(0.0)), {})
    served = tuple(
        reading.Served(what, 8, 10.0, 9.0, 9.0, 5.0, 9.0, slow if what == "label bundle" else 9.0, 0.5)
        for what in ("tile", "entry bundle", "label bundle")
    )
    read = reading.Read(served, reading.Memory(MIB, 100 * MIB, 500 * MIB, end), 24.0)
    built = build.Built(None, (), None, 10, 10.0, (10.0,) * 10, 100)  # type: ignore[arg-type]
    assembled = big.Assembled(8, 10, 1.0, made)
    found.big = big.BigFound(built, replace(assembled, again=9_999), assembled, read, None, {})  # type: ignore[arg-type]
    slowest = verify.Rates(0.1, 0.1)
    found.verify = verify.VerifyFound(1, 10, 1.0, slowest, slowest, 0.1, 0.1, "v1")
    return found


@pytest.mark.parametrize(
    ("changed", "missed"),
    [
        ({}, []),
        ({"at_256": 34.9}, ["append"]),
        ({"at_1024": 49.9}, ["append"]),
        ({"wait": 2.001}, ["label in a signed checkpoint, p99"]),
        ({"made": 4_999.9}, ["bundles put together, judged, tiles cached"]),
        ({"slow": 0.0101}, ["GET label bundle, half load, p99"]),
        ({"end": 111 * MIB}, ["memory of the service, growth"]),
    ],
)
def test_the_bars_are_the_promised_ones(changed: dict[str, Any], missed: list[str]) -> None:
    made = rows(found_with(**changed), usual=True)
    assert [row.what for row in made if row.met is False] == missed
    assert sum(row.met is not None for row in made) == 8


def test_other_sizes_have_no_bars() -> None:
    assert all(row.bar is None for row in rows(found_with(at_256=1, made=1), usual=False))


def test_a_part_that_did_not_run_has_no_rows() -> None:
    assert rows(Found(sizes_for(2_000)), usual=True) == []


def test_the_python_peers_are_pinned_exactly() -> None:
    pinned = [line for line in pymerkle.PINNED.read_text().splitlines() if line and not line.startswith("#")]
    assert [line.partition("==")[0] for line in pinned] == ["pymerkle", "cachetools"]
    assert all("==" in line for line in pinned)


def test_pymerkle_is_measured_in_all_its_ways(room: Path) -> None:
    if not pymerkle.PYTHON.exists():
        pytest.skip("pymerkle is not installed: scripts/bench log installs it")
    found, version = pymerkle.measure(sizes_for(2_000))
    assert list(found) == [
        f"{tree} {how}" for tree in ("InmemoryTree", "SqliteTree") for how in ("one by one", "in bulk")
    ]
    assert all(rate > 0 for rate in found.values())
    assert f"pymerkle=={version}" in pymerkle.PINNED.read_text()
    assert list(room.iterdir()) == []


def test_an_interruption_waits_for_what_must_be_done_whole_and_is_not_lost() -> None:
    done = []

    def interrupted() -> None:
        with deferring_interrupts():
            signal.raise_signal(signal.SIGTERM)
            done.append("whole")
        done.append("went on")

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert done == ["whole"]
    assert signal.getsignal(signal.SIGTERM) is before
