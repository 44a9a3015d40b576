"""What a panel found: estimates by arm, differences, agreement, raters, patterns of error, corrections."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from statistics import median

import numpy as np

from tunewell.people import Book, Item, Verdict
from tunewell.people.agreement import Agreement, agreement
from tunewell.people.work import Batch
from tunewell.stats import difference, mean, proportion
from tunewell.task import RubricCriterion
from tunewell.types import Estimate, Value

FEW = 5


class CriterionResult(Value):
    """Verdicts on one criterion.

    Attributes:
        criterion: Which.
        levels: Mean by arm (for yes/no: the share of yes), clustered by family.
        gain: The tuned arm against the other on the rows judged for both; None with one arm or too few rows.
        against: The other arm.
        agreement: Of the raters on the same outputs (E04); None where nobody shared an output.
    """

    criterion: RubricCriterion
    levels: Mapping[str, Estimate]
    gain: Estimate | None = None
    against: str = ""
    agreement: Agreement | None = None


class RaterResult(Value):
    """One person's work, for the owner: pace, how often apart from the others, how often right where it is known.

    Attributes:
        account: Id.
        verdicts: How many.
        left: How many seats are open.
        seconds: Median per verdict; 0 if unknown.
        drift: Late median seconds per verdict divided by early (first against last third); 0 with too few.
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


class Pattern(Value):
    """How often a kind of error was ticked, everywhere or on one slice (``region=north``)."""

    tag: str
    arm: str
    slice: str
    share: Estimate


class ReviewResult(Value):
    """Everything that a review says so far."""

    batch: Batch
    verdicts: int
    skipped: int
    expected: int
    criteria: tuple[CriterionResult, ...]
    raters: tuple[RaterResult, ...]
    patterns: tuple[Pattern, ...]


def review_result(book: Book, batch: Batch, *, level: float = 0.95) -> ReviewResult:
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
        criteria=tuple(_criterion(c, real, items, level) for c in batch.rubric),
        raters=tuple(_rater(a, said, items, batch, seats, level) for a in sorted(seats)),
        patterns=tuple(_patterns(batch, real, items, level)),
    )


def _criterion(
    criterion: RubricCriterion, said: Sequence[Verdict], items: Mapping[str, Item], level: float
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
        values = [float(np.mean(by_row[r][arm])) for r in rows]
        levels[arm] = mean(values, clusters=[family[r] for r in rows], level=level, low=low, high=high)
    other = next((a for a in arms if a != "tuned"), "") if "tuned" in arms else ""
    both = [r for r in by_row if {"tuned", other} <= set(by_row[r])] if other else []
    gain = None
    if len(both) >= FEW:
        pair = [[float(np.mean(by_row[r][a])) for r in both] for a in ("tuned", other)]
        gain = difference(pair[0], pair[1], paired=True, clusters=[family[r] for r in both], level=level,
                          low=low, high=high)  # fmt: skip
    return CriterionResult(
        criterion=criterion, levels=levels, gain=gain, against=other,
        agreement=agreement(ratings, scale="nominal" if criterion.scale == "yes/no" else "ordinal", level=level),
    )  # fmt: skip


def _rater(
    account: str,
    said: Sequence[Verdict],
    items: Mapping[str, Item],
    batch: Batch,
    seats: Mapping[str, Mapping[str, int]],
    level: float,
) -> RaterResult:
    own = [v for v in said if v.account == account]
    seconds = [v.seconds for v in own if v.seconds > 0]
    third = len(seconds) // 3
    drift = median(seconds[-third:]) / median(seconds[:third]) if third >= FEW else 0.0
    apart, apart_of = _apart(account, said, batch)
    known = [
        v.said.scores.get(name) == value for v in own for name, value in items[v.item].gold.items()
    ]  # fmt: skip
    return RaterResult(
        account=account,
        verdicts=len(own),
        left=seats[account]["open"],
        seconds=median(seconds) if seconds else 0.0,
        drift=drift,
        apart=proportion(apart, apart_of, level=level) if apart_of else None,
        known=proportion(sum(known), len(known), level=level) if known else None,
    )


def _apart(account: str, said: Sequence[Verdict], batch: Batch) -> tuple[int, int]:
    """How often somebody lies more than half the scale away from the middle of the others, of how many."""
    by_item: dict[str, list[Verdict]] = defaultdict(list)
    for v in said:
        by_item[v.item].append(v)
    apart = total = 0
    for criterion in batch.rubric:
        far = 0.5 if criterion.scale == "yes/no" else 1.0
        for words in by_item.values():
            own = [v.said.scores[criterion.name] for v in words
                   if v.account == account and criterion.name in v.said.scores]  # fmt: skip
            others = [v.said.scores[criterion.name] for v in words
                      if v.account != account and criterion.name in v.said.scores]  # fmt: skip
            if own and others:
                total += 1
                apart += abs(own[0] - median(others)) > far
    return apart, total


def _patterns(batch: Batch, said: Sequence[Verdict], items: Mapping[str, Item], level: float) -> list[Pattern]:
    """Each tag by arm, everywhere and on every slice value with at least `FEW` rows; a row counts once per arm."""
    ticked: dict[tuple[str, str], set[str]] = defaultdict(set)
    judged: dict[str, set[str]] = defaultdict(set)
    slices: dict[str, Mapping[str, str]] = {}
    for v in said:
        item = items[v.item]
        slices[item.example] = item.slices
        for arm in item.arms:
            judged[arm].add(item.example)
            for tag in v.said.tags:
                ticked[tag, arm].add(item.example)
    out = []
    for (tag, arm), rows in sorted(ticked.items()):
        parts: Counter[str] = Counter({"": len(judged[arm])})
        parts.update(f"{k}={v}" for r in judged[arm] for k, v in slices[r].items())
        for part, n in parts.items():
            if n >= FEW:
                hits = sum(not part or part in {f"{k}={v}" for k, v in slices[r].items()} for r in rows)
                if hits:
                    out.append(Pattern(tag=tag, arm=arm, slice=part, share=proportion(hits, n, level=level)))
    return sorted(out, key=lambda p: (p.arm, p.tag, p.slice != "", -p.share.value))
