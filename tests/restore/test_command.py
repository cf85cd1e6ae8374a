"""What the command refuses before it starts anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.cli import main
from tests.flow.world import seeded


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A backup of the service's keys."""
    folder = tmp_path / "backup"
    folder.mkdir()
    for file, name in (("operator", "key of operator"), ("log", "log key"), ("storage", "storage key")):
        (folder / f"{file}.key").write_text(seeded(name).hex() + "\n")
    return folder


def refused(capsys: pytest.CaptureFixture[str], *arguments: object, status: int = 2) -> str:
    assert main(["restore", *map(str, arguments)]) == status
    return capsys.readouterr().err


def test_without_keys_nothing_is_made(
    mirrored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "there is no operator.key" in refused(capsys, mirrored, "--state", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_the_chain_has_to_be_named(
    mirrored: Path, keys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, mirrored, "--state", tmp_path / "new", "--keys", keys)
    assert "name the chain" in said
    assert not (tmp_path / "new" / "postgres").exists()
    for file in ("operator", "log", "storage"):
        copied = tmp_path / "new" / "keys" / f"{file}.key"
        assert copied.read_bytes() == (keys / f"{file}.key").read_bytes()
        assert copied.stat().st_mode & 0o777 == 0o600


def test_a_key_that_is_there_is_never_replaced(
    mirrored: Path, keys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(capsys, mirrored, "--state", tmp_path / "new", "--keys", keys)
    (keys / "storage.key").write_text(seeded("another").hex() + "\n")
    assert "is another key than" in refused(capsys, mirrored, "--state", tmp_path / "new", "--keys", keys)


def test_another_operator_or_log_key_is_refused(
    mirrored: Path, keys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (keys / "operator.key").write_text(seeded("key of eve").hex() + "\n")
    assert "the mirror is of" in refused(capsys, mirrored, "--state", tmp_path / "one", "--keys", keys)
    (keys / "log.key").write_text(seeded("another").hex() + "\n")
    said = refused(capsys, mirrored, "--state", tmp_path / "two", "--keys", keys, status=1)
    assert "not signed by the log" in said


def test_a_folder_that_is_no_mirror(keys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "holds no checkpoint" in refused(capsys, keys, "--state", tmp_path / "new", "--keys", keys)
