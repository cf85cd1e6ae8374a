"""The embedded PostgreSQL, with real servers: restarts, crashes, strangers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil
import psycopg
import pytest

from ledger_service.errors import Conflict
from ledger_service.local.postgres import EmbeddedPostgres
from ledger_service.local.processes import lives
from ledger_service.local.state import prepare


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    root = prepare(tmp_path / "state")
    yield root
    EmbeddedPostgres(root).stop()


def connect(server: EmbeddedPostgres) -> psycopg.Connection[tuple[object, ...]]:
    """Connect as SQLAlchemy would, from the address alone, but under another name."""
    host = parse_qs(urlsplit(server.url).query)["host"][0]
    return psycopg.connect(host=host, user="postgres", dbname="crowdledger", autocommit=True)


def postmaster(root: Path) -> psutil.Process:
    return psutil.Process(int((root / "postgres/data/postmaster.pid").read_text().split()[0]))


def test_data_survive_a_clean_restart(root: Path) -> None:
    server = EmbeddedPostgres(root)
    server.start()
    with connect(server) as connection:
        connection.execute("CREATE TABLE t AS SELECT 'äö'::text AS a")
    process = postmaster(root)
    server.stop()
    assert not lives(process)
    again = EmbeddedPostgres(root)
    again.start()
    with connect(again) as connection:
        assert connection.execute("SELECT a FROM t").fetchone() == ("äö",)
        assert connection.execute("SHOW server_version_num").fetchone() > ("180000",)  # type: ignore[operator]


def test_the_server_listens_on_no_network_address(root: Path) -> None:
    EmbeddedPostgres(root).start()
    kinds = {connection.family.name for connection in postmaster(root).net_connections("all")}
    assert kinds == {"AF_UNIX"}
    assert (root / "postgres/data").stat().st_mode & 0o077 == 0


def test_a_server_outlives_the_death_of_its_parent_and_is_adopted(root: Path) -> None:
    program = (
        "import sys, time, pathlib; from ledger_service.local.postgres import EmbeddedPostgres\n"
        "EmbeddedPostgres(pathlib.Path(sys.argv[1])).start(); print('up', flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(root)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"up\n"
        os.kill(parent.pid, signal.SIGKILL)
    process = postmaster(root)
    server = EmbeddedPostgres(root)
    server.start()
    assert postmaster(root) == process
    server.stop()
    assert not lives(process)


def test_a_killed_server_recovers_what_was_committed(root: Path) -> None:
    server = EmbeddedPostgres(root)
    server.start()
    with connect(server) as connection:
        connection.execute("CREATE TABLE t AS SELECT g FROM generate_series(1, 1000) g")
    process = postmaster(root)
    children = process.children(recursive=True)
    process.kill()
    psutil.wait_procs([process, *children], timeout=20)
    server.start()
    with connect(server) as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (1000,)


def test_a_stale_id_of_another_program_does_not_keep_the_server_from_starting(root: Path) -> None:
    server = EmbeddedPostgres(root)
    server.start()
    stale = (root / "postgres/data/postmaster.pid").read_text().split("\n", 1)[1]
    server.stop()
    (root / "postgres/data/postmaster.pid").write_text(f"{os.getpid()}\n{stale}")
    server.start()
    assert postmaster(root).pid != os.getpid()


def test_a_server_that_others_use_is_left_running(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    server = EmbeddedPostgres(root)
    server.start()
    process = postmaster(root)
    with connect(server) as connection:
        server.stop()
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert "for 1 other clients" in caplog.text
    deadline = time.monotonic() + 10
    while lives(process) and time.monotonic() < deadline:  # the server notices the goodbye in its time
        server.stop()
    assert not lives(process)


def test_a_server_that_was_not_started_here_is_left_running(root: Path) -> None:
    server = EmbeddedPostgres(root)
    server.start()
    record = root / "run" / "postgres.json"
    ours = record.read_bytes()
    record.unlink()
    server.stop()
    assert lives(postmaster(root))
    record.write_bytes(ours)


def test_a_long_path_gets_a_private_socket_folder(tmp_path: Path) -> None:
    root = prepare(tmp_path / ("x" * 60) / ("y' z" * 10))
    server = EmbeddedPostgres(root)
    try:
        server.start()
        with connect(server) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        folder = Path(parse_qs(urlsplit(server.url).query)["host"][0])
        assert folder.parent == Path("/tmp")
        assert folder.stat().st_mode & 0o777 == 0o700
    finally:
        server.stop()
    assert not folder.exists()


def test_a_folder_of_another_version_is_refused(root: Path) -> None:
    data = root / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("16\n")
    with pytest.raises(Conflict, match="PostgreSQL 16, not 18"):
        EmbeddedPostgres(root).start()
