"""The verifier as a Node program: verdicts out, and the exit status of `crowdledger verify`."""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ledger_service.verify.command import Options, run
from tests.hardhat_local.conftest import ROOT, node_binary
from tests.verify.world import World
from tests.web.javascript import VERIFIER, needs_packages
from tests.web.mutations import WITNESSES

Done = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def world() -> World:
    needs_packages()
    return World(witnesses=WITNESSES[:2])


def verify(*arguments: str | Path, given: bytes = b"") -> tuple[int, list[dict[str, Any]], str]:
    command = [node_binary(), str(VERIFIER / "cli.mjs"), *map(str, arguments)]
    done = subprocess.run(command, input=given, capture_output=True, check=False)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr.decode()


def test_bundles_come_by_files_or_by_standard_input(world: World, tmp_path: Path) -> None:
    file = tmp_path / "two.ndjson"
    file.write_bytes(world.label_bundle() + b"\n" + world.payment_bundle() + b"\n")
    for status, verdicts, errors in (
        verify(file),
        verify(given=file.read_bytes()),
        verify("-", given=file.read_bytes()),
    ):
        assert (status, errors) == (0, "")
        assert [(found["ok"], found["kind"]) for found in verdicts] == [(True, "label"), (True, "payment")]


def test_the_facts_are_those_of_python(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "two.ndjson"
    file.write_bytes(world.label_bundle() + b"\n" + world.payment_bundle() + b"\n")
    _, verdicts, _ = verify(file)
    run([str(file)], Options(as_json=True))
    for ours, theirs in zip(capsys.readouterr().out.splitlines(), verdicts, strict=True):
        expected = json.loads(ours)
        assert {**theirs["facts"], "steps": [number for number, _ in theirs["steps"]]} == {
            name: value
            for name, value in expected.items()
            if name not in ("file", "line", "ok", "kind", "notes")
        }
        assert len(theirs["notes"]) == len(expected["notes"])


def test_the_exit_status_is_that_of_the_command(world: World, tmp_path: Path) -> None:
    good, bad = world.label_bundle(), world.label_bundle()[:-3]
    for number, lines in enumerate(
        ([good], [good, bad], [b"hello", good], [b"hello", bad], [b""], [], [good, b""])
    ):
        file = tmp_path / f"{number}.ndjson"
        file.write_bytes(b"\n".join(lines))
        assert verify(file)[0] == run([str(file)], Options(), out=io.StringIO(), err=io.StringIO()), lines


def test_what_cannot_be_used_is_named_and_the_rest_is_verified(world: World, tmp_path: Path) -> None:
    file = tmp_path / "label.json"
    file.write_bytes(world.label_bundle())
    status, verdicts, errors = verify(tmp_path / "missing", tmp_path, file)
    assert status == 2
    assert [found["ok"] for found in verdicts] == [True]
    assert "missing" in errors
    for wrong in (("--log-key", "x"), ("--log-address", "0x1"), ("--policy", file), ("--nonsense",)):
        status, verdicts, errors = verify(*wrong, file)
        assert (status, verdicts) == (2, [])
        assert errors.count("\n") == 1


def test_what_is_pinned_is_asked_for(world: World, tmp_path: Path) -> None:
    policy = tmp_path / "policy"
    policy.write_text(f"witness a {WITNESSES[2].verifier}\nquorum a\n")
    key = str(world.log_key.verifier)
    raw = world.label_bundle()
    assert (
        verify("--log-key", key, "--log-address", world.log_address.upper().replace("0X", "0x"), given=raw)[0]
        == 0
    )
    assert verify("--log-address", "0x" + "11" * 20, given=raw)[1][0]["step"] == 2
    assert verify("--policy", policy, given=raw)[1][0]["step"] == 3


def test_both_lists_of_packages_pin_the_same_versions() -> None:
    ours = json.loads((VERIFIER / "package.json").read_text())["dependencies"]
    all_of_them = json.loads((ROOT / "hardhat_local" / "package.json").read_text())["dependencies"]
    assert ours == {name: version for name, version in all_of_them.items() if name.startswith("@noble/")}
