"""Items searched, assigned in bulk and adjudicated: the same on SQLite and PostgreSQL."""

from __future__ import annotations

import pytest

from tests.people.test_work_store import batch, opened
from tunewell.errors import UserError
from tunewell.people import Accounts, Item, Said, WorkStore, new_id
from tunewell.people.adjudicators import name_adjudicators
from tunewell.people.bulk_assign import ask_again, assign_items, unassign_items
from tunewell.people.item_search import (
    ItemQuery,
    find_items,
    items_of_row,
    matching_ids,
    neighbours,
)
from tunewell.people.item_story import item_story
from tunewell.store import Store

TEXTS = {
    "plain": ("When does the meter come?", "On Monday."),
    "accents": ("Où est l'École? ÄÖÜ ß", "Đà Nẵng, Zürich"),
    "signs": ("100% of_it ~ 'quoted' \"twice\" back\\slash", "a\nnew line\tand tab"),
    "emoji": ("A 🙂 face", "日本語の答え"),
    "x" * 300: ("A long id", "for an index"),
}
QUERIES = {
    "meter": ["plain"],
    "METER monday": ["plain"],
    "école": ["accents"],
    "ÉCOLE": ["accents"],
    "zürich": ["accents"],
    "100%": ["signs"],
    "of_it": ["signs"],
    "ofxit": [],
    "~": ["signs"],
    '"twice"': ["signs"],
    "back\\slash": ["signs"],
    "'quoted'": ["signs"],
    "🙂": ["emoji"],
    "日本語": ["emoji"],
    "xxxxx": ["x" * 300],
    "source": [],
    "\\u00": [],
    "new line": ["signs"],
}


def texts(store: Store) -> tuple[WorkStore, list[Item]]:
    work_store, work = WorkStore(store), batch()
    items = [
        Item(id=new_id(), batch=work.id, number=n, example=name, source=source, output=output)
        for n, (name, (source, output)) in enumerate(TEXTS.items())
    ]
    work_store.open_batch(work, items)
    return work_store, items


@pytest.mark.parametrize("words", QUERIES)
def test_every_kind_of_word_is_found_where_it_stands_and_nowhere_else(
    store: Store, words: str
) -> None:
    texts(store)
    (work,) = WorkStore(store).batches()
    found = find_items(store, work, ItemQuery(words=words))
    assert [line.item.example for line in found.lines] == QUERIES[words]
    assert (found.count, found.has_more) == (len(QUERIES[words]), False)


def test_a_character_that_no_database_keeps_hides_nothing(store: Store) -> None:
    work_store, work, items = opened(store)
    for key, comment in (("k1", "NUL \x00 and lone"), ("k2", "plain words, \\\\u0000 spelt")):
        item = items[0] if key == "k1" else items[1]
        work_store.give(item, "ann")
        said = Said(scores={"right": 1, "clear": 2}, comment=comment)
        work_store.write(said, item=item, batch=work, account="ann", key=key)
    commented = matching_ids(store, work, ItemQuery(state="commented"))
    assert set(commented) == {items[0].id, items[1].id}
    assert matching_ids(store, work, ItemQuery(words="plain")) == [items[1].id]
    assert matching_ids(store, work, ItemQuery(words="lone")) == [items[0].id]


def test_a_row_is_found_in_every_batch_and_items_know_their_neighbours(store: Store) -> None:
    _, items = texts(store)
    _, again = texts(store)
    long = next(item for item in items if len(item.example) == 300)
    assert {item.batch for item in items_of_row(store, long.example)} == {
        items[0].batch,
        again[0].batch,
    }
    around = neighbours(store, items[1])
    assert (around.before, around.after) == (items[0].id, items[2].id)
    assert neighbours(store, items[0]).before == ""
    assert neighbours(store, items[-1]).after == ""
    work = WorkStore(store).batch(items[0].batch)
    assert work is not None
    story = item_story(store, work, items[0])
    assert (story.row, story.receipts, story.standing) == (None, (), "waiting")
    assert [other.batch for other in story.others] == [again[0].batch]


def test_seats_in_bulk_are_counted_and_never_doubled(store: Store) -> None:
    work_store, work, items = opened(store, people=())
    ids = [item.id for item in items]
    assert assign_items(work_store, work, ids, ["ann", "bob"]) == 2 * len(ids)
    assert assign_items(work_store, work, ids, ["ann"]) == 0
    assert assign_items(work_store, work, [*ids, *ids, "0" * 32], ["eve"], evenly=True) == len(ids)
    assert assign_items(work_store, work, ids, ["eve", "max"], evenly=True) == len(ids)
    assert work_store.seats(work.id)["max"] == {"open": len(ids), "done": 0}
    first = work_store.next_items(work.id, "ann", limit=1)[0]
    said = Said(scores={"right": 1, "clear": 2})
    work_store.write(said, item=first, batch=work, account="ann", key="k")
    assert unassign_items(work_store, work, ids, ["ann"]) == len(ids) - 1
    assert unassign_items(work_store, work, ids) == 3 * len(ids)
    assert work_store.seats(work.id) == {"ann": {"open": 0, "done": 1}}
    ask_again(work_store, first, "ann")
    assert work_store.seats(work.id) == {"ann": {"open": 1, "done": 0}}
    assert len(work_store.verdicts(work.id)) == 1
    with pytest.raises(UserError, match="not assigned"):
        ask_again(work_store, first, "bob")


def test_who_annotates_does_not_decide_and_who_has_decided_stays(store: Store) -> None:
    accounts = Accounts(store)
    ann, judy, max_, gus = (
        accounts.create(name, role=role)  # type: ignore[arg-type]
        for name, role in (
            ("Ann", "expert"),
            ("Judy", "expert"),
            ("Max", "owner"),
            ("Gus", "guest"),
        )
    )
    work_store, work = WorkStore(store), batch(kind="annotate", row_labels=("a", "b"), rubric=())
    item = Item(id=new_id(), batch=work.id, number=0, example="e", source="s")
    work_store.open_batch(work, [item])
    work_store.share(work, [ann.id])

    def name(*people: str) -> object:
        now = work_store.batch(work.id)
        assert now is not None
        return name_adjudicators(work_store, now, people, author="owner")

    for person, why in ((ann.id, "annotates"), (gus.id, "guest"), ("0" * 32, "no such account")):
        with pytest.raises(UserError, match=why):
            name(person)
    name(judy.id)
    work_store.give(item, judy.id)
    now = work_store.batch(work.id)
    assert now is not None
    work_store.write(Said(label="a"), item=item, batch=now, account=judy.id, key="k")
    with pytest.raises(UserError, match="has decided"):
        name(max_.id)
    name(judy.id, max_.id)
    with pytest.raises(UserError, match="adjudicator"):
        assign_items(work_store, work_store.batches()[0], [item.id], [judy.id])
