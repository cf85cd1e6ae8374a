"""The tables of the chain writer, the chain watcher and the sessions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the change."""
    _chain_intents()
    _chain_lanes()
    _chain_streams()
    _login_nonces()
    _sessions()
    _chain_attempts()
    _chain_blocks()
    _chain_events()


def _chain_intents() -> None:
    op.create_table(
        "chain_intents",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("to_address", sa.Text(), nullable=True),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("value", sa.Numeric(78, 0), nullable=False),
        sa.Column("state", sa.Text(), server_default="QUEUED", nullable=False),
        sa.Column("nonce", sa.BigInteger(), nullable=True),
        sa.Column("contract", sa.Text(), nullable=True),
        sa.Column("transaction_hash", sa.LargeBinary(), nullable=True),
        sa.Column("block_number", sa.BigInteger(), nullable=True),
        sa.Column("block_hash", sa.LargeBinary(), nullable=True),
        sa.Column("gas_used", sa.BigInteger(), nullable=True),
        sa.Column("gas_price", sa.Numeric(78, 0), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("final", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("acknowledged", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state <> 'FINAL' OR final", name=op.f("ck_chain_intents_final")),
        sa.CheckConstraint(
            "state IN ('QUEUED', 'FINAL', 'REJECTED') OR nonce IS NOT NULL",
            name=op.f("ck_chain_intents_nonce"),
        ),
        sa.CheckConstraint(
            "state IN ('QUEUED', 'SIGNED', 'BROADCAST', 'MINED', 'FINAL', 'REJECTED', 'FOREIGN')",
            name=op.f("ck_chain_intents_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chain_intents")),
        sa.UniqueConstraint("chain_id", "account", "key", name=op.f("uq_chain_intents_chain_id_account_key")),
        sa.UniqueConstraint(
            "chain_id", "account", "nonce", name=op.f("uq_chain_intents_chain_id_account_nonce")
        ),
    )
    _chain_intents_open()


def _chain_intents_open() -> None:
    op.create_index(
        "ix_chain_intents_open",
        "chain_intents",
        ["chain_id", "account", "id"],
        unique=False,
        postgresql_where=sa.text("NOT final"),
    )


def _chain_lanes() -> None:
    op.create_table(
        "chain_lanes",
        sa.Column("chain_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("genesis", sa.LargeBinary(), nullable=False),
        sa.Column("first_nonce", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("chain_id", "account", name=op.f("pk_chain_lanes")),
    )


def _chain_streams() -> None:
    op.create_table(
        "chain_streams",
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("genesis", sa.LargeBinary(), nullable=False),
        sa.Column("read_to", sa.BigInteger(), nullable=False),
        sa.Column("final_to", sa.BigInteger(), nullable=False),
        sa.Column("alarm", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("stream", name=op.f("pk_chain_streams")),
    )


def _login_nonces() -> None:
    op.create_table(
        "login_nonces",
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("nonce", name=op.f("pk_login_nonces")),
    )
    op.create_index("ix_login_nonces_expires_at", "login_nonces", ["expires_at"], unique=False)


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("octet_length(token_hash) = 32", name=op.f("ck_sessions_token_hash")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sessions")),
    )
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"], unique=False)


def _chain_attempts() -> None:
    op.create_table(
        "chain_attempts",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("intent", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("gas", sa.BigInteger(), nullable=False),
        sa.Column("max_fee", sa.Numeric(78, 0), nullable=False),
        sa.Column("priority_fee", sa.Numeric(78, 0), nullable=False),
        sa.Column("signed_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["intent"], ["chain_intents.id"], name=op.f("fk_chain_attempts_intent_chain_intents")
        ),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_chain_attempts")),
        sa.UniqueConstraint("intent", "number", name=op.f("uq_chain_attempts_intent_number")),
    )


def _chain_blocks() -> None:
    op.create_table(
        "chain_blocks",
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["stream"], ["chain_streams.stream"], name=op.f("fk_chain_blocks_stream_chain_streams")
        ),
        sa.PrimaryKeyConstraint("stream", "number", name=op.f("pk_chain_blocks")),
    )


def _chain_events() -> None:
    op.create_table(
        "chain_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.Column("block_hash", sa.LargeBinary(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.Column("transaction_hash", sa.LargeBinary(), nullable=False),
        sa.Column("args", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("final", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.ForeignKeyConstraint(
            ["stream"], ["chain_streams.stream"], name=op.f("fk_chain_events_stream_chain_streams")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chain_events")),
        sa.UniqueConstraint(
            "stream", "block_number", "log_index", name=op.f("uq_chain_events_stream_block_number_log_index")
        ),
    )
    op.create_index("ix_chain_events_name", "chain_events", ["stream", "name", "id"], unique=False)
