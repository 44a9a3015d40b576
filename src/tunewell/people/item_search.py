"""The items of a batch, a page at a time: searched, filtered and sorted by the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import sqlalchemy as sa
from pydantic import Field

from tunewell.people.work import Batch, Item, RaterVerdict
from tunewell.people.work_rows import items_of, verdict_of
from tunewell.people.work_store import standing
from tunewell.store import Store
from tunewell.store.json_columns import JsonPart, holds_text, holds_word
from tunewell.store.people_tables import (
    EXAMPLE_BEGINS,
    LONGEST_BEGINNING,
    assignments,
    items,
    verdicts,
)
from tunewell.types import Value

ItemState = Literal[
    "", "unassigned", "open", "done", "skipped", "corrected", "commented", "disagreed"
]
ItemOrder = Literal["drawn", "row", "newest", "fewest"]

STATES: Mapping[ItemState, str] = {
    "": "all",
    "unassigned": "nobody assigned",
    "open": "somebody still to answer",
    "done": "everybody assigned has answered",
    "skipped": "somebody could not decide",
    "corrected": "corrected",
    "commented": "commented",
    "disagreed": "people disagree",
}
"""What an item may be filtered by, in words."""

ORDERS: Mapping[ItemOrder, str] = {
    "drawn": "as drawn",
    "row": "row",
    "newest": "newest verdict first",
    "fewest": "fewest verdicts first",
}
"""What items may be sorted by, in words."""

PAGE = 50
MOST_WORDS = 8
LONGEST_QUERY = 200
MOST_COUNTED = 1_000
"""Matches are counted up to here; of more, the page says that there are more."""

MOST_CHOSEN = 100_000
"""Most items that may be assigned at once."""

EMPTY = '""'
NOTHING = "[]"


class ItemQuery(Value):
    """Which items of a batch, in which order.

    Attributes:
        words: All of them stand in the id of the row, in its text, in the output, or in what people
            wrote of it; upper and lower case are the same.
        state: How far it is, or what somebody said of it.
        person: Id of an account that was assigned to it.
        arm: That gave the output.
        order: What they are sorted by.
        page: From 1.
    """

    words: str = Field(default="", max_length=LONGEST_QUERY)
    state: ItemState = ""
    person: str = Field(default="", max_length=32)
    arm: str = Field(default="", max_length=200)
    order: ItemOrder = "drawn"
    page: int = Field(default=1, ge=1, le=MOST_CHOSEN // PAGE)


class ItemLine(Value):
    """An item in a list.

    Attributes:
        item: Which.
        seats: ``open`` or ``done`` by account.
        words: Verdicts that stand, in order of arrival.
    """

    item: Item
    seats: Mapping[str, str]
    words: tuple[RaterVerdict, ...]

    @property
    def left(self) -> int:
        """How many people have still to answer."""
        return sum(status == "open" for status in self.seats.values())


@dataclass(frozen=True)
class Neighbours:
    """The items before and after one in its batch, as drawn; empty at the ends."""

    before: str
    after: str


class ItemPage(Value):
    """A page of a batch's items.

    Attributes:
        lines: Of the page.
        count: How many match; `MOST_COUNTED` if there are as many or more.
        page: Which page this is, from 1.
        has_more: Whether there is another page.
    """

    lines: tuple[ItemLine, ...]
    count: int
    page: int
    has_more: bool


def find_items(store: Store, batch: Batch, query: ItemQuery) -> ItemPage:
    """A page of a batch's items."""
    matching = _matching(batch, query)
    wanted = matching.limit(PAGE + 1).offset((query.page - 1) * PAGE)
    ids: list[str] = store.values(_ordered(wanted, batch, query.order))
    has_more = len(ids) > PAGE
    count = (query.page - 1) * PAGE + len(ids)
    if has_more or (not ids and query.page > 1):
        counted = matching.limit(MOST_COUNTED).subquery()
        count = store.value(sa.select(sa.func.count()).select_from(counted))
    return ItemPage(
        lines=tuple(item_lines(store, ids[:PAGE])),
        count=min(count, MOST_COUNTED),
        page=query.page,
        has_more=has_more,
    )


