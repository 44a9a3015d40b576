"""Runs and batches in the order they came, links of invitations to their author, the ledger.

Tables, triggers and digests are written out here as they stood when this was released: nothing is
imported that may change.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import unicodedata
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

PAST = 1.0
"""A second after the beginning of time, for links that are no longer valid."""

COLUMNS = {
    "audit": ("number", "at", "account", "action", "subject", "record"),
    "events": ("number", "kind", "subject", "author", "at", "record"),
    "verdicts": (
        "number",
        "account",
        "key",
        "item",
        "batch",
        "at",
        "seconds",
        "version",
        "record",
    ),
    "guidelines": ("version", "at", "record"),
    "ledger": ("number", "source", "row", "nonce", "content", "link"),
}
"""Tables that can only grow, with their columns."""

CHAINED = ("audit", "events", "verdicts")
"""Those whose rows have entries in the ledger."""

TOMBSTONE = '{"erased": true}'

BLANKS: dict[str, Mapping[str, str]] = {
    "audit": {"account": "", "subject": "", "record": TOMBSTONE},
    "events": {"author": "", "record": TOMBSTONE},
    "verdicts": {"record": TOMBSTONE},
    "guidelines": {},
    "ledger": {"nonce": ""},
}
"""Columns that hold content, and what they may be blanked with."""

SAME_ROW = {
    "audit": "number",
    "events": "number",
    "verdicts": "number",
    "guidelines": "version",
    "ledger": "number",
}
"""What makes a row of the table one that is there already."""

FUNCTION = "tunewell_append_only"


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
    for statement in _trigger_statements(dialect):
        # Without parameters, PostgreSQL's driver would still read a per cent sign as one.
        connection.exec_driver_sql(
            statement.replace("%", "%%") if dialect != "sqlite" else statement
        )


def _trigger_statements(dialect: str) -> Iterator[str]:
    if dialect == "sqlite":
        for table in BLANKS:
            yield from _for_sqlite(table)
        return
    yield POSTGRES_FUNCTION
    for table in BLANKS:
        yield from _for_postgres(table)


def _for_sqlite(table: str) -> Iterator[str]:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    blank = BLANKS[table]
    kept = []
    for name in COLUMNS[table]:
        value = f"'{blank[name]}'" if name in blank else f'OLD."{name}"'
        kept.append(f'NEW."{name}" IS {value}')
    other = f"WHEN NOT ({' AND '.join(kept)})"
    yield f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} {other} {refuse}"
    yield f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {refuse}"

    # REPLACE deletes without a trigger where the connection has not asked for recursive ones.
    key = SAME_ROW[table]
    there = f'WHEN EXISTS (SELECT 1 FROM {table} WHERE "{key}" = NEW."{key}")'
    yield f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} {there} {refuse}"
    if table == "verdicts":
        there = "WHEN EXISTS (SELECT 1 FROM verdicts WHERE account = NEW.account AND key = NEW.key)"
        yield f"CREATE TRIGGER verdicts_no_second BEFORE INSERT ON verdicts {there} {refuse}"


POSTGRES_FUNCTION = f"""\
CREATE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF to_jsonb(NEW) = to_jsonb(OLD) || (TG_ARGV[0])::jsonb THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$"""


def _for_postgres(table: str) -> Iterator[str]:
    overlay = json.dumps(dict(BLANKS[table])).replace("'", "''")
    yield (
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {FUNCTION}('{overlay}')"
    )
    yield (
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {FUNCTION}()"
    )
    # Also where a session says that it is a replica.
    for name in (f"{table}_no_change", f"{table}_no_truncate"):
        yield f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}"


def _enter_everything() -> None:
    """What was written before there was a ledger is in it from now on, as it stands today."""
    connection = op.get_bind()
    number, link = 0, ""
    for table in CHAINED:
        columns = ", ".join(f'"{name}"' for name in COLUMNS[table])
        query = sa.text(f"SELECT {columns} FROM {table} ORDER BY number")
        for row in connection.execute(query).mappings().all():
            number += 1
            entry = _entry(number, link, table, dict(row))
            link = entry["link"]
            connection.execute(_INSERT_ENTRY, entry)
    change = sa.text("UPDATE ledger_head SET number = :number, link = :link")
    connection.execute(change, {"number": number, "link": link})


_INSERT_ENTRY = sa.text(
    'INSERT INTO ledger (number, source, "row", nonce, content, link) '
    "VALUES (:number, :source, :row, :nonce, :content, :link)"
)


def _entry(number: int, before: str, table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    blank = BLANKS[table]
    nonce = secrets.token_hex(16)
    content = _sha256([nonce, *(row[name] for name in sorted(blank))])
    fixed = [[name, row[name]] for name in sorted(COLUMNS[table]) if name not in blank]
    return {
        "number": number,
        "source": table,
        "row": row["number"],
        "nonce": nonce,
        "content": content,
        "link": _sha256([before, number, table, fixed, content]),
    }


def _sha256(value: object) -> str:
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def downgrade() -> None:
    """Without the ledger the tables are as append-only as they were before."""
    connection = op.get_bind()
    dialect = connection.dialect.name
    endings = ["no_change", "no_truncate"]
    if dialect == "sqlite":
        endings = ["no_update", "no_delete", "no_replace"]
        op.execute("DROP TRIGGER verdicts_no_second")
    for table in BLANKS:
        for ending in endings:
            of_table = "" if dialect == "sqlite" else f" ON {table}"
            op.execute(f"DROP TRIGGER {table}_{ending}{of_table}")
    if dialect != "sqlite":
        op.execute(f"DROP FUNCTION {FUNCTION}()")
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
