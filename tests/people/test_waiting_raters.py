"""Raters wait for each other only while two rows are written, and never for strangers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import sqlalchemy as sa

from tests.people.test_work_store import GOOD, opened
from tunewell.people import Accounts, Passwords
from tunewell.people.failed_attempts import FailedAttempts
from tunewell.store import Store
from tunewell.store.people_tables import verdicts
from tunewell.store.tables import ledger_head

WAIT_S = 20.0
"""Long enough for a busy machine; whoever waits for the ledger waits for ever here."""


def statements_of(store: Store, work: Callable[[], object]) -> list[str]:
    """What is sent to the database meanwhile."""
    sent: list[str] = []

    def note(_c: Any, _u: Any, statement: str, *_: Any) -> None:
        sent.append(" ".join(statement.split()))

    sa.event.listen(store._engine, "before_cursor_execute", note)
    try:
        work()
    finally:
        sa.event.remove(store._engine, "before_cursor_execute", note)
    return sent


def test_the_ledger_is_held_for_four_statements(store: Store) -> None:
    """Fourteen before: on a busy machine a hundred raters then wait for each other in a row."""
    work_store, work, items = opened(store)

    def write() -> None:
        work_store.write(GOOD, item=items[0], batch=work, account="ann", key="k", actor="ann")

    sent = statements_of(store, write)
    (held,) = [n for n, statement in enumerate(sent) if "FROM ledger_head" in statement]
    after = sent[held + 1 :]
    assert len(after) <= 4, after
    assert not [statement for statement in after if "assignments" in statement]
    assert store.check_ledger().faults == ()


def test_strangers_and_new_accounts_do_not_wait_for_the_ledger(store: Store) -> None:
    if store._engine.dialect.name == "sqlite":
        return  # it has one writer, whatever they write
    done = threading.Event()

    def others() -> None:
        FailedAttempts(store).note_below("nobody", 8)
        Passwords(store).check("nobody", "wrong password")
        Accounts(store).create("Ann", role="expert")
        done.set()

    with ThreadPoolExecutor(1) as pool, store.connection(write=True) as connection:
        connection.execute(sa.select(ledger_head).with_for_update())
        waiting = pool.submit(others)
        assert done.wait(WAIT_S)
        connection.rollback()
        waiting.result()


def test_many_who_rate_at_once_leave_a_whole_ledger(store: Store) -> None:
    """Verdicts, the log and events of all kinds, in no order; half of the verdicts sent twice."""
    people = tuple(f"p{n}" for n in range(8))
    work_store, work, items = opened(store, people=people)

    def rate(person: str) -> None:
        for n, item in enumerate(items):
            for _ in range(1 + n % 2):
                if work_store.assigned(item.id, person) is None:
                    continue
                work_store.write(
                    GOOD, item=item, batch=work, account=person, key=f"{n}", actor=person
                )
            store.say("looked", person, author=person)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(rate, people))
    report = store.check_ledger()
    assert report.faults == ()
    with store.connection() as connection:
        count = connection.execute(sa.select(sa.func.count()).select_from(verdicts)).scalar_one()
        numbers = connection.execute(sa.select(verdicts.c.number).order_by(verdicts.c.number))
        assert len(list(numbers)) == count
    seats = work_store.seats(work.id)
    assert sum(seat["done"] for seat in seats.values()) == count
