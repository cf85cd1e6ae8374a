"""The folder of a monitor: what it has seen and what it has to say, in one SQLite file.

    monitor.db        everything below; a look commits it piece by piece, each piece whole or not at all
    evidence/<name>   signed notes and chain events that prove an alarm to others, never changed

An alarm is committed together with what it was found in (the place in the log up to which entries were read,
the head that was accepted), before anybody is told of it; and is marked as told only afterwards. So after a
crash at any line it is found again, or told again; never lost.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from ledger_service.commitments import Json
from ledger_service.errors import BadInput, Conflict
from ledger_service.local.state import write_whole
from ledger_service.monitor.alarms import Alarm, Kept

# A hostile log can hold any number of bad entries; the alarm that follows this many says so.
MOST_OF_A_KIND = 1000
_VERSION = 1
# What a stranger chose and 63 bits may not hold is text.
_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE alarms (
    number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, kind TEXT NOT NULL, time INTEGER NOT NULL,
    alarm TEXT NOT NULL, standing INTEGER NOT NULL, open INTEGER NOT NULL DEFAULT 1,
    told INTEGER NOT NULL DEFAULT 0, posted INTEGER NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0, next_try INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX alarms_standing ON alarms (key) WHERE standing;
CREATE INDEX alarms_by_key ON alarms (key);
CREATE TABLE since (name TEXT PRIMARY KEY, time INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE seen (size INTEGER PRIMARY KEY, time INTEGER NOT NULL);
CREATE TABLE elsewhere (place TEXT PRIMARY KEY, note TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE anchored (
    position INTEGER PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, time INTEGER NOT NULL,
    compared INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE grants (
    idx INTEGER PRIMARY KEY, worker TEXT NOT NULL, session_key TEXT NOT NULL, scope BLOB NOT NULL,
    valid_from TEXT NOT NULL, valid_until TEXT NOT NULL
);
CREATE INDEX grants_by_key ON grants (worker, session_key);
CREATE TABLE kept (
    idx INTEGER PRIMARY KEY, campaign BLOB NOT NULL, kind TEXT NOT NULL, leaf BLOB NOT NULL,
    time INTEGER NOT NULL, raw BLOB NOT NULL
);
CREATE INDEX kept_by_campaign ON kept (campaign, idx);
CREATE INDEX kept_payouts ON kept (campaign, idx) WHERE kind = 'Payout';
CREATE INDEX kept_by_leaf ON kept (leaf);
CREATE TABLE campaigns (
    campaign BLOB PRIMARY KEY, role TEXT NOT NULL, charter TEXT, read_to INTEGER
) WITHOUT ROWID;
CREATE TABLE due (campaign BLOB NOT NULL, run BLOB NOT NULL, PRIMARY KEY (campaign, run)) WITHOUT ROWID;
CREATE TABLE payrolls (
    campaign BLOB NOT NULL, epoch INTEGER NOT NULL, root BLOB NOT NULL, total TEXT NOT NULL,
    count TEXT NOT NULL, evidence TEXT NOT NULL, tx BLOB NOT NULL, compared INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (campaign, epoch)
) WITHOUT ROWID;
"""


