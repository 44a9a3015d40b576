"""Verdicts: once, append-only, the last word counts, only from those who were asked."""

import datetime as dt
import threading

import pytest
import sqlalchemy as sa

from tunewell.errors import StoreError, UserError
from tunewell.people import (
    Accounts,
    Batch,
    Book,
    Item,
    MarkedSpan,
    Said,
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
) -> tuple[Book, Batch, list[Item]]:
    book, work = Book(store), batch()
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
    book.open_batch(work, items)
    book.share(work, people)
    return book, work, items


GOOD = Said(scores={"right": 1, "clear": 4})


def test_a_verdict_sent_twice_counts_once_even_from_many_threads(store: Store) -> None:
    book, work, items = opened(store)
    new: list[bool] = []

    def send() -> None:
        new.append(Book(store).write(GOOD, item=items[0], batch=work, account="ann", key="k1")[1])

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(new) == [False] * 7 + [True]
    assert len(book.verdicts(work.id, all_words=True)) == 1
    assert book.seats(work.id)["ann"] == {"open": 5, "done": 1}


def test_the_same_key_of_another_person_is_another_verdict(store: Store) -> None:
    book, work, items = opened(store)
    book.write(GOOD, item=items[0], batch=work, account="ann", key="k")
    assert book.write(GOOD, item=items[0], batch=work, account="bob", key="k")[1]


def test_the_last_word_counts_and_every_word_is_kept(store: Store) -> None:
    book, work, items = opened(store)
    book.write(GOOD, item=items[0], batch=work, account="ann", key="1")
    book.write(Said(withdrawn=True), item=items[0], batch=work, account="ann", key="2")
    assert book.verdicts(work.id) == []
    assert book.seat(items[0].id, "ann") == "open"
    book.write(
        Said(scores={"right": 0, "clear": 1}), item=items[0], batch=work, account="ann", key="3"
    )
    assert [v.said.scores["right"] for v in book.verdicts(work.id)] == [0]
    assert [v.key for v in book.verdicts(work.id, all_words=True)] == ["1", "2", "3"]
    last = book.last(work.id, "ann")
    assert last is not None
    assert last.key == "3"


def test_the_database_itself_refuses_to_change_or_delete_a_verdict(store: Store) -> None:
    book, work, items = opened(store)
    book.write(GOOD, item=items[0], batch=work, account="ann", key="1")
    for statement in (sa.update(verdicts).values(record="{}"), sa.delete(verdicts)):
        with (
            pytest.raises(StoreError, match="append-only"),
            store.connection(write=True) as connection,
        ):
            connection.execute(statement)
    assert len(book.verdicts(work.id)) == 1


def test_nobody_judges_what_was_not_given_to_them_or_what_is_closed(store: Store) -> None:
    book, work, items = opened(store, people=("ann",))
    with pytest.raises(UserError, match="not given to you"):
        book.write(GOOD, item=items[0], batch=work, account="eve", key="1")
    book.set_status(work.id, "closed")
    closed = book.batch(work.id)
    assert closed is not None
    with pytest.raises(UserError, match="closed"):
        book.write(GOOD, item=items[0], batch=closed, account="ann", key="1")
    assert book.queues("ann") == []


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (Said(scores={"right": 1}), "clear: not answered"),
        (Said(scores={"right": 0.5, "clear": 3}), "right: yes"),
        (Said(scores={"right": 1, "clear": 6}), "clear: a whole number"),
        (Said(scores={"right": 1, "clear": 3, "nice": 1}), "nice: no such criterion"),
        (Said(scores={"right": 1, "clear": 3}, tags=("rude",)), "'rude': no such kind of error"),
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
    book, work, items = opened(store, rows=10)
    queue = book.queues("ann")[0]
    assert (queue.left, queue.done, queue.minutes) == (20, 0, 40.0)
    mine = book.next_items(work.id, "ann", limit=100)
    for n, item in enumerate(mine[:FEW]):
        book.write(GOOD, item=item, batch=work, account="ann", key=str(n), seconds=30)
    queue = book.queues("ann")[0]
    assert (queue.left, queue.done, queue.minutes) == (15, FEW, 7.5)
    assert {i.id for i in book.next_items(work.id, "ann", limit=100)} == {i.id for i in mine[FEW:]}
    assert book.next_items(work.id, "ann", limit=2, but=[mine[FEW].id]) == mine[FEW + 1 : FEW + 3]
    assert len(items) == 20