def matching_ids(store: Store, batch: Batch, query: ItemQuery) -> list[str]:
    """Ids of every item that matches, whatever the page, in the order wanted."""
    matching = _matching(batch, query).limit(MOST_CHOSEN)
    found: list[str] = store.values(_ordered(matching, batch, query.order))
    return found


def item_lines(store: Store, ids: Sequence[str]) -> list[ItemLine]:
    """These items with their seats and verdicts, in this order."""
    if not ids:
        return []
    records = store.values(sa.select(items.c.record).where(items.c.id.in_(ids)))
    by_id = {item.id: item for item in items_of(records)}
    seats = _seats(store, ids)
    words = words_on(store, ids)
    lines = []
    for name in ids:
        if name in by_id:
            said = tuple(standing(words[name]))
            lines.append(ItemLine(item=by_id[name], seats=seats[name], words=said))
    return lines


def neighbours(store: Store, item: Item) -> Neighbours:
    """What stands before and after an item."""
    number = items.c.number
    here = sa.select(items.c.id).where(items.c.batch == item.batch).limit(1)
    before = here.where(number < item.number).order_by(number.desc())
    after = here.where(number > item.number).order_by(number)
    return Neighbours(store.value(before) or "", store.value(after) or "")


def items_of_row(store: Store, example: str) -> list[Item]:
    """Every item of any batch that is about a row, at most a page of them."""
    begins = EXAMPLE_BEGINS == example[:LONGEST_BEGINNING]
    query = sa.select(items.c.record).where(begins, items.c.example == example).limit(PAGE)
    return items_of(store.values(query))


def words_on(store: Store, ids: Sequence[str]) -> dict[str, list[RaterVerdict]]:
    """Everything that was ever said of these items, by item and in order of arrival."""
    query = sa.select(verdicts).where(verdicts.c.item.in_(ids)).order_by(verdicts.c.number)
    found: dict[str, list[RaterVerdict]] = defaultdict(list)
    for row in store.rows(query):
        found[row.item].append(verdict_of(row._mapping))
    return found


def _seats(store: Store, ids: Sequence[str]) -> dict[str, dict[str, str]]:
    seat = assignments.c
    query = sa.select(seat.item, seat.account, seat.status).where(seat.item.in_(ids))
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for row in store.rows(query):
        found[row.item][row.account] = row.status
    return found


# --- which items match ----------------------------------------------------------------------------


def _matching(batch: Batch, query: ItemQuery) -> sa.Select[Any]:
    """A query for the ids of the items that match, in no order."""
    found = sa.select(items.c.id).where(items.c.batch == batch.id)
    for word in query.words.split()[:MOST_WORDS]:
        found = found.where(_mentions(batch, word))
    if query.person:
        found = found.where(_has_seat(assignments.c.account == query.person))
    if query.arm:
        found = found.where(holds_text(JsonPart(items.c.record, "arms"), query.arm))
    if query.state:
        found = found.where(_in_state(batch, query.state))
    return found


def _mentions(batch: Batch, word: str) -> sa.ColumnElement[bool]:
    """Whether a word stands in an item or in what people wrote of it."""
    # The whole record is looked at first: its parts are taken out only where that has the word.
    in_texts = sa.or_(
        holds_word(JsonPart(items.c.record, "source"), word),
        holds_word(JsonPart(items.c.record, "output"), word),
    )
    in_item = sa.and_(holds_word(items.c.record, word), in_texts)
    said = verdicts.c
    in_words = [
        holds_word(JsonPart(said.record, part), word)
        for part in ("comment", "correction", "answer", "skipped")
    ]
    spoken = (
        sa.select(said.item)
        .where(said.batch == batch.id)
        .where(holds_word(said.record, word))
        .where(sa.or_(*in_words))
    )
    return sa.or_(holds_word(items.c.example, word), in_item, items.c.id.in_(spoken))


