"""A low rating without a correction points at training rows, and trains nothing."""

from __future__ import annotations

from tests.review.conftest import Desk
from tunewell.annotate import queue_rows, rows_of
from tunewell.people import Item, Said
from tunewell.project import Project
from tunewell.review import low_rated, near_rows, nearest


def test_only_what_is_rated_low_and_not_corrected_counts(desk: Desk) -> None:
    batch = desk.review("ann", "bob", rows=8)
    items = desk.book.items(batch.id)
    bad, mended, fine = items[0], items[1], items[2]

    def say(item: Item) -> Said:
        if item.id == mended.id:
            return Said(scores={"faithful": 0, "helpful": 1}, correction="Better.")
        return Said(scores={"faithful": float(item.id != bad.id), "helpful": 4})

    desk.judge(batch, "ann", say)
    assert [i.id for i in low_rated(desk.book, batch)] == [bad.id]
    assert fine.id not in {i.id for i in low_rated(desk.book, batch)}
    desk.judge(batch, "bob", lambda _: Said(scores={"faithful": 1, "helpful": 5}))
    assert low_rated(desk.book, batch) == []  # on the whole not low any more


def test_the_nearest_share_the_rarest_words() -> None:
    rows = [
        f"the customer asks about item {n} of the {w}"
        for n, w in enumerate(["meter", "bill", "lamp"] * 8)
    ]
    rows[7] = "the meter shows error E-07 and blinks"
    (found,) = nearest(["My display says E-07, what now?"], rows, count=2)
    assert found[0] == 7
    assert nearest(["zzz"], rows) == [[]]
    assert nearest(["zzz"], []) == [[]]


def test_they_are_queued_once_in_their_order(desk: Desk) -> None:
    batch = desk.review("ann", "bob", rows=8)
    desk.judge(batch, "ann", lambda _: Said(scores={"faithful": 0, "helpful": 1}))
    examples, families = rows_of(desk.store, "review")
    names = near_rows(low_rated(desk.book, batch), [(e.id, e.input) for e in examples])
    assert len(names) == len(set(names)) > 5
    made = queue_rows(
        Project(desk.file, desk.store), examples, names, author="o", families=families
    )
    assert made is not None
    assert [i.example for i in desk.book.items(made.id)] == names
    assert all(i.part == "train" for i in desk.book.items(made.id))
    assert queue_rows(Project(desk.file, desk.store), examples, names, author="o") is None
