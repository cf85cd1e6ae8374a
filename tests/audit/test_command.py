"""`crowdledger audit`, as it is typed."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ledger_service.log.checkpoint import LogKey
from ledger_service.signing import Wallet
from scripts.cli import main
from tests.audit.builder import Builder, seeded
from tests.audit.server import LogServer

AUDITOR = Wallet(seeded("auditor"))


@pytest.fixture
def folder(honest: Builder, tmp_path: Path) -> Path:
    return honest.save(tmp_path / "log")


def test_an_honest_folder_exits_with_0_and_reads_well(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "--log", str(folder)]) == 0
    out = capsys.readouterr().out
    assert out.endswith("1 of 10 steps was not checked: chain. Needed: --rpc of a node of the chain.\n")
    assert "labels           48, verified 48" in out


def test_json_is_one_object_and_nothing_else(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "--log", str(folder), "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["labels_verified"] == 48
    assert json.loads(captured.out)["complete"] is False
    assert captured.err == ""


def test_a_log_that_does_not_hold_exits_with_1_and_names_the_entry(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def more(struct: object, position: int) -> object:
        return replace(struct, confidence=struct.confidence + 1) if position == 2 else struct  # type: ignore

    folder = Builder(changes={"truth entry": more}).save(tmp_path / "log")
    assert main(["audit", "--log", str(folder)]) == 1
    out = capsys.readouterr().out
    assert "FAIL  7 inference" in out
    assert "(Truth): confidence in ppm: expected" in out


def test_strictly_what_was_not_checked_exits_with_1(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "--log", str(folder), "--strict"]) == 1
    assert "1 of 10 steps was not checked" in capsys.readouterr().out


def test_a_log_of_another_key_exits_with_1(folder: Path, honest: Builder) -> None:
    other = LogKey(honest.log_key.name, seeded("another key"))
    assert main(["audit", "--log", str(folder), "--log-key", str(other.verifier)]) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--log", "/nonexistent"],
        ["--log", "http://127.0.0.1:1"],
        ["--log", "FOLDER", "--log-key", "nonsense"],
        ["--log", "FOLDER", "--log-address", "nonsense"],
        ["--log", "FOLDER", "--rpc", "http://127.0.0.1:1"],
        ["--log", "http://127.0.0.1:1", "--key", "/nonexistent"],
    ],
)
def test_unusable_input_exits_with_2(
    arguments: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [str(folder) if argument == "FOLDER" else argument for argument in arguments]
    assert main(["audit", *given]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("crowdledger: ")


def test_a_service_is_saved_and_the_copy_audited(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "auditor.key"
    key.write_text(AUDITOR.secret().hex())
    key.chmod(0o600)
    with LogServer(folder, AUDITOR.address) as server:
        arguments = ["--log", server.url, "--key", str(key), "--save", str(tmp_path / "copy"), "--json"]
        assert main(["audit", *arguments]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["source"] == str(tmp_path / "copy")
    assert [step["status"] for step in report["steps"]] == ["passed"] * 9 + ["not checked"]


def test_without_openings_torch_is_not_loaded(honest: Builder, tmp_path: Path) -> None:
    folder = honest.save(tmp_path / "log", openings=False)
    program = (
        "import sys; from scripts.cli import main; "
        f"status = main(['audit', '--log', {str(folder)!r}]); "
        "heavy = {'torch', 'sqlalchemy', 'fastapi', 'transformers'} & set(sys.modules); "
        "sys.exit(repr(heavy) if heavy else status)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
