"""Blind comparisons: designs, pairs, questions to human agents, ratings that can only grow."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TOMBSTONE = '{"erased": true}'
COLUMNS = ("number", "account", "key", "experiment", "kind", "subject", "at", "seconds", "record")


def upgrade() -> None:
    op.create_table(
        "experiments",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(128), nullable=False, unique=True),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("created", sa.String(40), nullable=False),
        sa.Column("author", sa.String(128), nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False, index=True),
    )
    op.create_table(
        "pairs",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("experiment", sa.String(32), nullable=False),
        sa.Column("account", sa.String(32), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("question", sa.String(32), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.Index("ix_pairs_queue", "experiment", "account", "position"),
        sa.Index("ix_pairs_question", "question"),
    )
    op.create_table(
        "requests",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("experiment", sa.String(32), nullable=False, index=True),
        sa.Column("question", sa.String(32), nullable=False, unique=True),
        sa.Column("account", sa.String(32), nullable=False),
        sa.Column("due", sa.Float, nullable=False),
        sa.Column("created", sa.String(40), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.Index("ix_requests_inbox", "account", "status"),
    )
    op.create_table(
        "ratings",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("account", sa.String(32), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("experiment", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("subject", sa.String(32), nullable=False),
        sa.Column("at", sa.String(40), nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.UniqueConstraint("account", "key", name="uq_ratings_key"),
        sa.Index("ix_ratings_experiment", "experiment", "number"),
    )
    connection = op.get_bind()
    for statement in _refusals(connection.dialect.name):
        connection.exec_driver_sql(statement)


def _refusals(dialect: str) -> list[str]:
    """Triggers that refuse every change of a rating but blanking its content."""
    if dialect != "sqlite":
        call = f'EXECUTE FUNCTION tunewell_append_only(\'{{"record": "{_escaped()}"}}\')'
        made = [
            "CREATE TRIGGER ratings_no_change BEFORE UPDATE OR DELETE ON ratings "
            f"FOR EACH ROW {call}",
            "CREATE TRIGGER ratings_no_truncate BEFORE TRUNCATE ON ratings "
            "FOR EACH STATEMENT EXECUTE FUNCTION tunewell_append_only()",
        ]
        for name in ("ratings_no_change", "ratings_no_truncate"):
            made.append(f"ALTER TABLE ratings ENABLE ALWAYS TRIGGER {name}")
        return made

    refuse = "BEGIN SELECT RAISE(ABORT, 'ratings is append-only'); END"
    kept = []
    for name in COLUMNS:
        value = f"'{TOMBSTONE}'" if name == "record" else f'OLD."{name}"'
        kept.append(f'NEW."{name}" IS {value}')
    same = "SELECT 1 FROM ratings WHERE"
    return [
        "CREATE TRIGGER ratings_no_update BEFORE UPDATE ON ratings "
        f"WHEN NOT ({' AND '.join(kept)}) {refuse}",
        f"CREATE TRIGGER ratings_no_delete BEFORE DELETE ON ratings {refuse}",
        "CREATE TRIGGER ratings_no_replace BEFORE INSERT ON ratings "
        f'WHEN EXISTS ({same} "number" = NEW."number") {refuse}',
        "CREATE TRIGGER ratings_no_second BEFORE INSERT ON ratings "
        f"WHEN EXISTS ({same} account = NEW.account AND key = NEW.key) {refuse}",
    ]


def _escaped() -> str:
    """The tombstone as a text inside the function's JSON argument."""
    return TOMBSTONE.replace('"', '\\"')


def downgrade() -> None:
    # Dropping a table drops its triggers; the ledger's entries of ratings stay, and name it.
    for table in ("ratings", "requests", "pairs", "experiments"):
        op.drop_table(table)
