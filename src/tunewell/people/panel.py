"""A panel's estimate that may be looked at after every verdict: valid at any time, by family."""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tunewell.stats import confidence_sequence
from tunewell.task import RubricCriterion
from tunewell.types import Estimate, Judgement


def panel_estimate(
    said: Sequence[Judgement],
    criterion: RubricCriterion,
    *,
    arm: str = "tuned",
    against: str = "",
    raters: int = 1,
    clusters: Mapping[str, str] | None = None,
    judge: Mapping[tuple[str, str], float] | None = None,
    level: float = 0.95,
) -> Estimate | None:
    """The mean verdict on an arm, or its gain over another, with an interval valid at every look.

    A family of rows counts once, when each of its outputs has been read by all its raters, with the
    mean over them: verdicts of one rater or on one row are not taken for independent ones. Families
    come in the order in which they were finished, which the draw made random. Where a judge has
    scored every row, people's verdicts only measure how far it is off; that is valid however good
    or bad the judge is, and narrow where it is good.

    Args:
        said: Verdicts, of all arms and criteria.
        criterion: Which one.
        arm: Whose mean.
        against: The other arm, for a gain.
        raters: How many people see each output; a row with fewer waits.
        clusters: Family by row; each row by itself if None.
        judge: The judge's score by (row, arm) on the criterion's scale, for every row of the
            evaluation; none if None.
        level: Probability that no look ever misses, in (0, 1).

    Returns:
        None as long as no family is finished. ``n`` counts families.

    Source:
        Waudby-Smith & Ramdas 2024, JRSS B 86 (betting); Angelopoulos et al. 2023, Science 382 (a
        judge's mean, corrected by people's differences from it).
    """
    asked = _Question.of(criterion, arm, against)
    scores = None if judge is None else _JudgeScores(judge, asked)
    families = _Families(clusters or {})

    for row in _finished(said, asked, raters):
        value = asked.value(row.by_arm)
        if scores is not None:
            if not scores.has(row.example):
                continue
            value -= scores.value(row.example)
        families.add(row.example, row.when, value)
    if not families.found:
        return None

    low, high = asked.bounds(is_corrected=scores is not None)
    looks = confidence_sequence(
        families.in_order(),
        low=low,
        high=high,
        level=level,
    )
    found = looks.last
    shift = scores.mean(clusters or {}) if scores is not None else 0.0
    source = "people" if scores is None else "judge corrected by people"
    return asked.within_scale(
        found,
        shift=shift,
        method=f"{found.method}, families, {source}, at any look",
    )


@dataclass(frozen=True)
class _Question:
    """What is estimated: the mean of one arm on a criterion, or its gain over another arm.

    Attributes:
        criterion: Its name.
        arms: The arm, and the one it is held against if there is one.
        low: Least value on the criterion's scale.
        high: Greatest value.
    """

    criterion: str
    arms: tuple[str, ...]
    low: float
    high: float

    @classmethod
    def of(
        cls,
        criterion: RubricCriterion,
        arm: str,
        against: str,
    ) -> _Question:
        is_share = criterion.scale == "yes/no"
        return cls(
            criterion=criterion.name,
            arms=(arm, against) if against else (arm,),
            low=0.0 if is_share else 1.0,
            high=1.0 if is_share else 5.0,
        )

    @property
    def is_gain(self) -> bool:
        return len(self.arms) > 1

    @property
    def span(self) -> float:
        return self.high - self.low

    def value(self, by_arm: Mapping[str, float]) -> float:
        """The arm's value, less the other arm's."""
        value = by_arm[self.arms[0]]
        if self.is_gain:
            value -= by_arm[self.arms[1]]
        return value

    def bounds(self, *, is_corrected: bool) -> tuple[float, float]:
        """What one family's value can never leave: a gain, or people's value less a judge's."""
        if self.is_gain:
            reach = 4 * self.span if is_corrected else 2 * self.span
            return -reach, reach
        if is_corrected:
            return -self.span, self.span
        return self.low, self.high

    def within_scale(
        self,
        found: Estimate,
        *,
        shift: float,
        method: str,
    ) -> Estimate:
        """An estimate moved by the judge's mean and cut to what the scale allows."""
        least, most = self.low, self.high
        if self.is_gain:
            least, most = -self.span, self.span
        value = min(max(found.value + shift, least), most)
        return found.model_copy(
            update={
                "value": value,
                "low": min(value, max(least, found.low + shift)),
                "high": max(value, min(most, found.high + shift)),
                "method": method,
            }
        )


