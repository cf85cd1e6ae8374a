"""The head that readers are shown while witnesses cosign; anchored heads with the lines of their
witnesses."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "log_published",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("checkpoint", sa.Text(), nullable=False),
        sa.Column("witnesses", JSONB(), nullable=False),
        sa.Column("times", JSONB(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_log_published_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_published")),
    )
    witnesses = sa.Column("witnesses", JSONB(), server_default=sa.text("'[]'"), nullable=False)
    op.add_column("anchors", witnesses)
