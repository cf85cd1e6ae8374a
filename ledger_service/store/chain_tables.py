"""Tables of the chain writer and the chain watcher.

Writer: a lane is one account on one chain; an intent is one thing to be done there, an attempt one signed
transaction that would do it. The intents' `nonce` column is the nonce counter of the lane.
Watcher: a stream is one set of contracts that is read; its cursor, newest block hashes and events move
together.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from ledger_service.store.metadata import metadata

STATES = ("QUEUED", "SIGNED", "BROADCAST", "MINED", "FINAL", "REJECTED", "FOREIGN")


class Uint256(TypeDecorator[int]):
    """An unsigned 256-bit integer: `NUMERIC(78)` in the database, `int` here."""

    impl = Numeric(78, 0)
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:
        """Exact: PostgreSQL's numeric of scale 0 is an integer."""
        return None if value is None else int(value)


def _state_list() -> str:
    return ", ".join(f"'{state}'" for state in STATES)


lanes = Table(
    "chain_lanes",
    metadata,
    Column("chain_id", BigInteger, primary_key=True, autoincrement=False),
    Column("account", Text, primary_key=True),
    Column("genesis", LargeBinary, nullable=False),  # hash of the chain's block 0
    # The account's transaction count when the lane was opened: the nonce of the lane's first intent.
    Column("first_nonce", BigInteger, nullable=False),
)

intents = Table(
    "chain_intents",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("chain_id", BigInteger, nullable=False),
    Column("account", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("to_address", Text),  # null: the intent creates a contract
    Column("data", LargeBinary, nullable=False),
    Column("value", Uint256, nullable=False),
    Column("state", Text, nullable=False, server_default="QUEUED"),
    Column("nonce", BigInteger),
    Column("contract", Text),
    Column("transaction_hash", LargeBinary),
    Column("block_number", BigInteger),
    Column("block_hash", LargeBinary),
    Column("gas_used", BigInteger),
    Column("gas_price", Uint256),
    Column("error", Text),
    Column("final", Boolean, nullable=False, server_default=text("false")),
    Column("acknowledged", Boolean, nullable=False, server_default=text("false")),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    UniqueConstraint("chain_id", "account", "key"),
    UniqueConstraint("chain_id", "account", "nonce"),
    CheckConstraint(f"state IN ({_state_list()})", name="state"),
    CheckConstraint("state IN ('QUEUED', 'FINAL', 'REJECTED') OR nonce IS NOT NULL", name="nonce"),
    CheckConstraint("state <> 'FINAL' OR final", name="final"),
    Index("ix_chain_intents_open", "chain_id", "account", "id", postgresql_where=text("NOT final")),
)

attempts = Table(
    "chain_attempts",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("intent", BigInteger, ForeignKey("chain_intents.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("gas", BigInteger, nullable=False),
    Column("max_fee", Uint256, nullable=False),
    Column("priority_fee", Uint256, nullable=False),
    Column("signed_at", BigInteger, nullable=False),
    Column("sent_at", BigInteger),
    Column("error", Text),
    UniqueConstraint("intent", "number"),
)

streams = Table(
    "chain_streams",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("chain_id", BigInteger, nullable=False),
    Column("genesis", LargeBinary, nullable=False),  # hash of the chain's block 0
    Column("read_to", BigInteger, nullable=False),  # the newest block whose events are here
    Column("final_to", BigInteger, nullable=False),  # the newest block that was seen final
    Column("alarm", Text),
)

blocks = Table(
    "chain_blocks",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
    ForeignKeyConstraint(["stream"], ["chain_streams.stream"]),
)

events = Table(
    "chain_events",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("stream", Text, ForeignKey("chain_streams.stream"), nullable=False),
    Column("address", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("block_number", BigInteger, nullable=False),
    Column("block_hash", LargeBinary, nullable=False),
    Column("log_index", BigInteger, nullable=False),
    Column("transaction_hash", LargeBinary, nullable=False),
    Column("args", JSONB, nullable=False),
    Column("final", Boolean, nullable=False, server_default=text("false")),
    UniqueConstraint("stream", "block_number", "log_index"),
    Index("ix_chain_events_name", "stream", "name", "id"),
)
