"""The one database: transactions, and the repositories within one."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DataError, IntegrityError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from ledger_service.errors import BadInput, Conflict, Unavailable
from ledger_service.log.checkpoint import LogKey
from ledger_service.store.anchors import Anchors
from ledger_service.store.assignments import Assignments
from ledger_service.store.campaigns import Campaigns, Items
from ledger_service.store.chain import ChainIntents
from ledger_service.store.judgements import Judgements
from ledger_service.store.labels import Labels
from ledger_service.store.log import Log, Memory
from ledger_service.store.onchain import OnChain
from ledger_service.store.payouts import Payouts
from ledger_service.store.sessions import Sessions
from ledger_service.store.vault import Vault
from ledger_service.store.workers import Workers

# A connection is asked whether it lives only when it has been idle for a while: each asking is a journey.
_TRUSTED_SECONDS = 1.0
_IDLE_SINCE = "idle since"


class UnitOfWork:
    """One transaction: what its repositories write is committed together, or not at all."""

    def __init__(self, connection: Connection, store: Store) -> None:
        self.connection = connection
        self._store = store

    @cached_property
    def log(self) -> Log:
        """Entries, tiles, head."""
        return Log(self.connection, self._store.log_key, self._store.log_memory)

    @cached_property
    def vault(self) -> Vault:
        """Encrypted openings."""
        return Vault(self.connection, self._store.storage_key)

    @cached_property
    def campaigns(self) -> Campaigns:
        """Campaigns and their auditors."""
        return Campaigns(self.connection)

    @cached_property
    def items(self) -> Items:
        """Items and gold answers."""
        return Items(self.connection)

    @cached_property
    def workers(self) -> Workers:
        """Profiles, grants, offers."""
        return Workers(self.connection)

    @cached_property
    def assignments(self) -> Assignments:
        """Matching runs and assignments."""
        return Assignments(self.connection)

    @cached_property
    def labels(self) -> Labels:
        """Labels and reviews."""
        return Labels(self.connection)

    @cached_property
    def judgements(self) -> Judgements:
        """Runs, truths, reputations."""
        return Judgements(self.connection)

    @cached_property
    def payouts(self) -> Payouts:
        """Payouts, settlements, payrolls."""
        return Payouts(self.connection)

    @cached_property
    def anchors(self) -> Anchors:
        """Heads on their way to the chain."""
        return Anchors(self.connection)

    @cached_property
    def sessions(self) -> Sessions:
        """Login nonces and sessions."""
        return Sessions(self.connection)

    @cached_property
    def intents(self) -> ChainIntents:
        """What is to be written to the chain."""
        return ChainIntents(self.connection)

    @cached_property
    def onchain(self) -> OnChain:
        """What the chain finally says."""
        return OnChain(self.connection)


class Store:
    """The database and the two keys that its rows are made with. Neither key appears in `repr`."""

    def __init__(self, engine: Engine, log_key: LogKey, storage_key: bytes) -> None:
        self.engine, self.log_key, self.storage_key = engine, log_key, storage_key
        self._looking = engine.execution_options(isolation_level="AUTOCOMMIT")
        self.log_memory = Memory()

    @contextmanager
    def begin(self) -> Iterator[UnitOfWork]:
        """A transaction: committed at the end, rolled back when anything is raised.

        Raises:
            Unavailable: the database does not answer.
            BadInput: a value that the database cannot hold (U+0000 in a text, a number beyond its column).
            Conflict: a row that contradicts one that is there.
        """
        with _our_errors(), self.engine.begin() as connection:
            yield UnitOfWork(connection, self)

    @contextmanager
    def look(self) -> Iterator[UnitOfWork]:
        """For reading, without the journeys to the server that begin and end a transaction.

        What several queries say need not be of one moment. Raises as `begin`.
        """
        with _our_errors(), self._looking.connect() as connection:
            yield UnitOfWork(connection, self)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


@contextmanager
def _our_errors() -> Iterator[None]:
    """Within the block, SQLAlchemy's errors become ours."""
    try:
        yield
    except OperationalError as error:
        raise Unavailable("the database does not answer") from error
    except PoolTimeout as error:
        raise Unavailable("all connections to the database are taken") from error
    except DataError as error:
        raise BadInput("a value that cannot be stored") from error
    except IntegrityError as error:
        raise Conflict("this contradicts what is stored already") from error


def connect(database_url: str) -> Engine:
    """An engine for a PostgreSQL URL (psycopg 3)."""
    # Bound values are content, statements and nonces: they stay out of error messages.
    # The connection given back last is taken first: its server process has the most at hand.
    engine = create_engine(
        database_url, pool_size=10, max_overflow=10, pool_use_lifo=True, hide_parameters=True
    )

    def given_back(_: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        record.info[_IDLE_SINCE] = time.monotonic()

    def taken(connection: DBAPIConnection, record: ConnectionPoolEntry, _: object) -> None:
        if time.monotonic() - record.info.get(_IDLE_SINCE, math.inf) > _TRUSTED_SECONDS:
            try:
                engine.dialect.do_ping(connection)
            except psycopg.Error as error:  # the server was restarted: then all connections are gone
                raise InvalidatePoolError from error

    event.listen(engine, "checkin", given_back)
    event.listen(engine, "checkout", taken)
    return engine
