"""Real witness processes: restarts, kills at any moment, one state directory, the key file, arguments."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading
import time
from pathlib import Path

import httpx
import pytest

from ledger_service.log.checkpoint import open_checkpoint
from ledger_service.log.cosignature import CosignerKey, open_cosignatures
from ledger_service.log.policy import parse_policy
from tests.witness.world import KEY, PROJECT, RunningWitness, SmallLog, command, running


def ended(line: list[str]) -> subprocess.CompletedProcess[str]:
    """A command that was run to its end."""
    return subprocess.run(line, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)


def served(witness: RunningWitness) -> tuple[int, int]:
    """Size and time of what the witness shows as cosigned last."""
    text = witness.checkpoint().text
    return open_checkpoint(text, KEY.verifier).size, open_cosignatures(text, [witness.key])[witness.key]


def test_a_restarted_witness_goes_on_where_it_was(tmp_path: Path) -> None:
    log = SmallLog().grow(5)
    with running(tmp_path) as witness:
        first = witness.key
        assert witness.add(log.request(0)).status_code == 200
        before = served(witness)
        witness.process.send_signal(signal.SIGTERM)
        assert witness.process.wait(20) == 0
    with running(tmp_path) as witness:
        assert witness.key == first
        assert served(witness) == before
        assert witness.add(log.request(0)).status_code == 409
        assert witness.add(log.grow(2).request(5)).status_code == 200


def test_a_killed_witness_remembers_what_it_has_answered(tmp_path: Path) -> None:
    log = SmallLog()
    for _ in range(4):
        with running(tmp_path) as witness:
            old = log.size
            assert witness.add(log.grow(3).request(old)).status_code == 200
            before = served(witness)
            witness.kill()
        with running(tmp_path) as witness:
            assert served(witness) == before
            assert witness.add(log.branch(old + 1).grow(9, "other").request(log.size)).status_code == 422


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.05, 0.2])
def test_a_witness_killed_while_busy_takes_nothing_back(tmp_path: Path, delay: float) -> None:
    """What was answered before the kill is remembered after it; sizes and times only grow."""
    log = SmallLog().grow(400)
    bodies = {old: log.request(old, old + 1) for old in range(400)}
    granted: list[tuple[int, int]] = []

    def push(witness: RunningWitness) -> None:
        with httpx.Client(base_url=witness.url, timeout=20) as client, contextlib.suppress(httpx.HTTPError):
            for old in range(400):
                answer = client.post("/add-checkpoint", content=bodies[old])
                if answer.status_code != 200:
                    return
                note = log.checkpoint(old + 1) + answer.text
                granted.append((old + 1, open_cosignatures(note, [witness.key])[witness.key]))

    with running(tmp_path) as witness:
        pusher = threading.Thread(target=push, args=(witness,))
        pusher.start()
        while not granted:
            time.sleep(0.001)
        time.sleep(delay)
        witness.kill()
        pusher.join()
    assert granted == sorted(granted)
    size, at = granted[-1]
    with running(tmp_path) as witness:
        # At most the one that was under way is beyond what was answered.
        assert served(witness)[0] in (size, size + 1)
        assert served(witness)[1] >= at
        assert not list((tmp_path / "checkpoints").glob(".*"))
        assert witness.add(log.branch(size - 1).grow(9, "other").request(0, size)).status_code == 409
        assert witness.add(log.request(served(witness)[0], 400)).status_code == 200


def test_two_witnesses_on_one_state_directory_are_refused(tmp_path: Path) -> None:
    log = SmallLog().grow(5)
    with running(tmp_path) as witness:
        assert witness.add(log.request(0)).status_code == 200
        second = ended(command(tmp_path, "--log", str(KEY.verifier), "--listen", "127.0.0.1:0"))
        assert second.returncode == 2
        assert f"process {witness.process.pid}" in second.stderr
        assert witness.add(log.grow(1).request(5)).status_code == 200
        witness.kill()
    with running(tmp_path) as witness:  # the kernel let go of it
        assert served(witness)[0] == 6


def test_the_key_is_for_its_owner_alone_and_signs_under_one_name(tmp_path: Path) -> None:
    with running(tmp_path) as witness:
        key = witness.key
    path = tmp_path / "keys" / "witness.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    log = ("--log", str(KEY.verifier), "--listen", "127.0.0.1:0")
    other = ended(command(tmp_path, *log, name="witness.example/other"))
    assert other.returncode == 2
    assert key.name in other.stderr
    path.chmod(0o644)
    assert ended(command(tmp_path, *log)).returncode == 2
    path.chmod(0o600)
    with running(tmp_path) as witness:
        assert witness.key == key


def test_a_lost_key_is_not_replaced_over_what_it_has_cosigned(tmp_path: Path) -> None:
    with running(tmp_path) as witness:
        assert witness.add(SmallLog().grow(5).request(0)).status_code == 200
    (tmp_path / "keys" / "witness.key").unlink()
    result = ended(command(tmp_path, "--log", str(KEY.verifier), "--listen", "127.0.0.1:0"))
    assert result.returncode == 2
    assert "not cosigned" in result.stderr


def test_the_ready_lines_are_a_key_and_a_line_of_a_policy(tmp_path: Path) -> None:
    line = command(tmp_path, "--log", str(KEY.verifier), "--listen", "127.0.0.1:0")
    line.remove("--json")
    process = subprocess.Popen(line, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        vkey, policy = process.stdout.readline().strip(), process.stdout.readline()
        process.terminate()
    (witness,) = parse_policy(policy.encode() + b"quorum witness.example/w1\n").witnesses
    assert witness.key == CosignerKey.parse(vkey)
    assert witness.url is not None
    assert witness.url.startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    "more",
    [
        (),
        ("--log", "nonsense"),
        ("--log", str(KEY.verifier) + "=https://"),
        ("--log", str(KEY.verifier), "--once"),
        ("--log", str(KEY.verifier), "--listen", "nowhere"),
        ("--log", str(KEY.verifier), "--listen", "127.0.0.1:99999"),
        ("--log", str(KEY.verifier), "--listen", "203.0.113.1:80"),
        ("--log", f"{KEY.verifier}=http://a.example", "--log", f"{KEY.verifier}=http://b.example"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, more: tuple[str, ...]) -> None:
    result = ended(command(tmp_path / "state", *more))
    assert result.returncode == 2
    assert result.stderr
    assert "Traceback" not in result.stderr


def test_a_new_witness_needs_a_name(tmp_path: Path) -> None:
    line = command(tmp_path, "--log", str(KEY.verifier))
    at = line.index("--name")
    del line[at : at + 2]
    result = ended(line)
    assert result.returncode == 2
    assert "--name" in result.stderr
    assert ended(command(tmp_path, "--log", str(KEY.verifier), name="with space")).returncode == 2
    assert not (tmp_path / "name").exists()


def test_a_slow_client_holds_up_nobody(tmp_path: Path) -> None:
    """Connections that send nothing, or a body that does not end, cost a socket each, and no thread."""
    import socket

    log = SmallLog().grow(5)
    with running(tmp_path) as witness, contextlib.ExitStack() as open_sockets:
        port = int(witness.url.rsplit(":", 1)[1])
        for number in range(100):
            client = open_sockets.enter_context(socket.create_connection(("127.0.0.1", port)))
            if number % 2:
                client.sendall(
                    b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 500\r\n\r\nold 0\n"
                )
        started = time.monotonic()
        assert witness.add(log.request(0)).status_code == 200
        assert time.monotonic() - started < 5


def test_json_says_what_is_needed_to_use_it(tmp_path: Path) -> None:
    with running(tmp_path, "--url", "https://witness.example/submit/") as witness:
        assert witness.url == "https://witness.example/submit"
        assert witness.policy == f"witness {witness.key.name} {witness.key} https://witness.example/submit"
