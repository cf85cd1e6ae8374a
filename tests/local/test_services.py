"""All local services together: claimed, started, adopted, ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from ledger_service.errors import Conflict
from ledger_service.local.processes import find, lives
from ledger_service.local.services import LocalServices

HOLDER = """\
import json, pathlib, sys, time
from ledger_service.local.services import LocalServices
from scripts.cli.signals import ending_cleanly
with ending_cleanly(), LocalServices(pathlib.Path(sys.argv[1])) as local:
    print(json.dumps([local.rpc_url, local.database_url, local.node.pid]), flush=True)
    time.sleep(600)
"""


def hold(root: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", HOLDER, str(root)], stdout=subprocess.PIPE)


def running(root: Path) -> list[psutil.Process]:
    """Every process that runs on this state directory."""
    return find(str(root / "chain")) + find(str(root / "postgres" / "data"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_clean_end_leaves_nothing_running(tmp_path: Path, number: signal.Signals) -> None:
    with hold(tmp_path) as holder:
        assert holder.stdout is not None
        assert json.loads(holder.stdout.readline())
        assert len(running(tmp_path)) == 2
        holder.send_signal(number)
        holder.send_signal(number)  # an impatient person's second one
        holder.wait(60)
    assert running(tmp_path) == []


def test_after_a_kill_the_next_start_adopts_everything(tmp_path: Path) -> None:
    with hold(tmp_path) as holder:
        assert holder.stdout is not None
        rpc_url, database_url, pid = json.loads(holder.stdout.readline())
        with pytest.raises(Conflict, match=f"process {holder.pid}"), LocalServices(tmp_path):
            pass
        assert len(running(tmp_path)) == 2  # the one that was refused has ended nothing
        os.kill(holder.pid, signal.SIGKILL)
    before = running(tmp_path)
    with LocalServices(tmp_path) as local:
        assert local.rpc_url == rpc_url
        assert local.database_url.split("&")[0] == database_url.split("&")[0]
        assert local.node is not None
        assert local.node.pid == pid
        assert running(tmp_path) == before
    assert not any(lives(process) for process in before)


def test_an_interruption_at_any_moment_of_the_start_leaves_nothing_running(tmp_path: Path) -> None:
    for moment in (0.3, 0.8, 1.5, 2.5):
        with hold(tmp_path) as holder:
            time.sleep(moment)
            holder.send_signal(signal.SIGINT)
            holder.wait(60)
        assert running(tmp_path) == [], moment


def test_what_is_served_from_elsewhere_is_not_started(tmp_path: Path) -> None:
    with LocalServices(tmp_path, database=False, chain=False) as local:
        assert (local.database_url, local.rpc_url, local.node) == ("", "", None)
        assert len(local.keys.operator) == 32
        assert running(tmp_path) == []


def test_a_failing_start_ends_what_had_begun(tmp_path: Path) -> None:
    (tmp_path / "postgres" / "data").mkdir(parents=True)
    (tmp_path / "postgres" / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(Conflict, match="PostgreSQL 9"), LocalServices(tmp_path):
        pass
    assert running(tmp_path) == []
