"""Tables of the log and of the domain. A domain row names its log entry by leaf hash and by index."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from ledger_service.store.chain_tables import Uint256
from ledger_service.store.metadata import metadata

CAMPAIGN_STATES = (
    "draft", "published", "open", "closed", "reviewed",
    "inferred", "payable", "posted", "void", "settled", "finished", "expired",
)  # fmt: skip
_states = ", ".join(f"'{state}'" for state in CAMPAIGN_STATES)

log_entries = Table(
    "log_entries",
    metadata,
    Column("index", BigInteger, primary_key=True, autoincrement=False),
    Column("leaf", LargeBinary, nullable=False),
    Column("kind", Text, nullable=False),
    Column("raw", LargeBinary, nullable=False),
)

log_tiles = Table(
    "log_tiles",
    metadata,
    Column("level", SmallInteger, primary_key=True, autoincrement=False),
    Column("index", BigInteger, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False),
)

# One row: the newest signed head. Its row lock is what makes appends one after the other.
log_head = Table(
    "log_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("checkpoint", Text, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)

# One row where witnesses cosign, none elsewhere: the head that readers are shown.
log_published = Table(
    "log_published",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("checkpoint", Text, nullable=False),
    Column("witnesses", JSONB, nullable=False),
    Column("times", JSONB, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)

# Heads that were sent to the chain, with their signed checkpoints and the vkeys of the witnesses in them.
anchors = Table(
    "anchors",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("checkpoint", Text, nullable=False),
    Column("final", Boolean, nullable=False, server_default=text("false")),
    Column("witnesses", JSONB, nullable=False, server_default=text("'[]'")),
)

campaigns = Table(
    "campaigns",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=True),
    Column("campaign", LargeBinary, nullable=False, unique=True),
    Column("requester", Text, nullable=False),
    Column("terms", JSONB, nullable=False),
    Column("specification", JSONB, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("state", Text, nullable=False, server_default="draft"),
    Column("closing", Boolean, nullable=False, server_default=text("false")),
    Column("budget", Uint256, nullable=False),
    Column("workers", Integer, nullable=False, server_default=text("0")),
    Column("leaf", LargeBinary),
    Column("index", BigInteger),
    CheckConstraint(f"state IN ({_states})", name="state"),
    Index("ix_campaigns_brief", text("(terms ->> 'brief')"), "requester"),
)

auditors = Table(
    "auditors",
    metadata,
    Column("campaign", ForeignKey("campaigns.campaign"), primary_key=True),
    Column("address", Text, primary_key=True),
)

items = Table(
    "items",
    metadata,
    Column("campaign", ForeignKey("campaigns.campaign"), primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("item", LargeBinary, nullable=False),
    Column("opening", LargeBinary, nullable=False),
    # Deferred, so that two items can change places.
    UniqueConstraint("campaign", "item", deferrable=True, initially="DEFERRED"),
)

gold = Table(
    "gold",
    metadata,
    Column("campaign", ForeignKey("campaigns.campaign"), primary_key=True),
    Column("item", LargeBinary, primary_key=True),
    Column("answer", LargeBinary, nullable=False),
    Column("opening", LargeBinary, nullable=False),
)

workers = Table(
    "workers",
    metadata,
    Column("worker", Text, primary_key=True),
    Column("skills", JSONB, nullable=False),
    Column("languages", JSONB, nullable=False),
    Column("capacity", Integer, nullable=False),
)

grants = Table(
    "grants",
    metadata,
    Column("leaf", LargeBinary, primary_key=True),
    Column("index", BigInteger, nullable=False),
    Column("worker", Text, nullable=False),
    Column("session_key", Text, nullable=False),
    Column("scope", LargeBinary, nullable=False),
    Column("valid_from", BigInteger, nullable=False),
    Column("valid_until", BigInteger, nullable=False),
    Index("ix_grants_key", "worker", "session_key"),
)

# A worker that joined a campaign; `wanted` is null for any item, else the ids it is willing to take.
offers = Table(
    "offers",
    metadata,
    Column("campaign", ForeignKey("campaigns.campaign"), primary_key=True),
    Column("worker", ForeignKey("workers.worker"), primary_key=True),
    Column("wanted", JSONB),
)

matchings = Table(
    "matchings",
    metadata,
    Column("leaf", LargeBinary, primary_key=True),
    Column("index", BigInteger, nullable=False),
    Column("campaign", ForeignKey("campaigns.campaign"), nullable=False),
    Column("workers", JSONB, nullable=False),
    Column("prices", JSONB, nullable=False),
)

assignments = Table(
    "assignments",
    metadata,
    Column("leaf", LargeBinary, primary_key=True),
    Column("index", BigInteger, nullable=False),
    Column("campaign", ForeignKey("campaigns.campaign"), nullable=False),
    Column("item", LargeBinary, nullable=False),
    Column("worker", Text, nullable=False),
    Column("run", LargeBinary, nullable=False),
    Column("assigned_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("state", Text, nullable=False, server_default="open"),
    UniqueConstraint("campaign", "item", "worker"),
    CheckConstraint("state IN ('open', 'done', 'expired')", name="state"),
    Index("ix_assignments_open", "worker", "index", postgresql_where=text("state = 'open'")),
)

labels = Table(
    "labels",
    metadata,
    Column("leaf", LargeBinary, primary_key=True),
    Column("index", BigInteger, nullable=False),
    Column("campaign", ForeignKey("campaigns.campaign"), nullable=False),
    Column("item", LargeBinary, nullable=False),
    Column("worker", Text, nullable=False),
    Column("assignment", LargeBinary, nullable=False),
    Column("grant_leaf", LargeBinary, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("opening", LargeBinary, nullable=False),
    Column("deadline", BigInteger, nullable=False),
    Column("receipt", LargeBinary, nullable=False),
    UniqueConstraint("campaign", "item", "worker"),
    Index("ix_labels_order", "campaign", "index"),
)

reviews = Table(
    "reviews",
    metadata,
    Column("label", LargeBinary, primary_key=True),
    Column("leaf", LargeBinary, nullable=False),
    Column("index", BigInteger, nullable=False),
    Column("campaign", ForeignKey("campaigns.campaign"), nullable=False),
    Column("verdict", SmallInteger, nullable=False),
    Column("opening", LargeBinary, nullable=False),
    Index("ix_reviews_order", "campaign", "index"),
)

runs = Table(
    "runs",
    metadata,
    Column("leaf", LargeBinary, primary_key=True),
    Column("index", BigInteger, nullable=False),
    Column("campaign", ForeignKey("campaigns.campaign"), nullable=False),
    Column("method", JSONB, nullable=False),
    Column("parameters", JSONB, nullable=False),
)

truths = Table(
    "truths",
    metadata,
    Column("campaign", ForeignKey("campaigns.campaign"), primary_key=True),
    Column("item", LargeBinary, primary_key=True),
    Column("leaf", LargeBinary, nullable=False),
    Column("index", BigInteger, nullable=False),
    Column("run", LargeBinary, nullable=False),
    Column("confidence", Integer, nullable=False),
    Column("opening", LargeBinary, nullable=False),
)

reputations = Table(
    "reputations",
    metadata,
    Column("leaf", LargeBinary, primary_key=True),
    Column("index", BigInteger, nullable=False),
    Column("worker", Text, nullable=False),
    Column("domain", LargeBinary, nullable=False),
    Column("score", Integer, nullable=False),
    Column("standard_error", Integer, nullable=False),
    Index("ix_reputations_newest", "domain", "worker", "index"),
)

payouts = Table(
    "payouts",
    metadata,
    Column("campaign", ForeignKey("campaigns.campaign"), primary_key=True),
    Column("worker", Text, primary_key=True),
    Column("position", Integer, nullable=False),  # index in the payroll tree
    Column("leaf", LargeBinary, nullable=False),
    Column("index", BigInteger, nullable=False),
    Column("run", LargeBinary, nullable=False),
    Column("amount", Uint256, nullable=False),
    Column("statement", JSONB, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    UniqueConstraint("campaign", "position"),
)

settlements = Table(
    "settlements",
    metadata,
    Column("campaign", ForeignKey("campaigns.campaign"), primary_key=True),
    Column("leaf", LargeBinary, nullable=False),
    Column("index", BigInteger, nullable=False),
    Column("run", LargeBinary, nullable=False),
    Column("total", Uint256, nullable=False),
)

# The payroll as it is posted: `evidence` is the anchored size it was computed from. `posted_at`, and
# `disputed_at` of a dispute that is open, are the contract's block times, once it has been asked.
payrolls = Table(
    "payrolls",
    metadata,
    Column("campaign", ForeignKey("campaigns.campaign"), primary_key=True),
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("count", Integer, nullable=False),
    Column("total", Uint256, nullable=False),
    Column("entries", LargeBinary, nullable=False),
    Column("evidence", BigInteger, nullable=False),
    Column("posted_at", BigInteger),
    Column("disputed_at", BigInteger),
)

# Content is encrypted under a key per subject; destroying the row makes it unreadable for ever.
subject_keys = Table(
    "subject_keys",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
)
