"""What a low rating without a correction leads to: the training rows nearest to it, for people to look at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from tunewell.people import Item, RaterVerdict, WorkStore
from tunewell.people.nearest_texts import Near
from tunewell.people.work import Batch

NEAR = 3
"""Training rows that are queued for each row rated low."""


def low_rated(book: WorkStore, batch: Batch) -> list[Item]:
    """Items that people rated low on any question (mostly no, or at most 2 of 5) and nobody corrected, as drawn."""
    words: dict[str, list[RaterVerdict]] = defaultdict(list)
    for v in book.verdicts(batch.id):
        if not v.said.skipped:
            words[v.item].append(v)
    return [
        item
        for item in book.items(batch.id)
        if not item.gold
        and _low(words[item.id], batch)
        and not any(v.said.correction.strip() for v in words[item.id])
    ]


def _low(said: Sequence[RaterVerdict], batch: Batch) -> bool:
    for criterion in batch.rubric:
        values = [v.said.scores[criterion.name] for v in said if criterion.name in v.said.scores]
        if values and sum(values) / len(values) <= (0.49 if criterion.scale == "yes/no" else 2.0):
            return True
    return False


def nearest(asked: Sequence[str], rows: Sequence[str], *, count: int = NEAR) -> list[list[int]]:
    """Positions of the rows nearest to each text, the nearest first.

    Args:
        asked: What was asked where the answer was rated low.
        rows: Inputs of the training rows.
        count: How many for each; fewer where fewer share a telling word.

    Example:
        >>> nearest(["E-07?"], ["meter shows E-05", "the bill is late", "E-07 on the meter"], count=2)
        [[2, 0]]
    """
    near = Near(rows)
    return [[place for place, _ in near.to(text, count=count)] for text in asked]


def near_rows(
    low: Sequence[Item], training: Sequence[tuple[str, str]], *, count: int = NEAR
) -> list[str]:
    """Ids of the training rows nearest to items that were rated low, the nearest of each first, none twice.

    Args:
        low: As `low_rated` gives them.
        training: (id, input) of the training rows.
        count: How many for each item.
    """
    ranked = nearest([item.source for item in low], [text for _, text in training], count=count)
    names = [
        training[ranked[k][rank]][0]
        for rank in range(count)
        for k in range(len(low))
        if rank < len(ranked[k])
    ]
    return list(dict.fromkeys(names))
