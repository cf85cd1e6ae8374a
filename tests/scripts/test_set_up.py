"""The set-up, as a stranger meets it: a bare checkout, real venv and pip, and a network that fails."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger_service.local.processes import find
from scripts import bootstrap, programs
from scripts.bootstrap import Step, digest_of

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("requirements.txt", "requirements-dev.txt", "pyproject.toml", "hardhat_local/package-lock.json")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the set-up needs of a checkout, and nothing that is set up."""
    root = tmp_path / "a checkout"
    ignored = shutil.ignore_patterns("__pycache__", "demo_job")
    shutil.copytree(ROOT / "scripts", root / "scripts", ignore=ignored)
    (root / "hardhat_local").mkdir()
    for name in NEEDED:
        shutil.copy(ROOT / name, root / name)
    return root


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """Something that accepts connections and never says a word."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        made.listen()
        yield made


def environment(port: int) -> dict[str, str]:
    """One in which pip knows one index only, at this port."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "CROWDLEDGER_"))}
    host = f"http://127.0.0.1:{port}"
    return kept | {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": f"{host}/simple",
        "CROWDLEDGER_PYTHON": sys.executable,
    }


def set_up(checkout: Path, port: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / "scripts" / "setup"], env=environment(port), capture_output=True, text=True, check=False
    )


