"""Everything that is known of one item: what was said of it, its row, and what became of that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from tunewell.people.item_search import (
    Neighbours,
    item_lines,
    items_of_row,
    neighbours,
    words_on,
)
from tunewell.people.row_changes import WrittenAnswer, gold_registry
from tunewell.people.settle import Settled, settle
from tunewell.people.work import Batch, Item, RaterVerdict
from tunewell.store import Store
from tunewell.types import Dataset, Example, Receipt, Value

ItemStanding = Literal["waiting", "to decide", "undecided", "settled", "judged"]


class SaidOf(Value):
    """A verdict, and what it counts for.

    Attributes:
        verdict: As it was written.
        counts: Whether it is its author's last word, and not withdrawn.
        old: Whether it was given under other questions than those of now.
    """

    verdict: RaterVerdict
    counts: bool
    old: bool


class ItemStory(Value):
    """Everything that is known of one item.

    Attributes:
        item: Which.
        seats: ``open`` or ``done`` by account.
        said: Every verdict ever given, in order of arrival.
        standing: Where it stands; of a review ``judged`` or ``waiting``.
        settled: What an annotation settled, if it did.
        before: Id of the item before it in the batch; empty if it is the first.
        after: Id of the one after it.
        others: Other items about the same row, of this batch or others.
        row: The row as it is in the newest dataset, if it is there.
        receipts: What every step of curation did to the row.
        gold: The frozen answer of the row, if it has one.
    """

    item: Item
    seats: Mapping[str, str]
    said: tuple[SaidOf, ...]
    standing: ItemStanding
    settled: Settled | None
    before: str
    after: str
    others: tuple[Item, ...]
    row: Example | None
    receipts: tuple[Receipt, ...]
    gold: WrittenAnswer | None


def item_story(store: Store, batch: Batch, item: Item) -> ItemStory:
    """Everything that is known of an item.

    Args:
        store: Of the project.
        batch: The item's batch.
        item: Which.
    """
    (line,) = item_lines(store, [item.id])
    standing = {verdict.number for verdict in line.words}
    said = [
        SaidOf(
            verdict=verdict,
            counts=verdict.number in standing,
            old=verdict.version != batch.version,
        )
        for verdict in words_on(store, [item.id])[item.id]
    ]
    around: Neighbours = neighbours(store, item)
    row, receipts = _row(store, item.example)
    where, settled = _standing(batch, item, line.words)
    others = [other for other in items_of_row(store, item.example) if other.id != item.id]
    return ItemStory(
        item=item,
        seats=line.seats,
        said=tuple(said),
        standing=where,
        settled=settled,
        before=around.before,
        after=around.after,
        others=tuple(others),
        row=row,
        receipts=tuple(receipts),
        gold=gold_registry(store).rows.get(item.example),
    )


def _standing(
    batch: Batch,
    item: Item,
    words: Sequence[RaterVerdict],
) -> tuple[ItemStanding, Settled | None]:
    if batch.kind == "review":
        return ("judged" if len(words) >= batch.raters else "waiting"), None
    found = settle([item], words, batch)
    if found.settled:
        return "settled", found.settled[0]
    if found.disputes:
        return "to decide", None
    return ("undecided" if found.undecided else "waiting"), None


def _row(store: Store, name: str) -> tuple[Example | None, list[Receipt]]:
    """The row in the newest dataset, and its receipts; those of its parent if it has none."""
    run = store.last_run("curate")
    if run is None:
        return None, []
    dataset = store.get_value(run.outputs["dataset"], Dataset)
    found = store.examples(dataset, ids=[name])
    row = found[0] if found else None
    receipts = store.receipts(dataset, row=name)
    if not receipts and row is not None and row.parent:
        receipts = store.receipts(dataset, row=row.parent)
    return row, receipts
