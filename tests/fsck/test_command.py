"""The command: on a database beside the keys of a state directory, and on a copy in a folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import text

from ledger_service.log import tiles
from scripts.cli import main
from tests.conftest import new_database
from tests.flow.world import World, seeded
from tests.fsck.conftest import Life, lived


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory with the world's keys and nothing else."""
    keys = tmp_path / "state" / "keys"
    keys.mkdir(parents=True, mode=0o700)
    for file, name in (("operator", "key of operator"), ("log", "log key"), ("storage", "storage key")):
        path = keys / f"{file}.key"
        path.touch(0o600)
        path.write_text(seeded(name).hex() + "\n")
    return tmp_path / "state"


def use(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command find the life's database."""
    monkeypatch.setenv("DATABASE_URL", life.world.engine.url.render_as_string(hide_password=False))


def test_a_clean_database(
    life: Life, state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use(life, monkeypatch)
    assert main(["fsck", "--state", str(state), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ok"]
    assert found["size"] == life.world.size()
    assert found["not_checked"] == ["what the chain itself has: no node was named (--rpc)"]
    assert main(["fsck", "--state", str(state)]) == 0
    assert f"clean: {life.world.size()} entries" in capsys.readouterr().out


def test_without_keys_it_says_what_it_leaves_out(
    life: Life, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use(life, monkeypatch)
    assert main(["fsck", "--state", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "not checked: encrypted openings: the storage key is not here" in said
    assert not (tmp_path / "keys").exists()


def test_a_difference_is_named_and_fails(
    server_url: str, state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with new_database(server_url) as database:
        life = lived(World(database))
        use(life, monkeypatch)
        with database.begin() as connection:
            connection.execute(text("UPDATE settlements SET total = total + 1"))
        assert main(["fsck", "--state", str(state), "--json"]) == 1
    said = capsys.readouterr()
    difference = json.loads(said.out)["difference"]
    assert (difference["table"], difference["column"]) == ("settlements", "total")
    assert difference["expected"] == str(int(difference["found"]) - 1)
    assert "settlements, leaf 0x" in said.err


def test_another_log_key_is_a_difference(
    life: Life, state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use(life, monkeypatch)
    (state / "keys" / "log.key").write_text("11" * 32)
    assert main(["fsck", "--state", str(state)]) == 1
    assert "log_head, id 1: checkpoint" in capsys.readouterr().err


def test_no_database_is_unusable(
    server_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert main(["fsck", "--state", str(tmp_path)]) == 2
    assert "there is no database" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    monkeypatch.setenv("DATABASE_URL", server_url)  # a server's own database: no table of ours
    assert main(["fsck", "--state", str(tmp_path)]) == 2
    assert "not a database of this service" in capsys.readouterr().err


@pytest.fixture
def copy(life: Life, tmp_path: Path) -> Path:
    """The life's log as a mirror holds it."""
    folder = tmp_path / "copy"
    with life.world.store.begin() as uow:
        head = uow.log.head()
        files = {
            tiles.tile_path(0, 0, head.size): uow.log.tile(0, 0, head.size),
            tiles.entries_path(0, head.size): tiles.encode_bundle(uow.log.entries(0, head.size)),
            "checkpoint": head.checkpoint.encode(),
            "log-key": f"{uow.log.key.verifier}\n".encode(),
        }
    for name, raw in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
    return folder


def test_a_sound_copy(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fsck", "--mirror", str(copy)]) == 0
    assert "its key" in capsys.readouterr().out
    key = (copy / "log-key").read_text().strip()
    assert main(["fsck", "--mirror", str(copy), "--log-key", key, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["not_checked"] == []


@pytest.mark.parametrize("name", ["hashes", "entries", "checkpoint"])
@pytest.mark.parametrize("damage", ["flipped", "shorter", "longer", "gone"])
def test_a_damaged_copy_is_named(
    copy: Path, life: Life, name: str, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    size = life.world.size()
    path = {"hashes": tiles.tile_path(0, 0, size), "entries": tiles.entries_path(0, size)}.get(name, name)
    raw = (copy / path).read_bytes()
    middle = len(raw) // 2
    changed = {
        "flipped": raw[:middle] + bytes([raw[middle] ^ 1]) + raw[middle + 1 :],
        "shorter": raw[:-1],
        "longer": raw + b"\0\0",
    }
    if damage == "gone":
        (copy / path).unlink()
    else:
        (copy / path).write_bytes(changed[damage])
    status = main(["fsck", "--mirror", str(copy), "--json"])
    assert status == (2 if (name, damage) == ("checkpoint", "gone") else 1)
    if name != "checkpoint":
        named = json.loads(capsys.readouterr().out)["difference"]
        assert named["table"] == ("tile/" if name == "hashes" else path)
