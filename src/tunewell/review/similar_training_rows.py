"""What a low rating without a correction leads to: similar training rows, for people to check."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import chain, zip_longest
from statistics import fmean

from tunewell.people import Item, RaterVerdict, WorkStore
from tunewell.people.nearest_texts import Near
from tunewell.people.work import Batch
from tunewell.review.scales import scale_of

NOWHERE = -1
NEAR = 3
"""Training rows that are queued for each row rated low."""


def low_rated(book: WorkStore, batch: Batch) -> list[Item]:
    """Items that people rated low on any question and nobody corrected, as drawn.

    Low is mostly no, or at most 2 of 5.
    """
    verdicts: dict[str, list[RaterVerdict]] = defaultdict(list)
    for verdict in book.verdicts(batch.id):
        if not verdict.said.skipped:
            verdicts[verdict.item].append(verdict)

    low: list[Item] = []
    for item in book.items(batch.id):
        said = verdicts[item.id]
        corrected = any(v.said.correction.strip() for v in said)
        if item.gold or corrected:
            continue
        if _is_low(said, batch):
            low.append(item)
    return low


def _is_low(said: Sequence[RaterVerdict], batch: Batch) -> bool:
    for criterion in batch.rubric:
        name = criterion.name
        values = [v.said.scores[name] for v in said if name in v.said.scores]
        if values and fmean(values) <= scale_of(criterion).low_rating:
            return True
    return False


def nearest(
    asked: Sequence[str],
    rows: Sequence[str],
    *,
    count: int = NEAR,
) -> list[list[int]]:
    """Positions of the rows nearest to each text, the nearest first.

    Args:
        asked: What was asked where the answer was rated low.
        rows: Inputs of the training rows.
        count: How many for each; fewer where fewer share a telling word.

    Example:
        >>> rows = ["meter shows E-05", "the bill is late", "E-07 on the meter"]
        >>> nearest(["E-07?"], rows, count=2)
        [[2, 0]]
    """
    near = Near(rows)
    return [[place for place, _ in near.to(text, count=count)] for text in asked]


def near_rows(
    low: Sequence[Item],
    training: Sequence[tuple[str, str]],
    *,
    count: int = NEAR,
) -> list[str]:
    """Ids of the training rows nearest to low-rated items, the nearest of each first, none twice.

    Args:
        low: As `low_rated` gives them.
        training: (id, input) of the training rows.
        count: How many for each item.
    """
    asked = [item.source for item in low]
    texts = [text for _, text in training]
    ranked = nearest(asked, texts, count=count)

    # The nearest of each, then the second of each; shorter lists are filled up with no place.
    in_turn = chain.from_iterable(zip_longest(*ranked, fillvalue=NOWHERE))
    places = dict.fromkeys(in_turn)
    places.pop(NOWHERE, None)
    return [training[place][0] for place in places]
