"""Counts beside the seats always say what counting the seats would say."""

from __future__ import annotations

import datetime as dt
import random
import threading

import sqlalchemy as sa
from sqlalchemy import text

from tunewell.people import Batch, Item, Said, WorkStore, new_id
from tunewell.people.kept_results import keep_result, kept_result, last_number
from tunewell.store import Store
from tunewell.store.people_tables import assignments
from tunewell.task import RubricCriterion

YES = Said(scores={"right": 1})


def opened(store: Store, *, rows: int = 12) -> tuple[WorkStore, Batch]:
    work_store = WorkStore(store)
    batch = Batch(
        id=new_id(),
        kind="review",
        title="t",
        created=dt.datetime.now(dt.UTC),
        author="owner",
        raters=2,
        rubric=(RubricCriterion(name="right", question="Is it right?"),),
    )
    work_store.open_batch(
        batch,
        [
            Item(id=new_id(), batch=batch.id, number=n, example=f"e{n}", source="s")
            for n in range(rows)
        ],
    )
    return work_store, batch


def counted(store: Store, batch: str) -> dict[str, dict[str, int]]:
    """What the seats themselves say."""
    query = sa.select(assignments.c.account, assignments.c.status).where(
        assignments.c.batch == batch
    )
    out: dict[str, dict[str, int]] = {}
    with store.connection() as connection:
        for account, status in connection.execute(query):
            out.setdefault(account, {"open": 0, "done": 0})[status] += 1
    return out


def test_whatever_happens_to_seats_is_counted(store: Store) -> None:
    work_store, batch = opened(store)
    luck = random.Random(7)
    work_store.share(batch, ["ann", "bob", "eve"])
    for step in range(60):
        person = luck.choice(["ann", "bob", "eve"])
        items = work_store.items(batch.id)
        item = luck.choice(items)
        if work_store.seat(item.id, person):
            said = luck.choice([YES, YES, Said(skipped="no"), Said(withdrawn=True)])
            work_store.write(said, item=item, batch=batch, account=person, key=f"k{step}")
        elif step % 7 == 0:
            work_store.release(batch.id, person)
            work_store.share(batch, ["ann", "bob", "eve", "joe"])
        else:
            work_store.give(item, person)
        assert work_store.seats(batch.id) == counted(store, batch.id)
    tally, there = work_store.tallies()[batch.id], counted(store, batch.id).values()
    assert (tally.open, tally.done, tally.people) == (
        sum(n["open"] for n in there),
        sum(n["done"] for n in there),
        len(there),
    )


def test_many_at_once_are_all_counted(store: Store) -> None:
    work_store, batch = opened(store, rows=20)
    work_store.share(batch, ["ann", "bob"])

    def work(person: str, name: str) -> None:
        own = WorkStore(store)
        for item in own.next_items(batch.id, person, limit=100):
            own.write(YES, item=item, batch=batch, account=person, key=f"{name}{item.id}"[:64])

    threads = [
        threading.Thread(target=work, args=(p, n)) for p in ("ann", "bob") for n in ("x", "y", "z")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (
        work_store.seats(batch.id)
        == counted(store, batch.id)
        == {
            "ann": {"open": 0, "done": 20},
            "bob": {"open": 0, "done": 20},
        }
    )


def test_seats_of_an_older_store_are_counted_when_it_is_opened(store: Store) -> None:
    from alembic import command
    from alembic.config import Config

    import tunewell.store.tables as tables

    work_store, batch = opened(store)
    work_store.share(batch, ["ann", "bob"])
    config = Config()
    config.set_main_option("script_location", tables.__file__.replace("tables.py", "migrations"))
    with store._engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0002")
        assert (
            connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "0002"
        )
    tables.migrate(store._engine)
    assert work_store.seats(batch.id) == counted(store, batch.id)


def test_a_reading_is_kept_for_the_code_and_the_questions_that_made_it(store: Store) -> None:
    work_store, batch = opened(store)
    work_store.share(batch, ["ann", "bob"])
    assert last_number(store, batch.id) == 0
    assert kept_result(store, batch.id, made="v1") is None
    keep_result(store, batch.id, upto=0, made="v1", record="{}")
    work_store.write(
        YES, item=work_store.next_items(batch.id, "ann")[0], batch=batch, account="ann", key="k"
    )
    keep_result(store, batch.id, upto=last_number(store, batch.id), made="v1", record='{"a": 1}')
    kept = kept_result(store, batch.id, made="v1")
    assert kept is not None
    assert (kept.upto, kept.record) == (last_number(store, batch.id), '{"a": 1}')
    assert kept_result(store, batch.id, made="v2") is None
