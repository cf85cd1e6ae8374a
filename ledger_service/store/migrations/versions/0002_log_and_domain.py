"""The tables of the log and of the domain."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the change."""
    _anchors()
    _campaigns()
    _grants()
    _log_entries()
    _log_head()
    _log_tiles()
    _reputations()
    _subject_keys()
    _workers()
    _assignments()
    _auditors()
    _gold()
    _items()
    _labels()
    _matchings()
    _offers()
    _payouts()
    _payrolls()
    _reviews()
    _runs()
    _settlements()
    _truths()


def _anchors() -> None:
    op.create_table(
        "anchors",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("checkpoint", sa.Text(), nullable=False),
        sa.Column("final", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_anchors")),
    )


def _campaigns() -> None:
    op.create_table(
        "campaigns",
        sa.Column("number", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("campaign", sa.LargeBinary(), nullable=False),
        sa.Column("requester", sa.Text(), nullable=False),
        sa.Column("terms", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("specification", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), server_default="draft", nullable=False),
        sa.Column("closing", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("budget", sa.Numeric(78, 0), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=True),
        sa.Column("index", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "state IN ('draft', 'published', 'open', 'closed', 'reviewed', "
            "'inferred', 'payable', 'posted', 'settled', 'finished', 'expired')",
            name=op.f("ck_campaigns_state"),
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_campaigns")),
        sa.UniqueConstraint("campaign", name=op.f("uq_campaigns_campaign")),
    )


def _grants() -> None:
    op.create_table(
        "grants",
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("index", sa.BigInteger(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("session_key", sa.Text(), nullable=False),
        sa.Column("scope", sa.LargeBinary(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("valid_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("leaf", name=op.f("pk_grants")),
    )
    op.create_index("ix_grants_key", "grants", ["worker", "session_key"], unique=False)


def _log_entries() -> None:
    op.create_table(
        "log_entries",
        sa.Column("index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("index", name=op.f("pk_log_entries")),
        sa.UniqueConstraint("leaf", name=op.f("uq_log_entries_leaf")),
    )


def _log_head() -> None:
    op.create_table(
        "log_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("checkpoint", sa.Text(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_log_head_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_head")),
    )


def _log_tiles() -> None:
    op.create_table(
        "log_tiles",
        sa.Column("level", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "index", name=op.f("pk_log_tiles")),
    )


def _reputations() -> None:
    op.create_table(
        "reputations",
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("index", sa.BigInteger(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("domain", sa.LargeBinary(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("standard_error", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("leaf", name=op.f("pk_reputations")),
    )
    op.create_index("ix_reputations_newest", "reputations", ["domain", "worker", "index"], unique=False)


def _subject_keys() -> None:
    op.create_table(
        "subject_keys",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_subject_keys")),
    )


def _workers() -> None:
    op.create_table(
        "workers",
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("skills", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("languages", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("worker", name=op.f("pk_workers")),
    )


def _assignments() -> None:
    op.create_table(
        "assignments",
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("index", sa.BigInteger(), nullable=False),
        sa.Column("campaign", sa.LargeBinary(), nullable=False),
        sa.Column("item", sa.LargeBinary(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("run", sa.LargeBinary(), nullable=False),
        sa.Column("assigned_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.CheckConstraint("state IN ('open', 'done', 'expired')", name=op.f("ck_assignments_state")),
        sa.ForeignKeyConstraint(
            ["campaign"], ["campaigns.campaign"], name=op.f("fk_assignments_campaign_campaigns")
        ),
        sa.PrimaryKeyConstraint("leaf", name=op.f("pk_assignments")),
        sa.UniqueConstraint("campaign", "item", "worker", name=op.f("uq_assignments_campaign_item_worker")),
    )
    op.create_index(
        "ix_assignments_open",
        "assignments",
        ["worker", "index"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
    )


def _auditors() -> None:
    op.create_table(
        "auditors",
        sa.Column("campaign", sa.LargeBinary(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign"], ["campaigns.campaign"], name=op.f("fk_auditors_campaign_campaigns")
        ),
        sa.PrimaryKeyConstraint("campaign", "address", name=op.f("pk_auditors")),
    )


def _gold() -> None:
    op.create_table(
        "gold",
        sa.Column("campaign", sa.LargeBinary(), nullable=False),
        sa.Column("item", sa.LargeBinary(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.Column("opening", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign"], ["campaigns.campaign"], name=op.f("fk_gold_campaign_campaigns")
        ),
        sa.PrimaryKeyConstraint("campaign", "item", name=op.f("pk_gold")),
    )


def _items() -> None:
    op.create_table(
        "items",
        sa.Column("campaign", sa.LargeBinary(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("item", sa.LargeBinary(), nullable=False),
        sa.Column("opening", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign"], ["campaigns.campaign"], name=op.f("fk_items_campaign_campaigns")
        ),
        sa.PrimaryKeyConstraint("campaign", "position", name=op.f("pk_items")),
        sa.UniqueConstraint(
            "campaign",
            "item",
            name=op.f("uq_items_campaign_item"),
            deferrable=True,
            initially="DEFERRED",
        ),
    )


def _labels() -> None:
    op.create_table(
        "labels",
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("index", sa.BigInteger(), nullable=False),
        sa.Column("campaign", sa.LargeBinary(), nullable=False),
        sa.Column("item", sa.LargeBinary(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("assignment", sa.LargeBinary(), nullable=False),
        sa.Column("grant_leaf", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("opening", sa.LargeBinary(), nullable=False),
        sa.Column("deadline", sa.BigInteger(), nullable=False),
        sa.Column("receipt", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign"], ["campaigns.campaign"], name=op.f("fk_labels_campaign_campaigns")
        ),
        sa.PrimaryKeyConstraint("leaf", name=op.f("pk_labels")),
        sa.UniqueConstraint("campaign", "item", "worker", name=op.f("uq_labels_campaign_item_worker")),
    )
    op.create_index("ix_labels_order", "labels", ["campaign", "index"], unique=False)


def _matchings() -> None:
    op.create_table(
        "matchings",
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("index", sa.BigInteger(), nullable=False),
        sa.Column("campaign", sa.LargeBinary(), nullable=False),
        sa.Column("workers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("prices", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign"], ["campaigns.campaign"], name=op.f("fk_matchings_campaign_campaigns")
        ),
        sa.PrimaryKeyConstraint("leaf", name=op.f("pk_matchings")),
    )


def _offers() -> None:
    op.create_table(
        "offers",
        sa.Column("campaign", sa.LargeBinary(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("wanted", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(
            ["campaign"], ["campaigns.campaign"], name=op.f("fk_offers_campaign_campaigns")
        ),
        sa.ForeignKeyConstraint(["worker"], ["workers.worker"], name=op.f("fk_offers_worker_workers")),
        sa.PrimaryKeyConstraint("campaign", "worker", name=op.f("pk_offers")),
    )


def _payouts() -> None:
    op.create_table(
        "payouts",
        sa.Column("campaign", sa.LargeBinary(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("index", sa.BigInteger(), nullable=False),
        sa.Column("run", sa.LargeBinary(), nullable=False),
        sa.Column("amount", sa.Numeric(78, 0), nullable=False),
        sa.Column("statement", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign"], ["campaigns.campaign"], name=op.f("fk_payouts_campaign_campaigns")
        ),
        sa.PrimaryKeyConstraint("campaign", "worker", name=op.f("pk_payouts")),
        sa.UniqueConstraint("campaign", "position", name=op.f("uq_payouts_campaign_position")),
    )


def _payrolls() -> None:
    op.create_table(
        "payrolls",
        sa.Column("campaign", sa.LargeBinary(), nullable=False),
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("total", sa.Numeric(78, 0), nullable=False),
        sa.Column("entries", sa.LargeBinary(), nullable=False),
        sa.Column("evidence", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign"], ["campaigns.campaign"], name=op.f("fk_payrolls_campaign_campaigns")
        ),
        sa.PrimaryKeyConstraint("campaign", "epoch", name=op.f("pk_payrolls")),
    )


def _reviews() -> None:
    op.create_table(
        "reviews",
        sa.Column("label", sa.LargeBinary(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("index", sa.BigInteger(), nullable=False),
        sa.Column("campaign", sa.LargeBinary(), nullable=False),
        sa.Column("verdict", sa.SmallInteger(), nullable=False),
        sa.Column("opening", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign"], ["campaigns.campaign"], name=op.f("fk_reviews_campaign_campaigns")
        ),
        sa.PrimaryKeyConstraint("label", name=op.f("pk_reviews")),
    )
    op.create_index("ix_reviews_order", "reviews", ["campaign", "index"], unique=False)


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("index", sa.BigInteger(), nullable=False),
        sa.Column("campaign", sa.LargeBinary(), nullable=False),
        sa.Column("method", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("parameters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign"], ["campaigns.campaign"], name=op.f("fk_runs_campaign_campaigns")
        ),
        sa.PrimaryKeyConstraint("leaf", name=op.f("pk_runs")),
    )


def _settlements() -> None:
    op.create_table(
        "settlements",
        sa.Column("campaign", sa.LargeBinary(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("index", sa.BigInteger(), nullable=False),
        sa.Column("run", sa.LargeBinary(), nullable=False),
        sa.Column("total", sa.Numeric(78, 0), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign"], ["campaigns.campaign"], name=op.f("fk_settlements_campaign_campaigns")
        ),
        sa.PrimaryKeyConstraint("campaign", name=op.f("pk_settlements")),
    )


def _truths() -> None:
    op.create_table(
        "truths",
        sa.Column("campaign", sa.LargeBinary(), nullable=False),
        sa.Column("item", sa.LargeBinary(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("index", sa.BigInteger(), nullable=False),
        sa.Column("run", sa.LargeBinary(), nullable=False),
        sa.Column("confidence", sa.Integer(), nullable=False),
        sa.Column("opening", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign"], ["campaigns.campaign"], name=op.f("fk_truths_campaign_campaigns")
        ),
        sa.PrimaryKeyConstraint("campaign", "item", name=op.f("pk_truths")),
    )
