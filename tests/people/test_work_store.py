"""Verdicts: once, append-only, the last word counts, only from those who were asked."""

import datetime as dt
import threading

import pytest
import sqlalchemy as sa

from tunewell.errors import StoreError, UserError
from tunewell.people import (
    Batch,
    Item,
    MarkedSpan,
    Said,
    WorkStore,
    faults,
    judgements,
    new_id,
)
from tunewell.people.work_store import FEW
from tunewell.store import Store
from tunewell.store.people_tables import verdicts
from tunewell.task import RubricCriterion


def batch(**changes: object) -> Batch:
    values = {
        "id": new_id(),
        "kind": "review",
        "title": "t",
        "created": dt.datetime.now(dt.UTC),
        "author": "owner",
        "rubric": (
            RubricCriterion(name="right", question="Is it right?"),
            RubricCriterion(name="clear", question="How clear is it?", scale="1-5"),
        ),
        "error_tags": ("wrong rate",),
        "minutes": 2.0,
    }
    return Batch.model_validate(values | changes)


def opened(
    store: Store, *, rows: int = 3, people: tuple[str, ...] = ("ann", "bob")
) -> tuple[WorkStore, Batch, list[Item]]:
    work_store, work = WorkStore(store), batch()
    items = [
        Item(
            id=new_id(),
            batch=work.id,
            number=2 * i + k,
            example=f"e{i}",
            arms=(arm,),
            part="test",
            source="s" * 10,
        )
        for i in range(rows)
        for k, arm in enumerate(("base", "tuned"))
    ]
    work_store.open_batch(work, items)
    work_store.share(work, people)
    return work_store, work, items


GOOD = Said(scores={"right": 1, "clear": 4})


def test_a_verdict_sent_twice_counts_once_even_from_many_threads(store: Store) -> None:
    work_store, work, items = opened(store)
    new: list[bool] = []

    def send() -> None:
        new.append(
            WorkStore(store).write(GOOD, item=items[0], batch=work, account="ann", key="k1")[1]
        )

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(new) == [False] * 7 + [True]
    assert len(work_store.verdicts(work.id, all_words=True)) == 1
    assert work_store.seats(work.id)["ann"] == {"open": 5, "done": 1}


def test_the_same_key_of_another_person_is_another_verdict(store: Store) -> None:
    work_store, work, items = opened(store)
    work_store.write(GOOD, item=items[0], batch=work, account="ann", key="k")
    assert work_store.write(GOOD, item=items[0], batch=work, account="bob", key="k")[1]


def test_the_last_word_counts_and_every_word_is_kept(store: Store) -> None:
    work_store, work, items = opened(store)
    work_store.write(GOOD, item=items[0], batch=work, account="ann", key="1")
    work_store.write(Said(withdrawn=True), item=items[0], batch=work, account="ann", key="2")
    assert work_store.verdicts(work.id) == []
    assert work_store.seat(items[0].id, "ann") == "open"
    work_store.write(
        Said(scores={"right": 0, "clear": 1}), item=items[0], batch=work, account="ann", key="3"
    )
    assert [v.said.scores["right"] for v in work_store.verdicts(work.id)] == [0]
    assert [v.key for v in work_store.verdicts(work.id, all_words=True)] == ["1", "2", "3"]
    last = work_store.last(work.id, "ann")
    assert last is not None
    assert last.key == "3"


def test_the_database_itself_refuses_to_change_or_delete_a_verdict(store: Store) -> None:
    work_store, work, items = opened(store)
    work_store.write(GOOD, item=items[0], batch=work, account="ann", key="1")
    for statement in (sa.update(verdicts).values(record="{}"), sa.delete(verdicts)):
        with (
            pytest.raises(StoreError, match="append-only"),
            store.connection(write=True) as connection,
        ):
            connection.execute(statement)
    assert len(work_store.verdicts(work.id)) == 1


def test_nobody_judges_what_was_not_given_to_them_or_what_is_closed(store: Store) -> None:
    work_store, work, items = opened(store, people=("ann",))
    with pytest.raises(UserError, match="not assigned to you"):
        work_store.write(GOOD, item=items[0], batch=work, account="eve", key="1")
    work_store.set_status(work.id, "closed")
    closed = work_store.batch(work.id)
    assert closed is not None
    with pytest.raises(UserError, match="closed"):
        work_store.write(GOOD, item=items[0], batch=closed, account="ann", key="1")
    assert work_store.queues("ann") == []


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (Said(scores={"right": 1}), "clear: not answered"),
        (Said(scores={"right": 0.5, "clear": 3}), "right: yes"),
        (Said(scores={"right": 1, "clear": 6}), "clear: a whole number"),
        (Said(scores={"right": 1, "clear": 3, "nice": 1}), "nice: no such criterion"),
        (Said(scores={"right": 1, "clear": 3}, tags=("rude",)), "'rude': no such error type"),
        (Said(scores={"right": 1, "clear": 3}, label="x"), "this batch has none"),
        (
            Said(scores={"right": 1, "clear": 3}, spans=(MarkedSpan(start=0, end=99, label="a"),)),
            "outside the text",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_its_reason(said: Said, message: str) -> None:
    item = Item(id="i", batch="b", number=0, example="e", source="s" * 10)
    assert any(message in fault for fault in faults(said, batch(), item))
    assert faults(Said(skipped="not my field"), batch(), item) == []


def test_how_many_are_left_and_how_long_it_takes(store: Store) -> None:
    work_store, work, items = opened(store, rows=10)
    queue = work_store.queues("ann")[0]
    assert (queue.left, queue.done, queue.minutes) == (20, 0, 40.0)
    mine = work_store.next_items(work.id, "ann", limit=100)
    for n, item in enumerate(mine[:FEW]):
        work_store.write(GOOD, item=item, batch=work, account="ann", key=str(n), seconds=30)
    queue = work_store.queues("ann")[0]
    assert (queue.left, queue.done, queue.minutes) == (15, FEW, 7.5)
    assert {i.id for i in work_store.next_items(work.id, "ann", limit=100)} == {
        i.id for i in mine[FEW:]
    }
    assert (
        work_store.next_items(work.id, "ann", limit=2, but=[mine[FEW].id])
        == mine[FEW + 1 : FEW + 3]
    )
    assert len(items) == 20


def test_open_seats_of_one_who_left_go_to_others(store: Store) -> None:
    work_store, work, items = opened(store, people=("ann", "bob"))
    work_store.write(GOOD, item=items[0], batch=work, account="bob", key="1")
    assert work_store.release(work.id, "bob") == 5
    assert (
        work_store.share(work, ["eve"]) == 4
    )  # both outputs of the row that bob began stay with bob … but one
    assert len(work_store.verdicts(work.id)) == 1


def test_judgements_are_unblinded_for_the_gate(store: Store) -> None:
    work_store, work, items = opened(store)
    for n, item in enumerate(items):
        work_store.write(GOOD, item=item, batch=work, account="ann", key=str(n))
    work_store.write(Said(skipped="cannot say"), item=items[0], batch=work, account="bob", key="s")
    found = judgements(store, ["e0"])
    assert {(j.arm, j.criterion, j.value) for j in found} == {
        ("base", "right", 1),
        ("base", "clear", 4),
        ("tuned", "right", 1),
        ("tuned", "clear", 4),
    }
    assert {j.author for j in found} == {"ann"}
    assert {j.rubric_version for j in found} == {work.version}
    assert len(judgements(store)) == 12
