"""What a panel found: estimates by arm, differences, agreement, raters, patterns of error."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import fmean

from pydantic import Field

from tunewell.people import Item, RaterVerdict, WorkStore, panel_estimate
from tunewell.people.agreement import Agreement, agreement
from tunewell.people.judgements import judged
from tunewell.people.work import Batch
from tunewell.review.error_patterns import Pattern, family_of, patterns
from tunewell.review.rater_quality import RaterResult, rater_results
from tunewell.review.scales import RatingScale, scale_of
from tunewell.stats import difference, mean
from tunewell.task import RubricCriterion
from tunewell.types import Estimate, Judgement, Value

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
        families: Family of each row.
        by_arm: Ratings by arm and row; a row's outputs may have several raters.
        by_rater: Rating by account and item.
    """

    scale: RatingScale
    level: float
    families: Mapping[str, str]
    by_arm: dict[str, dict[str, list[float]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    by_rater: dict[tuple[str, str], float] = field(default_factory=dict)

    def add(
        self,
        verdict: RaterVerdict,
        item: Item,
        rating: float,
    ) -> None:
        self.by_rater[verdict.account, verdict.item] = rating
        for arm in item.arms:
            self.by_arm[arm][item.example].append(rating)

    def mean(self, arm: str) -> Estimate:
        """Mean of an arm, each row counted once."""
        rows = list(self.by_arm[arm])
        return mean(
            self._values(arm, rows),
            clusters=self._clusters(rows),
            level=self.level,
            low=self.scale.low,
            high=self.scale.high,
        )

    def gain(self, arm: str, against: str) -> Estimate | None:
        """Mean paired difference on the rows judged for both arms.

        None with too few, as where there is no other arm.
        """
        theirs = self.by_arm[against]
        both = [row for row in self.by_arm[arm] if row in theirs]
        if len(both) < FEWEST_PAIRS:
            return None
        return difference(
            self._values(arm, both),
            self._values(against, both),
            paired=True,
            clusters=self._clusters(both),
            level=self.level,
            low=self.scale.low,
            high=self.scale.high,
        )

    def _values(self, arm: str, rows: Sequence[str]) -> list[float]:
        ratings = self.by_arm[arm]
        return [fmean(ratings[row]) for row in rows]

    def _clusters(self, rows: Sequence[str]) -> list[str]:
        return [self.families[row] for row in rows]

    def agreement(self) -> Agreement | None:
        return agreement(self.by_rater, scale=self.scale.level, level=self.level)


def review_result(
    book: WorkStore,
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
    items = {item.id: item for item in book.items(batch.id)}
    verdicts = book.verdicts(batch.id)
    said = [v for v in verdicts if not v.said.skipped]
    judgements = _Judgements(
        batch=batch,
        items=items,
        said=[v for v in said if not items[v.item].gold],
        level=level,
    )
    seats = book.seats(batch.id)
    return ReviewResult(
        batch=batch,
        verdicts=len(said),
        skipped=len(verdicts) - len(said),
        expected=sum(n["open"] + n["done"] for n in seats.values()),
        criteria=tuple(map(judgements.of, batch.rubric)),
        raters=rater_results(
            said,
            items,
            batch,
            seats,
            level=level,
        ),
        patterns=patterns(
            batch,
            judgements.said,
            items,
            level=level,
        ),
    )


@dataclass(frozen=True)
class _Judgements:
    """What was said of the outputs in a review, calibration rows left out.

    Attributes:
        batch: The review.
        items: By id.
        said: Verdicts that stand, skipped ones left out.
        level: Of every interval.
    """

    batch: Batch
    items: Mapping[str, Item]
    said: Sequence[RaterVerdict]
    level: float

    @cached_property
    def families(self) -> dict[str, str]:
        """Family of each row."""
        return {item.example: family_of(item) for item in self.items.values()}

    @cached_property
    def unblinded(self) -> list[Judgement]:
        """One judgement for each criterion and arm."""
        found: list[Judgement] = []
        for verdict in self.said:
            found += judged(verdict, self.items[verdict.item], self.batch)
        return found

    def of(self, criterion: RubricCriterion) -> CriterionResult:
        """The verdicts on one criterion."""
        ratings = _Ratings(scale_of(criterion), self.level, self.families)
        for verdict in self.said:
            rating = verdict.said.scores.get(criterion.name)
            if rating is not None:
                ratings.add(verdict, self.items[verdict.item], rating)

        arms = sorted(ratings.by_arm)
        against = _other_arm(arms)
        return CriterionResult(
            criterion=criterion,
            levels={arm: ratings.mean(arm) for arm in arms},
            gain=ratings.gain("tuned", against),
            against=against,
            agreement=ratings.agreement(),
            anytime=self._anytime(criterion, arms),
        )

    def _anytime(self, criterion: RubricCriterion, arms: Sequence[str]) -> dict[str, Estimate]:
        """Mean by arm where at least one family is finished."""
        on_criterion = [j for j in self.unblinded if j.criterion == criterion.name]
        found: dict[str, Estimate] = {}
        for arm in arms:
            estimate = panel_estimate(
                on_criterion,
                criterion,
                arm=arm,
                raters=self.batch.raters,
                clusters=self.families,
                level=self.level,
            )
            if estimate is not None:
                found[arm] = estimate
        return found


def _other_arm(arms: Sequence[str]) -> str:
    """The first arm that the tuned one can be compared with; empty if there is none."""
    if "tuned" not in arms:
        return ""
    others = list(arms)
    others.remove("tuned")
    return next(iter(others), "")
