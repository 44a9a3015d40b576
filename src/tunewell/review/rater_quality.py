"""How each person works: pace, slow-down, disagreement with others, accuracy on known items."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from tunewell.people import Item, RaterVerdict
from tunewell.people.work import Batch
from tunewell.review.scales import scale_of
from tunewell.stats import proportion
from tunewell.types import Estimate, Value

FEWEST_TIMES = 5
"""A slow-down needs this many timed verdicts in the first third, and in the last."""


class RaterResult(Value):
    """One person's work, for the owner.

    Attributes:
        account: Id.
        verdicts: How many.
        left: How many seats are open.
        seconds: Median per verdict; 0 if unknown.
        drift: Late median seconds per verdict divided by early (last against first third); 0 with
            too few.
        apart: Share of verdicts far from the median of the other raters of the same output.
        known: Share of calibration rows judged right.
    """

    account: str
    verdicts: int
    left: int = 0
    seconds: float = 0.0
    drift: float = 0.0
    apart: Estimate | None = None
    known: Estimate | None = None


@dataclass
class _Share:
    """So many of so many."""

    hits: int = 0
    of: int = 0

    def count(self, hit: bool) -> None:
        self.hits += hit
        self.of += 1

    def estimate(self, level: float) -> Estimate | None:
        if not self.of:
            return None
        return proportion(self.hits, self.of, level=level)


def rater_results(
    said: Sequence[RaterVerdict],
    items: Mapping[str, Item],
    batch: Batch,
    seats: Mapping[str, Mapping[str, int]],
    *,
    level: float,
) -> tuple[RaterResult, ...]:
    """Everybody who has a seat, by account.

    Args:
        said: Verdicts that stand, skipped ones left out.
        items: By id.
        batch: The review.
        seats: Seats of each account by status.
        level: Of every interval.
    """
    own: dict[str, list[RaterVerdict]] = defaultdict(list)
    for verdict in said:
        own[verdict.account].append(verdict)

    apart = _apart(said, batch)
    results: list[RaterResult] = []
    for account in sorted(seats):
        verdicts = own[account]
        seconds = [v.seconds for v in verdicts if v.seconds > 0]
        disagreements = apart[account]
        known = _right_where_known(verdicts, items)
        result = RaterResult(
            account=account,
            verdicts=len(verdicts),
            left=seats[account]["open"],
            seconds=median(seconds) if seconds else 0.0,
            drift=_slow_down(seconds),
            apart=disagreements.estimate(level),
            known=known.estimate(level),
        )
        results.append(result)
    return tuple(results)


def _slow_down(seconds: Sequence[float]) -> float:
    third = len(seconds) // 3
    if third < FEWEST_TIMES:
        return 0.0
    early = median(seconds[:third])
    late = median(seconds[-third:])
    return late / early


def _right_where_known(verdicts: Sequence[RaterVerdict], items: Mapping[str, Item]) -> _Share:
    share = _Share()
    for verdict in verdicts:
        for name, value in items[verdict.item].gold.items():
            share.count(verdict.said.scores.get(name) == value)
    return share


def _apart(said: Sequence[RaterVerdict], batch: Batch) -> dict[str, _Share]:
    """How often each person's rating is far from the median of the others, on each question."""
    by_item: dict[str, list[RaterVerdict]] = defaultdict(list)
    for verdict in said:
        by_item[verdict.item].append(verdict)

    shares: dict[str, _Share] = defaultdict(_Share)
    for verdicts in by_item.values():
        for criterion in batch.rubric:
            far_apart = scale_of(criterion).far_apart
            for account, distance in _distances(verdicts, criterion.name):
                shares[account].count(distance > far_apart)
    return shares


def _distances(verdicts: Sequence[RaterVerdict], criterion: str) -> list[tuple[str, float]]:
    """Each account with the distance of its rating from the median of the others; none if alone."""
    ratings = [
        (v.said.scores[criterion], v.account) for v in verdicts if criterion in v.said.scores
    ]
    if len(ratings) < 2:
        return []
    ratings.sort()
    values = [value for value, _ in ratings]
    return [
        (account, abs(value - middle_of_others(values, place)))
        for place, (value, account) in enumerate(ratings)
    ]


def middle_of_others(values: Sequence[float], place: int) -> float:
    """Median of sorted values without the one at ``place``; there are at least two values.

    Example:
        >>> middle_of_others([1, 2, 3, 9], 3), middle_of_others([1, 2, 3, 9], 0)
        (2.0, 3.0)
        >>> middle_of_others([1, 5], 0)
        5.0
    """
    others = [*values[:place], *values[place + 1 :]]
    return float(median(others))