def test_without_a_network_it_says_so_and_leaves_nothing_half_made(checkout: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: refuses every connection
        done = set_up(checkout, closed.getsockname()[1])
    assert done.returncode == 2
    assert done.stdout == ""
    assert "The network does not answer, and installing the Python packages needs it" in done.stderr
    assert "HTTPS_PROXY" in done.stderr
    assert (checkout / ".venv" / "made.stamp").exists()
    assert not (checkout / ".venv" / "installing").exists()
    assert not (checkout / ".venv" / "packages.stamp").exists()


def test_an_interrupted_set_up_ends_pip_and_starts_over(checkout: Path, server: socket.socket) -> None:
    assert "starting over" not in interrupted(checkout, server, signal.SIGTERM)
    (checkout / ".venv" / "half-made").touch()
    assert "starting over with an empty environment" in interrupted(checkout, server, signal.SIGINT)
    assert not (checkout / ".venv" / "half-made").exists()


def interrupted(checkout: Path, server: socket.socket, number: signal.Signals) -> str:
    """What a set-up says that is interrupted while pip is at work."""
    command, port = [checkout / "scripts" / "setup"], server.getsockname()[1]
    with subprocess.Popen(command, env=environment(port), stderr=subprocess.PIPE, text=True) as process:
        server.settimeout(60)
        connection, _ = server.accept()  # pip is waiting for an answer
        process.send_signal(number)
        said = process.communicate(timeout=30)[1]
        connection.close()
    assert process.returncode == 130
    assert "interrupted: the next run goes on from here" in said
    assert find(str(checkout / ".venv" / "bin" / "python")) == []
    assert (checkout / ".venv" / "installing").exists()
    return said


def test_a_second_set_up_waits_for_the_first(checkout: Path, server: socket.socket) -> None:
    port = server.getsockname()[1]
    command = [checkout / "scripts" / "setup"]
    with subprocess.Popen(command, env=environment(port), stderr=subprocess.DEVNULL) as first:
        server.settimeout(60)
        connection, _ = server.accept()
        with subprocess.Popen(command, env=environment(port), stderr=subprocess.PIPE, text=True) as second:
            assert second.stderr is not None
            assert second.stderr.readline() == "another set-up is at work in this checkout: waiting for it\n"
            second.send_signal(signal.SIGINT)
            assert second.wait(30) == 130
        first.send_signal(signal.SIGINT)
        assert first.wait(30) == 130
        connection.close()


@pytest.mark.parametrize("missing", NEEDED)
def test_an_incomplete_checkout_is_refused_before_anything_is_made(checkout: Path, missing: str) -> None:
    (checkout / missing).unlink()
    done = set_up(checkout, 9)
    assert done.returncode == 2
    assert f"{missing} is missing: clone it again" in done.stderr
    assert not (checkout / ".venv").exists()


def test_without_a_recent_python_it_says_what_to_do(checkout: Path, tmp_path: Path) -> None:
    path = tmp_path / "bin"
    path.mkdir()
    old = path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")  # what an old Python answers to the question for its version
    old.chmod(0o755)
    (path / "dirname").symlink_to(shutil.which("dirname") or "")
    done = subprocess.run(
        ["/bin/sh", checkout / "scripts" / "with-setup", "setup"],
        env={"PATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "crowdledger needs Python 3.11 or later" in done.stderr


def test_the_help_of_the_demo_needs_nothing_set_up(checkout: Path) -> None:
    (checkout / "ledger_service").mkdir()
    for name in ("__init__.py", "errors.py"):
        shutil.copy(ROOT / "ledger_service" / name, checkout / "ledger_service" / name)
    done = subprocess.run(
        [checkout / "scripts" / "demo", "--help"],
        env=environment(9),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "--labels-per-item" in done.stdout
    assert not (checkout / ".venv").exists()


def test_a_checkout_that_is_set_up_is_recognised_at_once() -> None:
    if not all(step.done() for step in bootstrap.all_steps(dev=True)):
        pytest.skip("this checkout was not set up by scripts/setup --dev")
    begin = time.monotonic()
    done = subprocess.run([ROOT / "scripts" / "setup", "--dev"], capture_output=True, text=True, check=True)
    assert time.monotonic() - begin < 2
    assert done.stderr.startswith("Ready.")


def test_a_step_is_done_again_when_what_it_was_made_from_changes(tmp_path: Path) -> None:
    source, made = tmp_path / "source", []
    source.write_text("1")
    step = Step(
        "x", tmp_path / "stamps" / "x", lambda: digest_of(source), lambda: made.append(source.read_text())
    )
    assert not step.done()
    step.perform()
    assert step.done()
    source.write_text("2")
    assert not step.done()
    step.perform()
    assert made == ["1", "2"]


def test_a_step_that_failed_is_not_done(tmp_path: Path) -> None:
    def fail() -> None:
        raise programs.Stop("no")

    step = Step("x", tmp_path / "x", lambda: "same", fail)
    (tmp_path / "x").write_text("same")
    with pytest.raises(programs.Stop):
        step.perform()
    assert not step.done()


def test_parts_of_a_digest_cannot_be_confused() -> None:
    assert digest_of("ab", "c") != digest_of("a", "bc") != digest_of("a", "b", "c")


def test_pip_and_npm_keep_what_they_keep_inside_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = programs.node_folder()
    if node is None:
        pytest.skip("this checkout was not set up by scripts/setup")
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setattr(programs, "CACHE", tmp_path / "cache")
    for name in ("PIP_CACHE_DIR", "NPM_CONFIG_CACHE", "npm_config_cache", "NODE_COMPILE_CACHE"):
        monkeypatch.setenv(name, str(home / name))
    monkeypatch.setenv("HOME", str(home))
    npm = node.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    asked = {
        "pip": [sys.executable, "-I", "-m", "pip", "--disable-pip-version-check", "cache", "dir"],
        "npm": [node / "node", npm, "config", "get", "cache"],
    }
    for name, command in asked.items():
        done = subprocess.run(
            command, env=programs.child_environment(), capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == str(tmp_path / "cache" / name)
    assert list((tmp_path / "cache" / "node").iterdir())
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    ("output", "advice"),
    [
        ("OSError: [Errno 28] No space left on device", "The disk is full"),
        ("npm error code ENOTFOUND", "The network does not answer"),
        ("ERROR: No matching distribution found for torch==2.13.0", "There is no torch==2.13.0 for Python"),
        ("Traceback\nValueError: odd", "Making x failed with status 3"),
    ],
)
def test_a_failure_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, advice: str
) -> None:
    monkeypatch.setattr(programs, "ROOT", tmp_path)
    log = tmp_path / "x.log"
    log.write_text(output)
    assert programs.explain(log, 3, "making x").startswith(advice)
