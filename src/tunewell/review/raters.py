"""How each person works: pace, drift of pace, how often apart from the others, how often right where it is known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import median

from tunewell.people import Item, RaterVerdict
from tunewell.people.work import Batch
from tunewell.stats import proportion
from tunewell.types import Estimate, Value

FEW = 5


class RaterResult(Value):
    """One person's work, for the owner: pace, how often apart from the others, how often right where it is known.

    Attributes:
        account: Id.
        verdicts: How many.
        left: How many seats are open.
        seconds: Median per verdict; 0 if unknown.
        drift: Late median seconds per verdict divided by early (first against last third); 0 with
            too few.
        apart: Share of verdicts off the middle of the other raters of the same output.
        known: Share of calibration rows judged right.
    """

    account: str
    verdicts: int
    left: int = 0
    seconds: float = 0.0
    drift: float = 0.0
    apart: Estimate | None = None
    known: Estimate | None = None


def rater_results(
    said: Sequence[RaterVerdict],
    items: Mapping[str, Item],
    batch: Batch,
    seats: Mapping[str, Mapping[str, int]],
    *,
    level: float,
) -> tuple[RaterResult, ...]:
    """Everybody who has a seat, by account."""
    own: dict[str, list[RaterVerdict]] = defaultdict(list)
    for v in said:
        own[v.account].append(v)
    apart = _apart(said, batch)
    return tuple(
        _rater(
            account, own[account], items, apart.get(account, (0, 0)), seats[account]["open"], level
        )
        for account in sorted(seats)
    )


def _rater(
    account: str,
    own: Sequence[RaterVerdict],
    items: Mapping[str, Item],
    apart: tuple[int, int],
    left: int,
    level: float,
) -> RaterResult:
    seconds = [v.seconds for v in own if v.seconds > 0]
    third = len(seconds) // 3
    drift = median(seconds[-third:]) / median(seconds[:third]) if third >= FEW else 0.0
    known = [
        v.said.scores.get(name) == value for v in own for name, value in items[v.item].gold.items()
    ]
    return RaterResult(
        account=account,
        verdicts=len(own),
        left=left,
        seconds=median(seconds) if seconds else 0.0,
        drift=drift,
        apart=proportion(*apart, level=level) if apart[1] else None,
        known=proportion(sum(known), len(known), level=level) if known else None,
    )


def _apart(said: Sequence[RaterVerdict], batch: Batch) -> dict[str, tuple[int, int]]:
    """How often each lies more than half the scale away from the middle of the others, of how many."""
    by_item: dict[str, list[RaterVerdict]] = defaultdict(list)
    for v in said:
        by_item[v.item].append(v)
    apart: dict[str, int] = defaultdict(int)
    total: dict[str, int] = defaultdict(int)
    for words in by_item.values():
        for criterion in batch.rubric:
            far = 0.5 if criterion.scale == "yes/no" else 1.0
            given = sorted(
                (v.said.scores[criterion.name], v.account)
                for v in words
                if criterion.name in v.said.scores
            )
            values = [value for value, _ in given]
            if len(values) < 2:
                continue
            for place, (value, account) in enumerate(given):
                total[account] += 1
                apart[account] += abs(value - middle_of_others(values, place)) > far
    return {account: (apart[account], total[account]) for account in total}


def middle_of_others(values: Sequence[float], place: int) -> float:
    """Median of sorted values without the one at ``place``; there are at least two values.

    Example:
        >>> middle_of_others([1, 2, 3, 9], 3), middle_of_others([1, 2, 3, 9], 0), middle_of_others([1, 5], 0)
        (2.0, 3.0, 5.0)
    """
    rest = len(values) - 1

    def other(index: int) -> float:
        return values[index if index < place else index + 1]

    if rest % 2:
        return float(other(rest // 2))
    return (other(rest // 2 - 1) + other(rest // 2)) / 2
