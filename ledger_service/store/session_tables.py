"""Tables of signing in. Times are seconds of the machine's clock, never of a chain's."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, LargeBinary, Table, Text

from ledger_service.store.metadata import metadata

# Given out, not yet used; a row is deleted by the login that uses it.
login_nonces = Table(
    "login_nonces",
    metadata,
    Column("nonce", Text, primary_key=True),
    Column("expires_at", BigInteger, nullable=False),
    Index("ix_login_nonces_expires_at", "expires_at"),
)

# A token is nowhere in the database: who reads a backup cannot act as anybody.
sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("address", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    CheckConstraint("octet_length(token_hash) = 32", name="token_hash"),
    Index("ix_sessions_expires_at", "expires_at"),
)
