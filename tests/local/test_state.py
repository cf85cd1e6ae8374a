"""The state directory: its lock, its keys and its small files."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ledger_service.errors import BadInput, Conflict, Corrupt
from ledger_service.local import keys, state


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return state.prepare(tmp_path / "state")


def test_the_environment_names_the_state_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CROWDLEDGER_STATE", str(tmp_path))
    assert state.default_state() == tmp_path
    monkeypatch.delenv("CROWDLEDGER_STATE")
    assert state.default_state() == Path(__file__).resolve().parents[2] / ".crowdledger"


def test_a_file_in_the_place_of_the_state_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(BadInput, match="cannot be used"):
        state.prepare(tmp_path / "state")


def test_a_second_service_on_one_directory_is_told_who_holds_it(root: Path) -> None:
    program = (
        "import sys, pathlib; from ledger_service.local.state import claimed\n"
        "with claimed(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(Conflict, match=rf"process {holder.pid}\) runs on"), state.claimed(root):
            pass
        holder.kill()
    with state.claimed(root):  # the kernel has let go of the dead one's lock
        assert (root / "run" / "service.lock").read_text() == f"{os.getpid()}\n"


def test_keys_are_made_once_and_only_their_owner_can_read_them(root: Path) -> None:
    made = keys.load_or_make(root)
    assert keys.load_or_make(root) == made
    assert len({made.operator, made.log_seed, made.storage}) == 3
    for name in ("operator", "log", "storage"):
        assert stat.S_IMODE((root / "keys" / f"{name}.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((root / "keys").stat().st_mode) == 0o700
    assert sorted(path.name for path in (root / "keys").iterdir()) == [
        "log.key",
        "operator.key",
        "storage.key",
    ]


def test_keys_never_show_in_their_text(root: Path) -> None:
    made = keys.load_or_make(root)
    shown = repr(made) + str(made) + repr(made.wallet())
    assert not any(
        key.hex() in shown or repr(key) in shown for key in (made.operator, made.log_seed, made.storage)
    )


def test_many_first_starts_at_once_agree_on_the_keys(root: Path) -> None:
    program = (
        "import sys, pathlib; from ledger_service.local.keys import load_or_make\n"
        "print(load_or_make(pathlib.Path(sys.argv[1])).wallet().address)"
    )

    def start(_: int) -> bytes:
        return subprocess.run(
            [sys.executable, "-c", program, str(root)], capture_output=True, check=True
        ).stdout

    with ThreadPoolExecutor(6) as pool:
        addresses = set(pool.map(start, range(6)))
    assert addresses == {keys.load_or_make(root).wallet().address.encode() + b"\n"}


def test_a_key_that_others_can_read_is_refused(root: Path) -> None:
    keys.load_or_make(root)
    (root / "keys" / "operator.key").chmod(0o640)
    with pytest.raises(BadInput, match="can be read by others"):
        keys.load_or_make(root)


@pytest.mark.parametrize("content", ["", "abcd\n", "zz" * 32 + "\n", "00" * 31, "11" * 33])
def test_a_damaged_key_is_never_replaced(root: Path, content: str) -> None:
    keys.load_or_make(root)
    path = root / "keys" / "log.key"
    path.write_text(content)
    with pytest.raises(Corrupt, match=r"log\.key"):
        keys.load_or_make(root)
    assert path.read_text() == content


@pytest.mark.parametrize("secret", [bytes(32), b"\xff" * 32, b"\x01" * 31])
def test_a_secret_outside_the_curve_is_refused(secret: bytes) -> None:
    with pytest.raises(BadInput):
        keys.Keys(operator=secret, log_seed=b"\x01" * 32, storage=b"\x01" * 32)


def test_a_file_is_written_whole_with_its_mode(root: Path) -> None:
    path = root / "run" / "x.json"
    state.write_whole(path, b'{"a": 1}', 0o600)
    state.write_whole(path, b'{"a": 2}', 0o600)
    assert state.read_record(path) == {"a": 2}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["x.json"]


@pytest.mark.parametrize("raw", [b"", b"[1]", b"{", b"\xff"])
def test_a_damaged_record_counts_as_none(root: Path, raw: bytes) -> None:
    path = root / "run" / "x.json"
    assert state.read_record(path) is None
    path.write_bytes(raw)
    assert state.read_record(path) is None


def test_a_free_port_can_be_bound() -> None:
    import socket

    with socket.socket() as server:
        server.bind(("127.0.0.1", state.free_port()))
        assert server.getsockname()[1] > 0
