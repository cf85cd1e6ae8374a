"""`crowdledger repost` before it has asked anybody; what the service answers is in tests/demo_job."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import cli
from scripts.cli import repost

CAMPAIGN = "0x" + "11" * 32


@pytest.mark.parametrize("name", ["11" * 32, "0x" + "11" * 31, "0x" + "AA" * 32, "0x" + "zz" * 32])
def test_a_campaign_has_an_id_of_32_bytes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        repost.parser().parse_args(["--campaign", name])
    assert ended.value.code == 2
    assert "is no campaign's id" in capsys.readouterr().err


def test_without_the_operators_key_nothing_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["repost", "--campaign", CAMPAIGN, "--state", str(tmp_path)]) == 2
    assert str(tmp_path / "keys" / "operator.key") in capsys.readouterr().err


def test_a_service_that_does_not_answer_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repost, "PATIENCE_SECONDS", 0.1)
    key = tmp_path / "operator.key"
    key.write_text("11" * 32)
    key.chmod(0o600)
    where = ["--service", "http://127.0.0.1:1", "--key", str(key)]
    assert cli.main(["repost", "--campaign", CAMPAIGN, *where]) == 2
    assert "http://127.0.0.1:1/v1/info gets no answer" in capsys.readouterr().err
