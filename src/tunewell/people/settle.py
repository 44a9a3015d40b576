"""What annotators and adjudicators have settled, and what still waits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from tunewell.people.work import Batch, Item, RaterVerdict, Said
from tunewell.types import Value


class Settled(Value):
    """The gold of one item, and how it came to be.

    Attributes:
        item: Which.
        how: ``agreed`` by all annotators, ``adjudicated``, or said by ``one person`` alone, where a
            file of annotations made elsewhere has no second one.
        said: The gold.
        version: Of the guideline it was given under.
    """

    item: Item
    how: Literal["agreed", "adjudicated", "one person"]
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


def settle(
    items: Sequence[Item],
    said: Iterable[RaterVerdict],
    batch: Batch,
) -> SettledItems:
    """An adjudicator's word settles an item; without one, annotators who all say the same do.

    Args:
        items: Of the batch, in order.
        said: The verdicts that stand.
        batch: How many people see an item, and who adjudicates.
    """
    by_item: dict[str, list[RaterVerdict]] = defaultdict(list)
    for verdict in said:
        by_item[verdict.item].append(verdict)

    settled: list[Settled] = []
    disputes: list[Dispute] = []
    waiting = undecided = 0
    for item in items:
        state = _state(item, by_item[item.id], batch)
        if isinstance(state, Settled):
            settled.append(state)
        elif isinstance(state, Dispute):
            disputes.append(state)
        elif state == "waiting":
            waiting += 1
        else:
            undecided += 1
    return SettledItems(
        settled=tuple(settled),
        disputes=tuple(disputes),
        waiting=waiting,
        undecided=undecided,
        words=dict(by_item),
    )


def _state(
    item: Item,
    words: Sequence[RaterVerdict],
    batch: Batch,
) -> Settled | Dispute | Literal["waiting", "undecided"]:
    """Where one item stands after everything that was said of it."""
    by_adjudicators = [word for word in words if word.account in batch.adjudicators]
    adjudicated = _decided(by_adjudicators)
    if adjudicated:
        last = adjudicated[-1]
        return Settled(item=item, how="adjudicated", said=last.said, version=last.version)

    annotated = [word for word in words if word.account not in batch.adjudicators]
    # Of annotations made elsewhere nobody else will come: each item has the people that it has.
    needed = 1 if batch.imported else batch.raters
    if len(annotated) < needed:
        return "waiting"
    decided = _decided(annotated)
    if not decided:
        return "undecided"

    nobody_skipped = len(decided) == len(annotated)
    answers = {_key(word.said) for word in decided}
    if nobody_skipped and len(answers) == 1:
        first = decided[0]
        how: Literal["agreed", "one person"] = "agreed"
        if batch.imported and len(decided) == 1:
            how = "one person"
        return Settled(item=item, how=how, said=first.said, version=first.version)
    by_key = sorted(decided, key=lambda word: word.key)
    return Dispute(item=item, words=tuple(by_key))


def _decided(words: Sequence[RaterVerdict]) -> list[RaterVerdict]:
    """Those who did not say that they cannot decide."""
    return [word for word in words if not word.said.skipped]


def _key(said: Said) -> tuple[object, ...]:
    """What has to be equal for annotators to agree; white space in answers aside."""
    spans = frozenset((span.start, span.end, span.label) for span in said.spans)
    answer = " ".join(said.answer.split())
    choices = frozenset((control, frozenset(chosen)) for control, chosen in said.choices.items())
    return said.label, spans, answer, choices