class State:
    """The folder, held by one monitor at a time; for use in a `with` block.

    Raises on entering:
        Conflict: another monitor has it. BadInput: it cannot be used, or is of another version.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> State:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = (self.folder / "lock").open("w")
        except OSError as error:
            raise BadInput(f"cannot use the folder {self.folder}: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.sql = _open(self.folder / "monitor.db")
            for left in (self.folder / "evidence").glob(".*"):  # what a crash left half-written
                left.unlink()
        except BlockingIOError as error:
            self._lock.close()
            raise Conflict(f"another monitor uses {self.folder}") from error
        except BaseException:
            self._lock.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.sql.close()
        self._lock.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written in the block is there afterwards, or nothing of it."""
        self.sql.execute("BEGIN IMMEDIATE")
        try:
            yield
            # Crash before the commit: nothing happened. After it: all of it is on the disk.
            self.sql.execute("COMMIT")
        except BaseException:
            if self.sql.in_transaction:
                self.sql.execute("ROLLBACK")
            raise

    def get(self, name: str) -> str | None:
        """A value by its name."""
        row = self.sql.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else None

    def put(self, name: str, value: str) -> None:
        """Set a value."""
        self.sql.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def drop(self, name: str) -> None:
        """Forget a value."""
        self.sql.execute("DELETE FROM meta WHERE name = ?", (name,))

    def number(self, name: str) -> int:
        """A whole number by its name, 0 where there is none."""
        return int(self.get(name) or "0")

    def raised(self, alarm: Alarm, now: int, *, standing: bool = False) -> bool:
        """Keep an alarm, unless it is known; whether it is new.

        A standing one is a state of things: it is known as long as it has not been cleared.
        """
        if self._is_known(alarm.key, standing):
            return False
        count = self.sql.execute("SELECT count(*) FROM alarms WHERE kind = ?", (alarm.kind,)).fetchone()[0]
        if not standing and count >= MOST_OF_A_KIND:
            alarm = Alarm(alarm.kind, f"more:{alarm.kind}", f"more than {MOST_OF_A_KIND} alarms of this kind")
            if self._is_known(alarm.key, standing):
                return False
        self.sql.execute(
            "INSERT INTO alarms (key, kind, time, alarm, standing) VALUES (?, ?, ?, ?, ?)",
            (alarm.key, alarm.kind, now, json.dumps(alarm.to_json()), int(standing)),
        )
        return True

    def _is_known(self, key: str, standing: bool) -> bool:
        query = "SELECT 1 FROM alarms WHERE key = ? AND standing >= ?"
        return self.sql.execute(query, (key, int(standing))).fetchone() is not None

    def clear(self, key: str) -> Kept | None:
        """A standing alarm is over; what it said, or None where there was none."""
        query = "SELECT number, time, alarm, tries FROM alarms WHERE key = ? AND standing"
        row = self.sql.execute(query, (key,)).fetchone()
        if row is None:
            return None
        self.sql.execute("UPDATE alarms SET standing = 0, open = 0 WHERE number = ?", (row[0],))
        return _kept(row)

    def open(self) -> list[Kept]:
        """Alarms that are not over: states of things until they change, all others until acknowledged."""
        return self._alarms("open")

    def acknowledge(self) -> int:
        """Somebody has taken note of what was raised so far; of how many. What is still so stays open."""
        return self.sql.execute("UPDATE alarms SET open = 0 WHERE open AND told AND NOT standing").rowcount

    def untold(self) -> list[Kept]:
        """Alarms that nobody has been told of."""
        return self._alarms("NOT told")

    def told(self, number: int) -> None:
        """Somebody has been told."""
        self.sql.execute("UPDATE alarms SET told = 1 WHERE number = ?", (number,))

    def unposted(self, now: int) -> list[Kept]:
        """Alarms that a webhook has still to get, and may be tried by now."""
        return self._alarms(f"NOT posted AND next_try <= {int(now)}")

    def tried(self, number: int, *, posted: bool, next_try: int = 0) -> None:
        """A webhook was tried: it is done with, or is tried again at a time."""
        self.sql.execute(
            "UPDATE alarms SET posted = ?, tries = tries + 1, next_try = ? WHERE number = ?",
            (int(posted), next_try, number),
        )

    def _alarms(self, condition: str) -> list[Kept]:
        query = f"SELECT number, time, alarm, tries FROM alarms WHERE {condition} ORDER BY number"  # noqa: S608
        return [_kept(row) for row in self.sql.execute(query)]

    def since(self, name: str, now: int) -> int:
        """Since when something has been so: from its first call on, until `over`; seconds since 1970."""
        self.sql.execute("INSERT OR IGNORE INTO since VALUES (?, ?)", (name, now))
        row = self.sql.execute("SELECT time FROM since WHERE name = ?", (name,)).fetchone()
        return int(row[0])

    def over(self, name: str) -> None:
        """It is not so any more."""
        self.sql.execute("DELETE FROM since WHERE name = ?", (name,))

    def evidence(self, name: str, content: str) -> str:
        """Keep a text that proves something; the name of its file within the folder.

        It is named by its digest and on the disk before the alarm that names it: a crash in between leaves a
        file that the next look finds there.
        """
        raw = content.encode()
        path = self.folder / "evidence" / f"{name}-{hashlib.sha256(raw).hexdigest()[:16]}"
        if not path.is_file():
            path.parent.mkdir(exist_ok=True)
            write_whole(path, raw)
        return f"evidence/{path.name}"


def _open(path: Path) -> sqlite3.Connection:
    """The database, made where there is none."""
    sql = sqlite3.connect(path, isolation_level=None)
    try:
        sql.execute("PRAGMA journal_mode = WAL")
        sql.execute("PRAGMA synchronous = FULL")
        version = sql.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, _VERSION):
            raise BadInput(f"{path} is of version {version}, this program knows {_VERSION}")
        if version == 0:
            # Schema and version in one transaction: a crash leaves an empty file, which is made again.
            sql.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")
    except sqlite3.DatabaseError as error:
        sql.close()
        raise BadInput(f"{path} cannot be used: {error}") from error
    except BaseException:
        sql.close()
        raise
    return sql


def _kept(row: tuple[int, int, str, int]) -> Kept:
    alarm: dict[str, Json] = json.loads(row[2])
    return Kept(row[0], row[1], alarm, row[3])
