"""What can only grow: the database refuses changes, the ledger finds those made in spite of it."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.people.conftest import template
from tunewell.errors import StoreError
from tunewell.people import AuditLog
from tunewell.releases import release
from tunewell.store import LedgerHead, Store
from tunewell.store.append_only import BLANKS


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Store]:
    """A store with events, releases and lines of the audit log, interleaved."""
    with Store(tmp_path) as store:
        audit = AuditLog(store)
        for n in range(8):
            store.say("approval", f"d{n}", author="owner", record={"n": n})
            audit.add("ann", "sign-in", f"subject {n}", n=n)
        release(store, "production", "v1", signed_by="owner", reason="the first")
        yield store


STATEMENTS = [
    "UPDATE audit SET subject = 'x' WHERE number = 1",
    "UPDATE events SET author = 'mallory'",
    "UPDATE events SET record = '{}'",
    "UPDATE ledger SET link = 'x'",
    "UPDATE OR REPLACE audit SET number = 2 WHERE number = 1",
    "DELETE FROM audit WHERE number = 1",
    "DELETE FROM events",
    "DELETE FROM ledger",
    "DELETE FROM guidelines",
    "REPLACE INTO audit SELECT number, at, account, action, 'rewritten', record FROM audit",
    "INSERT OR REPLACE INTO events SELECT number, kind, subject, 'm', at, record FROM events",
    "INSERT INTO ledger SELECT number, source, row, nonce, content, 'x' FROM ledger "
    "WHERE 1 ON CONFLICT (number) DO UPDATE SET link = 'x'",
    "REPLACE INTO ledger SELECT number, source, row, nonce, content, 'x' FROM ledger",
]


@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize("recursive", ["ON", "OFF"])
def test_sqlite_refuses_every_change(filled: Store, statement: str, recursive: str) -> None:
    """On our connections, and on those of a program that has not asked for recursive triggers."""
    if statement == "DELETE FROM guidelines":
        with filled.connection(write=True) as connection:
            connection.execute(sa.text("INSERT INTO guidelines VALUES ('v', 'now', '{}')"))
    with sqlite3.connect(filled.root / "tunewell.db") as other:
        other.execute(f"PRAGMA recursive_triggers = {recursive}")
        with pytest.raises(sqlite3.DatabaseError, match="append-only"):
            other.execute(statement)
        other.rollback()
    other.close()
    assert filled.check_ledger().faults == ()


@pytest.mark.parametrize("table", sorted(BLANKS))
def test_postgresql_refuses_every_change(
    table: str,
    postgres: str,
    tmp_path: Path,
) -> None:
    from tests.people import conftest

    name = f"l{table}"
    conftest._create(postgres, name, template=template(postgres, tmp_path))
    with Store(tmp_path, url=postgres % name) as store:
        with store.connection(write=True) as connection:
            connection.execute(sa.text("INSERT INTO guidelines VALUES ('v', 'now', '{}')"))
        AuditLog(store).add("ann", "sign-in")
        store.say("approval", "d", author="owner")
        statements = [f"TRUNCATE {table}", f"TRUNCATE {table} CASCADE"]
        change = "record = 'x'" if table == "guidelines" else "number = number + 1"
        if table not in ("verdicts", "ratings"):
            statements += [f"DELETE FROM {table}", f"UPDATE {table} SET {change}"]
        for statement in statements:
            for before in ("SELECT 1", "SET LOCAL session_replication_role = replica"):
                with pytest.raises(StoreError, match="append-only"):
                    run_both(store, before, statement)
        assert store.check_ledger().faults == ()


def run_both(store: Store, *statements: str) -> None:
    with store.connection(write=True) as connection:
        for statement in statements:
            connection.execute(sa.text(statement))


def test_an_intact_ledger_holds_and_counts(filled: Store) -> None:
    report = filled.check_ledger()
    assert (report.entries, report.erased, report.faults) == (17, 0, ())
    assert filled.check_ledger(known=[filled.note_head()]).faults == ()


def tampered(store: Store, change: Callable[[sqlite3.Connection], None]) -> tuple[str, ...]:
    """What is found after somebody took the triggers away, changed something, and put them back."""
    with sqlite3.connect(store.root / "tunewell.db") as db:
        triggers = db.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall()
        for name, _ in triggers:
            db.execute(f"DROP TRIGGER {name}")
        change(db)
        for _, sql in triggers:
            db.execute(sql)
    db.close()
    return store.check_ledger().faults


@pytest.mark.parametrize("seed", range(30))
def test_any_other_change_removal_insertion_or_order_is_found_with_its_place(
    filled: Store, seed: int
) -> None:
    chance = random.Random(seed)
    table = chance.choice(["audit", "events"])
    number = chance.randint(1, 8)
    kind = chance.choice(["change", "remove", "swap", "insert", "blank", "ledger", "tail"])

    def change(db: sqlite3.Connection) -> None:
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        if kind == "change":
            column = chance.choice([c for c in columns if c != "number"])
            db.execute(f"UPDATE {table} SET {column} = {column} || ' ' WHERE number = {number}")
        elif kind == "remove":
            db.execute(f"DELETE FROM {table} WHERE number = {number}")
        elif kind == "swap":
            for before, after in ((number, 99), (number % 8 + 1, number), (99, number % 8 + 1)):
                db.execute(f"UPDATE {table} SET number = {after} WHERE number = {before}")
        elif kind == "insert":
            names = ", ".join(c for c in columns if c != "number")
            db.execute(
                f"INSERT INTO {table} ({names}) SELECT {names} FROM {table} WHERE number = 1"
            )
        elif kind == "blank":
            values = ", ".join(f"{c} = '{v}'" for c, v in BLANKS[table].items())
            db.execute(f"UPDATE {table} SET {values} WHERE number = {number}")
            db.execute(f"UPDATE ledger SET nonce = '' WHERE source = '{table}' AND row = {number}")
        elif kind == "ledger":
            db.execute(f"DELETE FROM ledger WHERE source = '{table}' AND row = {number}")
        else:
            db.execute(f"DELETE FROM {table} WHERE number >= {number}")
            db.execute("DELETE FROM ledger WHERE number > 3")

    faults = tampered(filled, change)
    assert faults
    if kind in ("change", "remove", "blank"):
        assert faults[0].startswith(f"{table} {number}: ")


def test_a_chain_that_was_cut_or_written_anew_does_not_hold_a_head_noted_before(
    filled: Store,
) -> None:
    head = filled.note_head()
    (filled.root / "ledger-heads").unlink()

    def cut(db: sqlite3.Connection) -> None:
        number, link = db.execute("SELECT number, link FROM ledger WHERE number = 10").fetchone()
        for table in ("audit", "events"):
            kept = f"SELECT row FROM ledger WHERE number <= 10 AND source = '{table}'"
            db.execute(f"DELETE FROM {table} WHERE number NOT IN ({kept})")
        db.execute("DELETE FROM ledger WHERE number > 10")
        db.execute("UPDATE ledger_head SET number = ?, link = ?", (number, link))

    assert tampered(filled, cut) == ()
    (fault,) = filled.check_ledger(known=[head]).faults
    assert "ledger 17" in fault


def test_a_trigger_that_is_gone_is_said(filled: Store) -> None:
    with sqlite3.connect(filled.root / "tunewell.db") as db:
        db.execute("DROP TRIGGER audit_no_delete")
    db.close()
    (fault,) = filled.check_ledger().faults
    assert "audit_no_delete" in fault


def test_erased_content_leaves_a_tombstone_and_the_chain_holds(filled: Store) -> None:
    filled.blank([("audit", 3), ("events", 2)], author="owner")
    report = filled.check_ledger()
    assert (report.faults, report.erased) == ((), 2)
    assert "d1" not in [event.subject for event in filled.said("approval")]
    with sqlite3.connect(filled.root / "tunewell.db") as db:
        dump = "\n".join(db.iterdump())
    db.close()
    assert "subject 2" not in dump
    assert AuditLog(filled).lines(before=4)[0].subject == "(erased)"


def test_heads_read_as_they_are_written() -> None:
    from tunewell.store.ledger import read_head

    head = LedgerHead(number=3, link="ab" * 32)
    assert read_head(str(head)) == head
