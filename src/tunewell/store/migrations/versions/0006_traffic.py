"""What was asked and answered in use, and what came of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _interactions()
    _feedback()
    _spool_files()


def _interactions() -> None:
    op.create_table(
        "interactions",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("at", sa.String(40), nullable=False),
        sa.Column("conversation", sa.String(64), nullable=False),
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("arm", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("origin", sa.String(64), nullable=False),
        sa.Column("record", sa.Text, nullable=False),
    )
    for column in ("at", "conversation", "person", "arm", "state"):
        op.create_index(f"ix_interactions_{column}", "interactions", [column])


def _feedback() -> None:
    op.create_table(
        "feedback",
        sa.Column("key", sa.String(128), primary_key=True),
        sa.Column("interaction", sa.String(128), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("at", sa.String(40), nullable=False),
        sa.Column("received", sa.String(40), nullable=False),
        sa.Column("record", sa.Text, nullable=False),
    )
    for column in ("interaction", "at"):
        op.create_index(f"ix_feedback_{column}", "feedback", [column])


def _spool_files() -> None:
    op.create_table(
        "spool_files",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("opened", sa.Integer, nullable=False),
        sa.Column("refused", sa.Integer, nullable=False),
        sa.Column("lost_bytes", sa.Integer, nullable=False),
        sa.Column("at", sa.String(40), nullable=False),
    )


def downgrade() -> None:
    for table in ("spool_files", "feedback", "interactions"):
        op.drop_table(table)