def test_open_seats_of_one_who_left_go_to_others(store: Store) -> None:
    book, work, items = opened(store, people=("ann", "bob"))
    book.write(GOOD, item=items[0], batch=work, account="bob", key="1")
    assert book.release(work.id, "bob") == 5
    assert (
        book.share(work, ["eve"]) == 4
    )  # both outputs of the row that bob began stay with bob … but one
    assert len(book.verdicts(work.id)) == 1


def test_judgements_are_unblinded_for_the_gate(store: Store) -> None:
    book, work, items = opened(store)
    for n, item in enumerate(items):
        book.write(GOOD, item=item, batch=work, account="ann", key=str(n))
    book.write(Said(skipped="cannot say"), item=items[0], batch=work, account="bob", key="s")
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


def test_accounts_passwords_and_attempts(store: Store) -> None:
    door = Accounts(store)
    ann = door.create("Ann Müller", role="expert", password="long enough words")
    with pytest.raises(UserError, match="taken"):
        door.create("ANN MÜLLER", role="guest")
    with pytest.raises(UserError, match="at least 10"):
        door.create("Bob", role="expert", password="short")
    assert door.check("ann müller", "long enough words") == ann
    assert door.check("Ann Müller", "wrong") is None
    assert door.check("nobody", "wrong") is None
    for _ in range(8):
        assert door.check("ann müller", "wrong", address="1.2.3.4") is None
    with pytest.raises(UserError, match="too many"):
        door.check("Ann  Müller", "long enough words", address="1.2.3.4")
    assert door.check("Ann Müller", "long enough words", address="5.6.7.8") == ann
    with store.connection() as connection:
        kept = connection.execute(sa.text("SELECT password FROM accounts")).scalars().all()
    assert all(k.startswith("$argon2id$") for k in kept)


def test_sessions_end_and_secrets_are_not_in_the_database(store: Store) -> None:
    door = Accounts(store)
    ann = door.create("Ann", role="owner")
    token = door.sign_in(ann)
    session = door.session(token)
    assert session is not None
    assert session.account == ann
    assert door.session("x" + token) is None
    assert door.session(door.sign_in(ann, lasts_s=-1)) is None
    machine = door.make_token(ann, name="script")
    assert door.by_token(machine) is not None
    assert door.tokens(ann.id) == ["script"]
    assert door.revoke(ann.id, "script") == 1
    assert door.by_token(machine) is None
    door.change(ann.id, active=False)
    assert door.session(token) is None
    store.close()
    raw = b"".join(p.read_bytes() for p in store.root.glob("tunewell.db*"))
    assert token.encode() not in raw
    assert machine.encode() not in raw


def test_an_invitation_makes_one_account(store: Store) -> None:
    door = Accounts(store)
    link = door.invite("expert", author="owner")
    with pytest.raises(UserError, match="choose a password"):
        door.accept(link, "Ann")
    with pytest.raises(UserError, match="at least 10"):
        door.accept(link, "Ann", password="short")
    account, invitation = door.accept(link, "Ann", password="long enough words")
    assert (account.role, invitation.author) == ("expert", "owner")
    with pytest.raises(UserError, match="used or has run out"):
        door.accept(link, "Bob", password="long enough words")
    assert door.invitation(door.invite("guest", author="o", lasts_s=-1)) is None
    guest, _ = door.accept(door.invite("guest", author="o"), "A‮ visitor\x00")
    assert guest.shown == "A visitor"


def test_the_audit_log_can_only_grow(store: Store) -> None:
    door = Accounts(store)
    door.log("ann", "sign-in", "x", address="::1")
    door.log("bob", "verdict")
    assert [line.action for line in door.audit_log()] == ["verdict", "sign-in"]
    assert door.audit_log()[1].record == {"address": "::1"}
    with pytest.raises(StoreError, match="append-only"), store.connection(write=True) as connection:
        connection.execute(sa.text("DELETE FROM audit"))
