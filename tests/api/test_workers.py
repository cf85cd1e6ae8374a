"""A service of several processes, run for real: who answers, who is replaced, and how they end."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from sqlalchemy import Engine

from api import workers
from ledger_service.chain.abi import load_artifacts
from ledger_service.chain.compile import compile_contracts
from ledger_service.chain.deploy import Deployment
from ledger_service.config import Options, Settings
from ledger_service.errors import BadInput
from ledger_service.local.keys import Keys
from tests.conftest import local_chain
from tests.flow.world import CHAIN, ESCROW, LOG, PROJECT, RIGHTS, TOKEN, seeded, wallet

SECONDS = 60.0


def wait_for(found: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[psutil.Process, int, Path]]:
    """A service of three processes: the first, its port, and its standard error."""
    state = tmp_path / "state"
    complaints = tmp_path / "stderr"
    command = [sys.executable, "-m", "scripts.cli", "serve"]
    options = ["--state", str(state), "--port", "0", "--workers", "3"]
    with complaints.open("wb") as errors:
        process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=errors, text=True)
    with process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert url, complaints.read_text()
            yield psutil.Process(process.pid), int(url.rpartition(":")[2]), complaints
        finally:
            process.terminate()
            process.wait(SECONDS)


def workers_of(first: psutil.Process) -> list[psutil.Process]:
    living = [one for one in first.children() if one.status() != psutil.STATUS_ZOMBIE]
    return [one for one in living if "api.workers" in one.cmdline()]


def connected(process: psutil.Process, port: int) -> int:
    """How many connections of clients a process holds."""
    held = process.net_connections("tcp")
    return sum(one.status == psutil.CONN_ESTABLISHED and one.laddr.port == port for one in held)


def test_several_processes_answer_are_replaced_and_end_together(
    served: tuple[psutil.Process, int, Path],
) -> None:
    first, port, complaints = served
    wait_for(lambda: len(workers_of(first)) == 2)
    wait_for(lambda: all(_answers(one, port) for one in [first, *workers_of(first)]))

    killed = workers_of(first)[0]
    killed.kill()
    wait_for(lambda: len(workers_of(first)) == 2 and killed not in workers_of(first))
    wait_for(lambda: all(_answers(one, port) for one in workers_of(first)))
    said = f"worker process {killed.pid} ended by itself with status -9"
    wait_for(lambda: said in complaints.read_text())

    living = workers_of(first)
    first.send_signal(signal.SIGTERM)
    assert first.wait(SECONDS) == 0
    assert not any(one.is_running() for one in living)


def _answers(process: psutil.Process, port: int) -> bool:
    """Whether a process takes some of twelve connections opened at once, all of which are answered."""
    with ExitStack() as stack:
        connections = [http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS) for _ in range(12)]
        for one in connections:
            stack.callback(one.close)
            one.connect()
        for one in connections:
            one.request("GET", "/livez")
        for one in connections:
            assert one.getresponse().read() is not None
        return connected(process, port) > 0


@pytest.fixture
def orders(database: Engine, tmp_path: Path) -> Iterator[workers.Orders]:
    """What a worker is told, and a socket for it."""
    artifacts = load_artifacts(compile_contracts(PROJECT, PROJECT / ".crowdledger" / "artifacts"))
    with local_chain(tmp_path / "chain") as rpc, socket.create_server(("127.0.0.1", 0)) as listening:
        settings = Settings(
            state=tmp_path,
            database_url=database.url.render_as_string(hide_password=False),
            rpc_url=rpc,
            local=True,
            chain_id=CHAIN,
            host="127.0.0.1",
            port=listening.getsockname()[1],
            domains=("ledger.example",),
            origin="example.org/log",
            fee_bps=0,
            arbiter=wallet("arbiter").address,
            tokens=(TOKEN,),
            bond=1,
            judging_seconds=3_600,
            keys=Keys(wallet("operator").secret(), seeded("log key"), seeded("storage key")),
            deployment=Deployment(CHAIN, LOG, ESCROW, RIGHTS, TOKEN, wallet("operator").address, 0),
            confirmations=0,
            anchor_seconds=15.0,
        )
        yield workers.Orders(settings, artifacts, listening.fileno())


def test_a_worker_whose_first_process_is_gone_ends_by_itself(orders: workers.Orders) -> None:
    # The first process stands aside as one of its own, so that it can be killed.
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        one = workers.Workers(orders, 1, lambda: None)
        one.start()
        os.write(writing, str(one.pids[0]).encode() + b"\n")
        signal.pause()
    os.close(writing)
    with os.fdopen(reading) as pipe:
        worker = psutil.Process(int(pipe.readline()))
    try:
        port = orders.settings.port
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
        connection.request("GET", "/livez")
        assert connection.getresponse().status == 200
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    connection.close()
    wait_for(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)


def test_workers_that_do_not_stay_up_end_the_service_with_a_word(orders: workers.Orders) -> None:
    gave_up: list[bool] = []
    nowhere = replace(orders.settings, database_url="postgresql+psycopg://nobody@127.0.0.1:1/none")
    told = replace(orders, settings=nowhere)
    with workers.running(told, 1, lambda: gave_up.append(True)) as running:
        wait_for(lambda: bool(gave_up))
        assert running.failure is not None
        assert "do not stay up" in running.failure


def test_a_worker_that_cannot_be_started_now_is_started_later(
    orders: workers.Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[bool] = []
    start = workers._Worker

    def once_refused(given: workers.Orders) -> workers._Worker:
        if not refused:
            refused.append(True)
            raise BlockingIOError(11, "Resource temporarily unavailable")  # as fork says it
        return start(given)

    with workers.running(orders, 1, lambda: None) as running:
        first = running.pids[0]
        monkeypatch.setattr(workers, "_Worker", once_refused)
        psutil.Process(first).kill()
        wait_for(lambda: running.pids[0] != first)
        assert refused
        assert running.failure is None


def test_a_worker_that_does_not_end_is_killed(
    orders: workers.Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "STOP_SECONDS", 0.5)
    one = workers.Workers(orders, 1, lambda: None)
    one.start()
    stuck = psutil.Process(one.pids[0])
    stuck.suspend()
    one.stop()
    assert not stuck.is_running()


@pytest.mark.parametrize("count", [0, 65])
def test_no_or_too_many_processes_are_refused(tmp_path: Path, count: int) -> None:
    with pytest.raises(BadInput, match="processes"):
        Options(tmp_path, workers=count)
