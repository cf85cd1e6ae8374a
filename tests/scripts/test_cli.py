"""The command line: exit statuses, quick starts, and no more imports than needed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ledger_service.errors import BadInput, Corrupt, LedgerError, VerificationError
from scripts import cli
from scripts.cli import verify

HEAVY = ("torch", "transformers", "sqlalchemy", "fastapi", "pydantic", "web3", "numpy", "psycopg", "rich")


def loaded_by(code: str) -> set[str]:
    """The heavy libraries that are loaded after some code has run in a fresh interpreter."""
    program = f"import json, sys\n{code}\nprint(json.dumps([n for n in {HEAVY!r} if n in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_verifier_starts_quickly_and_loads_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text("{}")
    begin = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "scripts.cli", "verify", str(tmp_path / "b.json")],
        capture_output=True,
        check=False,
    )
    assert time.monotonic() - begin < 2  # far less where nothing else runs; half a second is the aim
    assert done.returncode in (1, 2)
    call = f"from scripts.cli import main; main(['verify', {str(tmp_path / 'b.json')!r}])"
    assert loaded_by(call) == set()


@pytest.mark.parametrize("command", list(cli.COMMANDS))
def test_every_help_teaches_by_example_and_loads_nothing_heavy(command: str) -> None:
    call = f"try: main([{command!r}, '--help'])\nexcept SystemExit as end: assert end.code == 0"
    assert loaded_by(f"from scripts.cli import main\n{call}") == set()
    done = subprocess.run(
        [sys.executable, "-m", "scripts.cli", command, "--help"], capture_output=True, text=True, check=True
    )
    assert f"\nexamples:\n  crowdledger {command}" in done.stdout


def test_the_engines_do_not_load_torch_before_they_are_used() -> None:
    assert "torch" not in loaded_by("import reputation, matching_engine, scripts.cli.startup")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (VerificationError("root", expected="a", found="b", step=3), 1),
        (BadInput("no"), 2),
        (Corrupt("bad"), 2),
    ],
)
def test_an_error_is_one_sentence_and_a_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: LedgerError, status: int
) -> None:
    def fail(argv: list[str]) -> int:
        raise error

    monkeypatch.setattr(verify, "run", fail)
    assert cli.main(["verify"]) == status
    assert capsys.readouterr() == ("", f"crowdledger: {error}\n")


def test_an_interruption_is_quiet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(argv: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(verify, "run", interrupted)
    assert cli.main(["verify"]) == 130
    assert capsys.readouterr() == ("", "")


def test_an_unknown_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["verfy"])
    assert end.value.code == 2
    assert "invalid choice: 'verfy'" in capsys.readouterr().err


def test_without_a_command_the_commands_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    shown = capsys.readouterr().out
    assert all(f"\n  {name} " in shown for name in cli.COMMANDS)
