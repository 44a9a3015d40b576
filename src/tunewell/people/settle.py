"""What annotators and adjudicators have settled, and what still waits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from tunewell.people.work import Batch, Item, RaterVerdict, Said
from tunewell.types import Value


class Settled(Value):
    """The gold of one item, and how it came to be: ``agreed`` by all annotators, or ``adjudicated``."""

    item: Item
    how: str
    said: Said
    version: str


class Dispute(Value):
    """An item whose annotators are done and do not agree.

    ``words`` in an order that does not follow the accounts.
    """

    item: Item
    words: tuple[RaterVerdict, ...]


class SettledItems(Value):
    """Where every item of an annotation stands.

    Attributes:
        settled: Items with gold.
        disputes: Items for the adjudicator.
        waiting: How many lack annotators' words.
        undecided: On how many no annotator could decide.
        words: Everything that was said, by item.
    """

    settled: tuple[Settled, ...]
    disputes: tuple[Dispute, ...]
    waiting: int
    undecided: int
    words: Mapping[str, Sequence[RaterVerdict]]


def settle(items: Sequence[Item], said: Iterable[RaterVerdict], batch: Batch) -> SettledItems:
    """An adjudicator's word settles an item; without one, annotators who all say the same do.

    Args:
        items: Of the batch, in order.
        said: The verdicts that stand.
        batch: How many people see an item, and who adjudicates.
    """
    by_item: dict[str, list[RaterVerdict]] = defaultdict(list)
    for v in said:
        by_item[v.item].append(v)
    settled: list[Settled] = []
    disputes: list[Dispute] = []
    waiting = undecided = 0
    for item in items:
        judge = [
            v for v in by_item[item.id] if v.account in batch.adjudicators and not v.said.skipped
        ]
        words = [v for v in by_item[item.id] if v.account not in batch.adjudicators]
        given = [v for v in words if not v.said.skipped]
        if judge:
            settled.append(
                Settled(
                    item=item, how="adjudicated", said=judge[-1].said, version=judge[-1].version
                )
            )
        elif len(words) < batch.raters:
            waiting += 1
        elif not given:
            undecided += 1
        elif len(given) == len(words) and len({_key(v.said) for v in given}) == 1:
            settled.append(
                Settled(item=item, how="agreed", said=given[0].said, version=given[0].version)
            )
        else:
            disputes.append(Dispute(item=item, words=tuple(sorted(given, key=lambda v: v.key))))
    return SettledItems(
        settled=tuple(settled),
        disputes=tuple(disputes),
        waiting=waiting,
        undecided=undecided,
        words=dict(by_item),
    )


def _key(said: Said) -> tuple[object, ...]:
    """What has to be equal for annotators to agree; white space in answers aside."""
    return (
        said.label,
        frozenset((s.start, s.end, s.label) for s in said.spans),
        " ".join(said.answer.split()),
    )
