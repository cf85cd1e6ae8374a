"""Campaigns that share a specification, and payrolls that are void and posted anew."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

STATES = (
    "'draft', 'published', 'open', 'closed', 'reviewed', 'inferred', 'payable', 'posted', 'void', 'settled', "
    "'finished', 'expired'"
)


def upgrade() -> None:
    """Make the change."""
    op.drop_constraint(op.f("ck_campaigns_state"), "campaigns", type_="check")
    op.create_check_constraint(op.f("ck_campaigns_state"), "campaigns", f"state IN ({STATES})")
    op.create_index("ix_campaigns_brief", "campaigns", [sa.text("(terms ->> 'brief')"), "requester"])
    workers = sa.Column("workers", sa.Integer(), server_default=sa.text("0"), nullable=False)
    op.add_column("campaigns", workers)
    op.execute(
        "UPDATE campaigns SET workers = (SELECT count(DISTINCT worker) FROM assignments"
        " WHERE assignments.campaign = campaigns.campaign)"
    )
    op.add_column("payrolls", sa.Column("posted_at", sa.BigInteger(), nullable=True))
    op.add_column("payrolls", sa.Column("disputed_at", sa.BigInteger(), nullable=True))
