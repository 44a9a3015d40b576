"""Runs and batches in the order they came, links of invitations to their author, the ledger."""

from __future__ import annotations

import secrets
import unicodedata
from importlib import import_module

import sqlalchemy as sa
from alembic import op

from tunewell.store import append_only
from tunewell.store.ledger import CHAINED, enter

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = ("audit", "events", "verdicts", "guidelines", "ledger")
"""The tables that can only grow, as of this migration; further ones are made append-only later."""

PAST = 1.0
"""A second after the beginning of time, for links that are no longer valid."""


def upgrade() -> None:
    _number("runs", order="started, id")
    _number("batches", order="created, id")
    _invitations()
    _names()
    _ledger()
    _triggers()
    _enter_everything()


def _number(table: str, *, order: str) -> None:
    """Give the rows of a table numbers, in the order that was held to be theirs until now."""
    op.add_column(table, sa.Column("number", sa.Integer, nullable=False, server_default="0"))
    connection = op.get_bind()
    ids = connection.execute(sa.text(f"SELECT id FROM {table} ORDER BY {order}")).scalars().all()
    number = sa.text(f"UPDATE {table} SET number = :number WHERE id = :id")
    for position, row_id in enumerate(ids, 1):
        connection.execute(number, {"number": position, "id": row_id})
    op.create_index(f"ix_{table}_number", table, ["number"])


def _invitations() -> None:
    """Each link gets an id, and the account that made it; links of nobody known end."""
    for name in ("id", "account"):
        column = sa.Column(name, sa.String(32), nullable=False, server_default="")
        op.add_column("invitations", column)
    connection = op.get_bind()
    accounts = connection.execute(sa.text("SELECT shown, id FROM accounts")).all()
    shown = {name: account for name, account in accounts}
    links = connection.execute(sa.text("SELECT token, author FROM invitations")).all()
    for token, author in links:
        account = shown.get(author, "")
        values = {"id": secrets.token_hex(16), "account": account, "token": token}
        change = "UPDATE invitations SET id = :id, account = :account WHERE token = :token"
        connection.execute(sa.text(change), values)
        if not account and author != "Tunewell":
            end = "UPDATE invitations SET expires = :past WHERE token = :token"
            connection.execute(sa.text(end), {"past": PAST, "token": token})
    op.create_index("ix_invitations_id", "invitations", ["id"], unique=True)
    op.create_index("ix_invitations_account", "invitations", ["account"])


def _names() -> None:
    """Names are compared in compatibility form from now on (full width is plain)."""
    connection = op.get_bind()
    rows = connection.execute(sa.text("SELECT id, name FROM accounts")).all()
    taken = {name for _, name in rows}
    for account, name in rows:
        plain = unicodedata.normalize("NFKC", name).casefold()[:128]
        if plain == name or plain in taken:
            continue
        taken.add(plain)
        change = sa.text("UPDATE accounts SET name = :name WHERE id = :id")
        connection.execute(change, {"name": plain, "id": account})


def _ledger() -> None:
    op.create_table(
        "ledger",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("row", sa.Integer, nullable=False),
        sa.Column("nonce", sa.String(32), nullable=False),
        sa.Column("content", sa.String(64), nullable=False),
        sa.Column("link", sa.String(64), nullable=False),
    )
    op.create_index("ix_ledger_row", "ledger", ["source", "row"])
    op.create_table(
        "ledger_head",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("link", sa.String(64), nullable=False),
    )
    op.execute("INSERT INTO ledger_head (id, number, link) VALUES (1, 0, '')")


def _triggers() -> None:
    connection = op.get_bind()
    dialect = connection.dialect.name
    for table in ("audit", "verdicts"):
        if dialect == "sqlite":
            op.execute(f"DROP TRIGGER {table}_no_update")
            op.execute(f"DROP TRIGGER {table}_no_delete")
        else:
            op.execute(f"DROP TRIGGER {table}_append_only ON {table}")
            op.execute(f"DROP FUNCTION {table}_append_only()")
    inspector = sa.inspect(connection)
    columns = {}
    for table in TABLES:
        columns[table] = [column["name"] for column in inspector.get_columns(table)]
    made = [*append_only.function(dialect), *append_only.statements(dialect, columns)]
    for statement in made:
        connection.exec_driver_sql(
            statement.replace("%", "%%") if dialect != "sqlite" else statement
        )


def _enter_everything() -> None:
    """What was written before there was a ledger is in it from now on, as it stands today."""
    connection = op.get_bind()
    for name in ("audit", "events", "verdicts"):
        table = CHAINED[name]
        rows = connection.execute(sa.select(table).order_by(table.c.number)).mappings().all()
        for row in rows:
            enter(connection, table, dict(row))


def downgrade() -> None:
    """Without the ledger the tables are as append-only as they were before."""
    connection = op.get_bind()
    dialect = connection.dialect.name
    undone = [*append_only.undo(dialect, TABLES), *append_only.undo_function(dialect)]
    for statement in undone:
        connection.exec_driver_sql(statement)
    refuse_changes = import_module("tunewell.store.migrations.versions.0002_accounts_and_work")
    for table in ("audit", "verdicts"):
        refuse_changes.refuse_changes(table)
    for table in ("ledger", "ledger_head"):
        op.drop_table(table)
    for name in ("id", "account"):
        op.drop_index(f"ix_invitations_{name}", "invitations")
        op.drop_column("invitations", name)
    for table in ("runs", "batches"):
        op.drop_index(f"ix_{table}_number", table)
        op.drop_column(table, "number")
