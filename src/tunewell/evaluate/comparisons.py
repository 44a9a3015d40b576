"""Means of every arm, and paired differences between arms, over all rows and by slice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tunewell.evaluate.metric_values import Mask
from tunewell.evaluate.table import Table
from tunewell.stats import holm_adjusted
from tunewell.types import Comparison, Estimate, Level

PAIRS = (("tuned", "base"), ("tuned", "prompted"), ("prompted", "base"))
SMALLEST_SLICE = 5
"""Slices with fewer rows are shown as a level, not compared."""


def pairs_of(arms: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Which arms are compared: the usual ones, the tuned model with every further one, candidates.

    A candidate's rival is the model in production where there is one, else the prompted base.

    Example:
        >>> pairs_of(["base", "prompted", "tuned", "production", "mild"])[3:]
        (('tuned', 'production'), ('tuned', 'mild'), ('mild', 'production'))
    """
    further = [arm for arm in arms if arm not in {"base", "prompted", "tuned"}]
    rival = "production" if "production" in further else "prompted"
    with_tuned = [("tuned", arm) for arm in further]
    with_rival = [(arm, rival) for arm in further if arm != "production"]
    return (*PAIRS, *with_tuned, *with_rival)


def levels(table: Table, *, level: float) -> Iterator[Level]:
    """Means by arm and metric, over all rows and by slice."""
    for arm, metric in table.values:
        for name, where in [("", None), *table.parts()]:
            estimate = table.level(
                arm,
                metric,
                where=where,
                level=level,
            )
            if estimate is not None:
                missing = table.missing(arm, metric, where=where)
                yield Level(
                    arm=arm,
                    metric=metric,
                    estimate=estimate,
                    slice=name,
                    missing=missing,
                )


def comparisons(
    table: Table, *, level: float, pairs: Sequence[tuple[str, str]] = PAIRS
) -> Iterator[Comparison]:
    """Paired differences by metric, over all rows and by slice.

    P-values are also corrected (Holm) for the number of slices; over all rows, where several
    candidates stand against one rival, for the number of candidates.
    """
    found: list[Comparison] = []
    for arm, against in pairs:
        for metric in table.metrics:
            if table.have(arm, against, metric):
                found += _Compared(table, arm, against, metric, level).all()
    return iter(_corrected_for_candidates(found))


def beside_baselines(
    table: Table, baselines: Sequence[str], *, level: float
) -> Iterator[Comparison]:
    """The tuned arm against each baseline over all rows, by metric: intervals, nothing tested."""
    for baseline in baselines:
        for metric in table.metrics:
            if not table.have("tuned", baseline, metric):
                continue
            estimate = table.compare("tuned", baseline, metric, level=level)
            if estimate is not None:
                yield Comparison(arm="tuned", against=baseline, metric=metric, estimate=estimate)


@dataclass(frozen=True)
class TestedPart:
    """A paired difference on some rows, with its p-value.

    Attributes:
        name: Of the rows: a slice, a class.
        estimate: The difference.
        p_value: Of no difference, two-sided.
        adjusted: The same corrected for the number of differences tested together.
    """

    name: str
    estimate: Estimate
    p_value: float
    adjusted: float


def tested_together(
    table: Table,
    pair: tuple[str, str],
    metric: str,
    parts: Sequence[tuple[str, Mask]],
    *,
    level: float,
) -> list[TestedPart]:
    """Differences of one metric between two arms on several parts of the rows, corrected by Holm.

    Parts with fewer than two families are left out.
    """
    arm, against = pair
    names: list[str] = []
    estimates: list[Estimate] = []
    p_values: list[float] = []
    for name, where in parts:
        estimate = table.compare(
            arm,
            against,
            metric,
            where=where,
            level=level,
        )
        p_value = table.p_value(arm, against, metric, where=where)
        if estimate is not None and p_value is not None:
            names.append(name)
            estimates.append(estimate)
            p_values.append(p_value)
    return list(map(TestedPart, names, estimates, p_values, holm_adjusted(p_values)))


@dataclass(frozen=True)
class _Compared:
    """Two arms on one metric."""

    table: Table
    arm: str
    against: str
    metric: str
    level: float

    def all(self) -> list[Comparison]:
        """Over all rows, then by slice; nothing with too few families."""
        estimate = self.table.compare(self.arm, self.against, self.metric, level=self.level)
        if estimate is None:
            return []
        p_value = self.table.p_value(self.arm, self.against, self.metric)
        whole = Comparison(
            arm=self.arm,
            against=self.against,
            metric=self.metric,
            estimate=estimate,
            p_value=p_value,
        )
        return [whole, *self._by_slice()]

    def _by_slice(self) -> Iterator[Comparison]:
        large = []
        for name, where in self.table.parts():
            if int(self.table.mask(self.metric, where).sum()) >= SMALLEST_SLICE:
                large.append((name, where))

        pair = (self.arm, self.against)
        for found in tested_together(self.table, pair, self.metric, large, level=self.level):
            yield Comparison(
                arm=self.arm,
                against=self.against,
                metric=self.metric,
                estimate=found.estimate,
                slice=found.name,
                p_value=found.p_value,
                adjusted=found.adjusted,
            )


def _corrected_for_candidates(found: list[Comparison]) -> list[Comparison]:
    """Over all rows, p-values against one rival corrected for how many stand against it."""
    candidates: dict[tuple[str, str], list[int]] = defaultdict(list)
    for i, comparison in enumerate(found):
        if not comparison.slice:
            candidates[comparison.against, comparison.metric].append(i)

    corrected = list(found)
    for places in candidates.values():
        if len(places) < 2:
            continue
        adjusted = holm_adjusted([_p_value(found[i]) for i in places])
        for i, value in zip(places, adjusted, strict=True):
            corrected[i] = found[i].model_copy(update={"adjusted": value})
    return corrected


def _p_value(comparison: Comparison) -> float:
    assert comparison.p_value is not None
    return comparison.p_value
