"""`crowdledger verify` as a program: files in, words or JSON lines and an exit status out."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ledger_service.verify.command import HOLDS, REFUSED, UNUSABLE, Options, run
from ledger_service.verify.verifier import CHAIN_NOTE, KEY_NOTE, POLICY_NOTE
from tests.verify.rpc import endpoint
from tests.verify.test_chain import Chain
from tests.verify.world import World, seeded


def outcome(paths: list[str | Path], **options: Any) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    status = run([str(path) for path in paths], Options(**options), out, err)
    return status, out.getvalue(), err.getvalue()


@pytest.fixture
def files(world: World, tmp_path: Path) -> Path:
    label, payment = world.label_bundle(), world.payment_bundle()
    (tmp_path / "label.json").write_bytes(label + b"\n")
    (tmp_path / "many.ndjson").write_bytes(b"".join([label + b"\n", payment + b"\n", label + b"\n"]))
    (tmp_path / "tampered.json").write_bytes(label.replace(b'"chainId":31337', b'"chainId":31338'))
    (tmp_path / "mixed.ndjson").write_bytes(label + b"\n" + payment[:-1] + b"\n{}\n")
    (tmp_path / "other.json").write_text('{"some": "json"}')
    (tmp_path / "empty.json").write_bytes(b"")
    return tmp_path


def test_a_bundle_that_holds_is_said_to_hold(files: Path, world: World) -> None:
    status, out, err = outcome([files / "label.json"])
    assert status == HOLDS
    assert "OK: label by" in out
    assert world.worker.address in out
    assert KEY_NOTE in out
    assert POLICY_NOTE in out
    assert CHAIN_NOTE in out
    assert "1 hold, 0 refused, 0 unusable" in out
    assert err == ""


def test_json_is_one_object_per_bundle_and_nothing_else(files: Path) -> None:
    status, out, err = outcome([files / "many.ndjson", files / "label.json"], as_json=True)
    found = [json.loads(line) for line in out.splitlines()]
    assert status == HOLDS
    assert [value["kind"] for value in found] == ["label", "payment", "label", "label"]
    assert [value.get("line") for value in found] == [1, 2, 3, None]
    assert all(value["ok"] is True for value in found)
    assert err == ""


def test_a_tampered_bundle_is_refused_with_its_step(files: Path) -> None:
    status, out, _ = outcome([files / "tampered.json"])
    assert status == REFUSED
    assert "REFUSED at step 7: " in out
    status, out, _ = outcome([files / "tampered.json"], as_json=True)
    assert status == REFUSED
    assert json.loads(out)["ok"] is False
    assert json.loads(out)["step"] == 7


def test_a_refusal_weighs_more_than_what_cannot_be_used(files: Path) -> None:
    status, out, err = outcome([files / "mixed.ndjson"])
    assert status == REFUSED
    assert "1 hold, 1 refused, 1 unusable" in out
    assert "mixed.ndjson:2: REFUSED at step 1" in out
    assert "mixed.ndjson:3: this is no crowdledger bundle" in err


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("other.json", "no crowdledger bundle"),
        ("empty.json", "empty"),
        ("missing.json", "No such file"),
        ("", "directory"),
    ],
)
def test_what_cannot_be_used_is_named(files: Path, name: str, words: str) -> None:
    status, out, err = outcome([files / name], as_json=True)
    assert status == UNUSABLE
    assert words in err
    assert json.loads(out)["ok"] is None if out else True
    assert outcome([files / name, files / "label.json"])[0] == UNUSABLE


def test_no_file_at_all_is_no_success() -> None:
    assert outcome([])[0] == UNUSABLE


def test_each_byte_of_a_file_matters_also_its_newline(files: Path) -> None:
    raw = (files / "label.json").read_bytes()
    for at in (0, 1, 20, 21, len(raw) // 2, len(raw) - 2, len(raw) - 1):
        for value in (raw[at] ^ 1, 0x0A if raw[at] != 0x0A else 0x20):
            (files / "changed.json").write_bytes(raw[:at] + bytes([value]) + raw[at + 1 :])
            assert outcome([files / "changed.json"])[0] == REFUSED


def test_pins_are_compared(files: Path, world: World) -> None:
    checksummed = "0x" + world.domain.verifying_contract[2:].upper()
    right = {"log_key": str(world.log_key.verifier), "log_address": checksummed}
    status, out, _ = outcome([files / "label.json"], **right)
    assert status == HOLDS
    assert KEY_NOTE not in out
    assert outcome([files / "label.json"], log_address="0x" + "12" * 20)[0] == REFUSED


@pytest.mark.parametrize("options", [{"log_key": "nonsense"}, {"log_address": "0x12"}, {"rpc": "file:///x"}])
def test_a_pin_that_could_never_match_is_the_callers_mistake(files: Path, options: dict[str, str]) -> None:
    status, _, err = outcome([files / "label.json"], **options)
    assert status == UNUSABLE
    assert err


def test_with_a_chain_its_word_is_part_of_the_verdict(files: Path, world: World) -> None:
    chain = Chain(world)
    with endpoint(chain) as (url, _):
        status, out, _ = outcome([files / "many.ndjson"], rpc=url)
        assert status == HOLDS
        assert CHAIN_NOTE not in out
        chain.heads = {world.size: seeded("other root")}
        status, out, _ = outcome([files / "label.json"], rpc=url)
        assert status == REFUSED
        assert "REFUSED at step 14" in out
    assert outcome([files / "label.json"], rpc=url)[0] == UNUSABLE


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_many_bundles_have_a_progress_bar_on_a_terminal_only(world: World, tmp_path: Path) -> None:
    path = tmp_path / "many.ndjson"
    path.write_bytes((world.label_bundle() + b"\n") * 150)
    err = Terminal()
    assert run([str(path)], Options(as_json=True), io.StringIO(), err) == HOLDS
    assert "150/150" in err.getvalue()
    assert outcome([path])[2] == ""


def python(code: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=60, check=False)


def test_a_dash_is_standard_input(world: World) -> None:
    code = "import sys; from ledger_service.verify.command import *; sys.exit(run(['-'], Options()))"
    assert python(code, world.label_bundle() + b"\n").returncode == HOLDS
    assert python(code, world.label_bundle()[:-1]).returncode == REFUSED
    done = python(code, b"")
    assert (done.returncode, done.stderr) == (UNUSABLE, b"-: the file is empty\n")


HEAVY = ("torch", "sqlalchemy", "fastapi", "web3", "eth_account", "numpy", "pydantic", "httpx", "psycopg")


def test_the_verifier_imports_nothing_heavy() -> None:
    done = python("import sys, ledger_service.verify.command; print(*sys.modules)")
    loaded = set(done.stdout.decode().split())
    assert done.returncode == 0
    assert "ledger_service.verify.verifier" in loaded
    assert {name.split(".")[0] for name in loaded}.isdisjoint(HEAVY)
