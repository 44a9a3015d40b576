"""Counts of seats, results as last computed, guidelines by version, addresses, single sign-on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tallies",
        sa.Column("batch", sa.String(32), primary_key=True),
        sa.Column("account", sa.String(32), primary_key=True),
        sa.Column("open", sa.Integer, nullable=False),
        sa.Column("done", sa.Integer, nullable=False),
        sa.Index("ix_tallies_account", "account"),
    )
    op.execute(
        "INSERT INTO tallies (batch, account, open, done) "
        "SELECT batch, account, "
        "SUM(CASE WHEN status = 'open' THEN 1 ELSE 0 END), "
        "SUM(CASE WHEN status = 'done' THEN 1 ELSE 0 END) "
        "FROM assignments "
        "GROUP BY batch, account"
    )
    op.create_table(
        "readings",
        sa.Column("batch", sa.String(32), primary_key=True),
        sa.Column("upto", sa.Integer, nullable=False),
        sa.Column("made", sa.String(64), nullable=False),
        sa.Column("at", sa.String(40), nullable=False),
        sa.Column("record", sa.Text, nullable=False),
    )
    op.create_table(
        "guidelines",
        sa.Column("version", sa.String(64), primary_key=True),
        sa.Column("at", sa.String(40), nullable=False),
        sa.Column("record", sa.Text, nullable=False),
    )
    op.drop_index("ix_verdicts_batch", "verdicts")
    op.create_index("ix_verdicts_batch_number", "verdicts", ["batch", "number"])
    op.add_column("accounts", sa.Column("email", sa.String(320), nullable=False, server_default=""))
    op.create_table(
        "identities",
        sa.Column("issuer", sa.String(200), primary_key=True),
        sa.Column("subject", sa.String(255), primary_key=True),
        sa.Column("account", sa.String(32), nullable=False, index=True),
    )
    op.create_table(
        "sso_attempts",
        sa.Column("state", sa.String(64), primary_key=True),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("expires", sa.Float, nullable=False),
    )


def downgrade() -> None:
    for table in ("sso_attempts", "identities", "guidelines", "readings", "tallies"):
        op.drop_table(table)
    op.drop_column("accounts", "email")
    op.drop_index("ix_verdicts_batch_number", "verdicts")
    op.create_index("ix_verdicts_batch", "verdicts", ["batch"])
