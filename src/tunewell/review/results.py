"""What a panel found: estimates by arm, differences, agreement, raters, patterns of error."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from pydantic import Field

from tunewell.people import Book, Item, RaterVerdict, panel_estimate
from tunewell.people.agreement import Agreement, agreement
from tunewell.people.judgements import judged
from tunewell.people.work import Batch
from tunewell.review.error_patterns import Pattern, patterns
from tunewell.review.rater_quality import RaterResult, rater_results
from tunewell.review.scales import RatingScale, scale_of
from tunewell.stats import difference, mean
from tunewell.task import RubricCriterion
from tunewell.types import Estimate, Value

FEWEST_PAIRS = 5
"""With fewer rows judged for both arms there is no gain."""


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


@dataclass
class _Ratings:
    """What was said on one criterion.

    Attributes:
        scale: Of the criterion.
        level: Of every interval.
        by_arm: Ratings by arm and row; a row's outputs may have several raters.
        by_rater: Rating by account and item.
        families: Family of each row.
    """

    scale: RatingScale
    level: float
    by_arm: dict[str, dict[str, list[float]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    by_rater: dict[tuple[str, str], float] = field(default_factory=dict)
    families: dict[str, str] = field(default_factory=dict)

    def add(
        self,
        verdict: RaterVerdict,
        item: Item,
        rating: float,
    ) -> None:
        self.families[item.example] = item.family or item.example
        self.by_rater[verdict.account, verdict.item] = rating
        for arm in item.arms:
            self.by_arm[arm][item.example].append(rating)

    def mean(self, arm: str) -> Estimate:
        """Mean of an arm, each row counted once."""
        rows = self.by_arm[arm]
        return mean(
            [fmean(ratings) for ratings in rows.values()],
            clusters=[self.families[row] for row in rows],
            level=self.level,
            low=self.scale.low,
            high=self.scale.high,
        )

    def gain(
        self,
        arm: str,
        against: str,
    ) -> Estimate | None:
        """Mean paired difference on the rows judged for both arms; None with too few."""
        ours, theirs = self.by_arm[arm], self.by_arm[against]
        both = [row for row in ours if row in theirs]
        if len(both) < FEWEST_PAIRS:
            return None
        return difference(
            [fmean(ours[row]) for row in both],
            [fmean(theirs[row]) for row in both],
            paired=True,
            clusters=[self.families[row] for row in both],
            level=self.level,
            low=self.scale.low,
            high=self.scale.high,
        )

    def agreement(self) -> Agreement | None:
        return agreement(self.by_rater, scale=self.scale.level, level=self.level)


def review_result(
    book: Book,
    batch: Batch,
    *,
    level: float = 0.95,
) -> ReviewResult:
    """The state of a review; may be read at any time.

    Args:
        book: Of the project.
        batch: The review.
        level: Of every interval.
    """
    items = {i.id: i for i in book.items(batch.id)}
    verdicts = book.verdicts(batch.id)
    said = [v for v in verdicts if not v.said.skipped]
    on_outputs = [v for v in said if not items[v.item].gold]
    seats = book.seats(batch.id)
    return ReviewResult(
        batch=batch,
        verdicts=len(said),
        skipped=len(verdicts) - len(said),
        expected=sum(n["open"] + n["done"] for n in seats.values()),
        criteria=tuple(
            _criterion(criterion, on_outputs, items, batch, level) for criterion in batch.rubric
        ),
        raters=rater_results(said, items, batch, seats, level=level),
        patterns=patterns(batch, on_outputs, items, level=level),
    )


def _criterion(
    criterion: RubricCriterion,
    said: Sequence[RaterVerdict],
    items: Mapping[str, Item],
    batch: Batch,
    level: float,
) -> CriterionResult:
    ratings = _Ratings(scale_of(criterion), level)
    for verdict in said:
        if criterion.name in verdict.said.scores:
            rating = verdict.said.scores[criterion.name]
            ratings.add(verdict, items[verdict.item], rating)

    arms = sorted(ratings.by_arm)
    against = _other_arm(arms)
    return CriterionResult(
        criterion=criterion,
        levels={arm: ratings.mean(arm) for arm in arms},
        gain=ratings.gain("tuned", against) if against else None,
        against=against,
        agreement=ratings.agreement(),
        anytime=_anytime(criterion, said, items, batch, level),
    )


def _other_arm(arms: Sequence[str]) -> str:
    """The first arm that the tuned one can be compared with; empty if there is none."""
    others = [arm for arm in arms if arm != "tuned"]
    return others[0] if others and "tuned" in arms else ""


def _anytime(
    criterion: RubricCriterion,
    said: Iterable[RaterVerdict],
    items: Mapping[str, Item],
    batch: Batch,
    level: float,
) -> dict[str, Estimate]:
    every = [judgement for v in said for judgement in judged(v, items[v.item], batch)]
    judgements = [j for j in every if j.criterion == criterion.name]
    clusters = {i.example: i.family or i.example for i in items.values()}

    found: dict[str, Estimate] = {}
    for arm in sorted({j.arm for j in judgements}):
        estimate = panel_estimate(
            judgements,
            criterion,
            arm=arm,
            raters=batch.raters,
            clusters=clusters,
            level=level,
        )
        if estimate is not None:
            found[arm] = estimate
    return found