class _Families:
    """Values of rows by family.

    Args:
        clusters: Family by row; a row that has none is a family of its own.
    """

    def __init__(self, clusters: Mapping[str, str]) -> None:
        self.clusters = clusters
        self.found: dict[str, list[tuple[dt.datetime, float]]] = defaultdict(list)

    def add(self, row: str, when: dt.datetime, value: float) -> None:
        family = self.clusters.get(row, row)
        self.found[family].append((when, value))

    def in_order(self) -> list[float]:
        """The mean of each family, in the order in which their last rows were finished."""
        dated = []
        for rows in self.found.values():
            finished = max(when for when, _ in rows)
            mean = sum(value for _, value in rows) / len(rows)
            dated.append((finished, mean))
        return [mean for _, mean in sorted(dated)]


@dataclass(frozen=True)
class _FinishedRow:
    """A row whose outputs all have their raters.

    Attributes:
        example: Its id.
        when: When the last verdict came.
        by_arm: Mean verdict on each arm's output.
    """

    example: str
    when: dt.datetime
    by_arm: Mapping[str, float]


def _finished(
    said: Iterable[Judgement],
    asked: _Question,
    raters: int,
) -> list[_FinishedRow]:
    finished = []
    for example, words in _by_row(said, asked).items():
        fewest = min(len(words[arm]) for arm in asked.arms)
        if fewest < raters:
            continue
        by_arm = {arm: list(by_author.values()) for arm, by_author in words.items()}
        finished.append(
            _FinishedRow(
                example=example,
                when=max(_last(judged) for judged in by_arm.values()),
                by_arm={arm: _mean(judged) for arm, judged in by_arm.items()},
            )
        )
    return finished


def _by_row(
    said: Iterable[Judgement],
    asked: _Question,
) -> dict[str, dict[str, dict[str, Judgement]]]:
    """The last word of each author, by row, arm and author."""
    by_row: dict[str, dict[str, dict[str, Judgement]]] = {}
    for word in said:
        if word.criterion != asked.criterion or word.arm not in asked.arms:
            continue
        if word.example not in by_row:
            by_row[word.example] = {arm: {} for arm in asked.arms}
        by_row[word.example][word.arm][word.author] = word
    return by_row


def _last(judged: Iterable[Judgement]) -> dt.datetime:
    return max(word.at for word in judged)


def _mean(judged: Sequence[Judgement]) -> float:
    return sum(word.value for word in judged) / len(judged)


@dataclass(frozen=True)
class _JudgeScores:
    """What a judge says of the same question, by (row, arm)."""

    scores: Mapping[tuple[str, str], float]
    asked: _Question

    def has(self, row: str) -> bool:
        """Whether the judge has scored every arm on a row."""
        for arm in self.asked.arms:
            if math.isnan(self.scores.get((row, arm), math.nan)):
                return False
        return True

    def value(self, row: str) -> float:
        by_arm = {arm: self.scores[row, arm] for arm in self.asked.arms}
        return self.asked.value(by_arm)

    def mean(self, clusters: Mapping[str, str]) -> float:
        """The mean over the families of all rows that the judge has scored."""
        families: dict[str, list[float]] = defaultdict(list)
        for row in dict.fromkeys(row for row, _ in self.scores):
            if self.has(row):
                family = clusters.get(row, row)
                families[family].append(self.value(row))
        if not families:
            return 0.0
        means = [sum(values) / len(values) for values in families.values()]
        return sum(means) / len(means)
