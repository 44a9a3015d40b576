"""What a panel found: estimates by arm, differences, agreement, raters, patterns of error, corrections."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from pydantic import Field

from tunewell.people import Item, RaterVerdict, WorkStore, panel_estimate
from tunewell.people.agreement import Agreement, agreement
from tunewell.people.judgements import judged
from tunewell.people.work import Batch
from tunewell.review.patterns import Pattern, patterns
from tunewell.review.raters import RaterResult, rater_results
from tunewell.stats import difference, mean
from tunewell.task import RubricCriterion
from tunewell.types import Estimate, Value

FEW = 5


class CriterionResult(Value):
    """Verdicts on one criterion.

    Attributes:
        criterion: Which.
        levels: Mean by arm (for yes/no: the share of yes), clustered by family.
        gain: The tuned arm against the other on the rows judged for both; None with one arm or too
            few rows.
        against: The other arm.
        agreement: Of the raters on the same outputs (E04); None where nobody shared an output.
        anytime: Mean by arm with intervals that hold at every look, over families whose raters are
            all done.
    """

    criterion: RubricCriterion
    levels: Mapping[str, Estimate]
    gain: Estimate | None = None
    against: str = ""
    agreement: Agreement | None = None
    anytime: Mapping[str, Estimate] = Field(default_factory=dict)


class ReviewResult(Value):
    """Everything that a review says so far."""

    batch: Batch
    verdicts: int
    skipped: int
    expected: int
    criteria: tuple[CriterionResult, ...]
    raters: tuple[RaterResult, ...]
    patterns: tuple[Pattern, ...]


def review_result(book: WorkStore, batch: Batch, *, level: float = 0.95) -> ReviewResult:
    """Read what stands in a review; may be read at any time.

    Args:
        book: Of the project.
        batch: The review.
        level: Of every interval.
    """
    items = {i.id: i for i in book.items(batch.id)}
    words = book.verdicts(batch.id)
    said = [v for v in words if not v.said.skipped]
    real = [v for v in said if not items[v.item].gold]
    seats = book.seats(batch.id)
    return ReviewResult(
        batch=batch,
        verdicts=len(said),
        skipped=len(words) - len(said),
        expected=sum(n["open"] + n["done"] for n in seats.values()),
        criteria=tuple(
            _criterion(c, real, items, level).model_copy(
                update={"anytime": _anytime(c, real, items, batch, level)}
            )
            for c in batch.rubric
        ),
        raters=rater_results(said, items, batch, seats, level=level),
        patterns=patterns(batch, real, items, level=level),
    )


def _criterion(
    criterion: RubricCriterion,
    said: Sequence[RaterVerdict],
    items: Mapping[str, Item],
    level: float,
) -> CriterionResult:
    by_row: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    family: dict[str, str] = {}
    ratings: dict[tuple[str, str], float] = {}
    for v in said:
        if criterion.name in v.said.scores:
            item = items[v.item]
            family[item.example] = item.family or item.example
            ratings[v.account, v.item] = v.said.scores[criterion.name]
            for arm in item.arms:
                by_row[item.example][arm].append(v.said.scores[criterion.name])
    low, high = (0.0, 1.0) if criterion.scale == "yes/no" else (1.0, 5.0)
    arms = sorted({arm for row in by_row.values() for arm in row})
    levels = {}
    for arm in arms:
        rows = [r for r in by_row if arm in by_row[r]]
        values = [_middle(by_row[r][arm]) for r in rows]
        levels[arm] = mean(
            values, clusters=[family[r] for r in rows], level=level, low=low, high=high
        )
    other = next((a for a in arms if a != "tuned"), "") if "tuned" in arms else ""
    both = [r for r in by_row if {"tuned", other} <= set(by_row[r])] if other else []
    gain = None
    if len(both) >= FEW:
        pair = [[_middle(by_row[r][a]) for r in both] for a in ("tuned", other)]
        gain = difference(
            pair[0],
            pair[1],
            paired=True,
            clusters=[family[r] for r in both],
            level=level,
            low=low,
            high=high,
        )
    return CriterionResult(
        criterion=criterion,
        levels=levels,
        gain=gain,
        against=other,
        agreement=agreement(
            ratings, scale="nominal" if criterion.scale == "yes/no" else "ordinal", level=level
        ),
    )


def _anytime(
    criterion: RubricCriterion,
    said: Sequence[RaterVerdict],
    items: Mapping[str, Item],
    batch: Batch,
    level: float,
) -> dict[str, Estimate]:
    words = [
        j for v in said for j in judged(v, items[v.item], batch) if j.criterion == criterion.name
    ]
    clusters = {i.example: i.family or i.example for i in items.values()}
    found = {
        arm: panel_estimate(
            words, criterion, arm=arm, raters=batch.raters, clusters=clusters, level=level
        )
        for arm in sorted({j.arm for j in words})
    }
    return {arm: e for arm, e in found.items() if e is not None}


def _middle(values: Sequence[float]) -> float:
    return sum(values) / len(values)