def _has_seat(*wanted: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    seat = sa.select(sa.literal(1)).where(assignments.c.item == items.c.id, *wanted)
    return seat.exists()


def _in_state(batch: Batch, state: ItemState) -> sa.ColumnElement[bool]:
    is_open = assignments.c.status == "open"
    if state == "unassigned":
        return sa.not_(_has_seat())
    if state == "open":
        return _has_seat(is_open)
    if state == "done":
        return sa.and_(_has_seat(), sa.not_(_has_seat(is_open)))
    if state == "disagreed":
        return _disagreed(batch)
    part = {"skipped": "skipped", "corrected": "correction", "commented": "comment"}[state]
    return items.c.id.in_(_said(batch, JsonPart(verdicts.c.record, part) != EMPTY))


def _said(batch: Batch, *wanted: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Items of which a verdict that stands says something."""
    said = verdicts.c
    query = sa.select(said.item).where(said.batch == batch.id, *wanted)
    return query.where(_stands(verdicts))


def _stands(said: sa.FromClause) -> sa.ColumnElement[bool]:
    """Whether a verdict is its author's last word on the item, and not withdrawn."""
    later = verdicts.alias("later")
    newer = (
        sa.select(sa.literal(1))
        .where(later.c.item == said.c.item)
        .where(later.c.account == said.c.account)
        .where(later.c.number > said.c.number)
        .correlate(said)
    )
    taken_back = JsonPart(said.c.record, "withdrawn") == "true"
    return sa.and_(sa.not_(newer.exists()), sa.not_(taken_back))


def _disagreed(batch: Batch) -> sa.ColumnElement[bool]:
    """Whether two people say different things: of a criterion, or of label, marks or answer."""
    one, other = verdicts.alias("one"), verdicts.alias("other")
    asked: list[tuple[str, ...]] = [("scores", criterion.name) for criterion in batch.rubric]
    if batch.kind == "annotate":
        asked = [("label",), ("spans",), ("answer",), ("choices",)]
    apart = [JsonPart(one.c.record, *path) != JsonPart(other.c.record, *path) for path in asked]
    query = (
        sa.select(one.c.item)
        .join(other, sa.and_(other.c.item == one.c.item, other.c.account > one.c.account))
        .where(one.c.batch == batch.id)
        .where(JsonPart(one.c.record, "skipped") == EMPTY)
        .where(JsonPart(other.c.record, "skipped") == EMPTY)
        .where(sa.or_(*apart))
        .where(_stands(one))
        .where(_stands(other))
    )
    return items.c.id.in_(query)


# --- in which order -------------------------------------------------------------------------------


def _ordered(query: sa.Select[Any], batch: Batch, order: ItemOrder) -> sa.Select[Any]:
    if order == "row":
        return query.order_by(items.c.example, items.c.number)
    if order == "newest":
        said = verdicts.c
        newest = sa.func.max(said.number).label("newest")
        last = sa.select(said.item, newest).where(said.batch == batch.id).group_by(said.item)
        found = last.subquery()
        query = query.outerjoin(found, found.c.item == items.c.id)
        return query.order_by(sa.func.coalesce(found.c.newest, 0).desc(), items.c.number)
    if order == "fewest":
        seat = assignments.c
        done = sa.func.count().label("done")
        per_item = sa.select(seat.item, done).where(seat.batch == batch.id, seat.status == "done")
        counts = per_item.group_by(seat.item).subquery()
        query = query.outerjoin(counts, counts.c.item == items.c.id)
        return query.order_by(sa.func.coalesce(counts.c.done, 0), items.c.number)
    return query.order_by(items.c.number)


assert set(STATES) == set(get_args(ItemState))
assert set(ORDERS) == set(get_args(ItemOrder))
