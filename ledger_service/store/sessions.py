"""Login nonces and sessions.

A nonce is used once, whoever comes first. A session is known by the SHA-256 of its token alone; the token has
256 bits, so there is nothing to salt and nothing to compare in constant time.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sqlalchemy import Column, Connection, Table, bindparam, delete, insert, select

from ledger_service.store.prepared import Prepared
from ledger_service.store.rows import among
from ledger_service.store.session_tables import login_nonces, sessions

NONCE_SECONDS = 600
SESSION_SECONDS = 86_400
TOKEN_BYTES = 32
NONCE_BYTES = 16
SWEEP = 100
ENDED = "the session has ended, or never was: sign in again"

OWNER = Prepared(
    select(sessions.c.address).where(
        sessions.c.token_hash == bindparam("token"), sessions.c.expires_at > bindparam("now")
    )
)
_TOKEN_RE = re.compile(r"[A-Za-z0-9_-]{43}")


def wall_clock() -> int:
    """Seconds since 1970 by this machine's clock."""
    return int(time.time())


@dataclass(frozen=True, slots=True)
class Session:
    """A session as it is handed to its owner, once: only the token's hash is kept."""

    token: str = field(repr=False)
    address: str
    expires_at: int


class Sessions:
    """Login nonces and sessions, within one transaction.

    Args:
        connection: the transaction's.
        clock: the machine's seconds; what makes nonces and sessions end.
        random: as many random bytes as asked for.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        clock: Callable[[], int] = wall_clock,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._connection = connection
        self.clock = clock
        self._random = random

    def issue_nonce(self) -> str:
        """A new nonce of 32 letters and digits, good for one login within `NONCE_SECONDS`.

        Anyone may ask for one, so each new nonce also clears away some that have ended.
        """
        now = self.clock()
        self._sweep(login_nonces, login_nonces.c.nonce, now)
        nonce = self._random(NONCE_BYTES).hex()
        row = {"nonce": nonce, "expires_at": now + NONCE_SECONDS}
        self._connection.execute(insert(login_nonces).values(row))
        return nonce

    def consume_nonce(self, nonce: str) -> bool:
        """Use a nonce up. False: it was never given out, has been used, or has ended.

        Of two transactions that use the same nonce, the second waits for the first, and finds it used if the
        first commits.
        """
        query = (
            delete(login_nonces)
            .where(login_nonces.c.nonce == nonce, login_nonces.c.expires_at > self.clock())
            .returning(login_nonces.c.nonce)
        )
        return self._connection.execute(query).first() is not None

    def open(self, address: str) -> Session:
        """A new session of `address` (lower case), for `SESSION_SECONDS`."""
        now = self.clock()
        self._sweep(sessions, sessions.c.token_hash, now)
        token = base64.urlsafe_b64encode(self._random(TOKEN_BYTES)).rstrip(b"=").decode()
        opened = Session(token, address, now + SESSION_SECONDS)
        row = {"token_hash": _hash(token), "address": address, "expires_at": opened.expires_at}
        self._connection.execute(insert(sessions).values(row))
        return opened

    def find(self, token: str, now: int | None = None) -> str | None:
        """Whose session this is at `now` (by default the clock's); None: nobody's, or it has ended."""
        return self.find_all([token], now).get(token)

    def find_all(self, tokens: Iterable[str], now: int | None = None) -> dict[str, str]:
        """Whose session each of the tokens is, as `find` says it; without those that are nobody's."""
        hashes = {_hash(token): token for token in tokens if _TOKEN_RE.fullmatch(token)}
        query = select(sessions.c.token_hash, sessions.c.address).where(
            among(sessions.c.token_hash, hashes),
            sessions.c.expires_at > (self.clock() if now is None else now),
        )
        found = self._connection.execute(query) if hashes else ()
        return {hashes[bytes(token_hash)]: address for token_hash, address in found}

    def close(self, token: str) -> bool:
        """End a session. False: there was none."""
        if not _TOKEN_RE.fullmatch(token):
            return False
        query = delete(sessions).where(sessions.c.token_hash == _hash(token)).returning(sessions.c.address)
        return self._connection.execute(query).first() is not None

    def purge(self, now: int | None = None) -> int:
        """Delete every nonce and session that has ended at `now`; how many there were."""
        at = self.clock() if now is None else now
        return sum(
            self._connection.execute(delete(table).where(table.c.expires_at <= at)).rowcount
            for table in (login_nonces, sessions)
        )

    def _sweep(self, table: Table, key: Column[str] | Column[bytes], now: int) -> None:
        """Delete up to `SWEEP` rows that have ended, leaving alone those that another transaction deletes."""
        ended = (
            select(key).where(table.c.expires_at <= now).limit(SWEEP).with_for_update(skip_locked=True)
        )  # locked in whatever order, but never waited for: so no deadlock
        self._connection.execute(delete(table).where(key.in_(ended)))


def owner_values(token: str) -> dict[str, bytes | int]:
    """What `OWNER` is asked with. For what is no token it finds nobody."""
    return {"token": _hash(token), "now": wall_clock()}


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
