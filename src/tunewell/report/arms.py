"""Arms side by side: each metric with its levels, its paired differences, and both by slice."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from tunewell.report.conditions import Condition
from tunewell.report.grouping import grouped
from tunewell.report.interval_charts import Scale, ends_of, scale_for, sign
from tunewell.types import Comparison, Estimate, Evaluation, Level, MetricInfo

L = TypeVar("L", Level, Comparison)

MAX_SLICES: Final = 24
ARMS: Final = {
    "base": "the model before fine-tuning",
    "prompted": "the same model with its best prompt",
    "tuned": "after fine-tuning",
    "production": "what was in use when this was measured",
}
"""What the usual arms are, in words."""

_RANK: Final = {"production": 0, "prompted": 1, "base": 2}
"""The arms that the tuned one has to beat, the strongest first; then any other."""


@dataclass(frozen=True)
class SliceRow:
    """One slice: each arm's level, and the difference of the tuned arm to its strongest rival."""

    name: str
    levels: tuple[Level, ...]
    comparison: Comparison | None

    @property
    def gain(self) -> float:
        """The difference that was measured; 0 where none was."""
        return self.comparison.estimate.value if self.comparison else 0.0


@dataclass(frozen=True)
class Measured:
    """One metric.

    Attributes:
        info: What it is.
        levels: One for each arm.
        comparisons: Paired differences on all rows.
        slices: Weakest first.
        left_out: Slices beyond those shown.
        level_scale: On which the levels are drawn.
        gain_scale: On which the differences are drawn, slices included.
    """

    info: MetricInfo
    levels: tuple[Level, ...]
    comparisons: tuple[Comparison, ...]
    slices: tuple[SliceRow, ...]
    left_out: int
    level_scale: Scale
    gain_scale: Scale


def told_apart(made: Sequence[Condition], metrics: Sequence[Measured]) -> dict[str, str]:
    """Metric to why a condition on it shows another figure than the plain mean of its scores.

    Such a figure is corrected by people's verdicts, or holds at every look; all others are the
    same, interval and all.
    """
    notes: dict[str, str] = {}
    for metric in metrics:
        plain = [level.estimate for level in metric.levels]
        plain += [comparison.estimate for comparison in metric.comparisons]
        for condition in made:
            estimate = condition.criterion.estimate
            of_metric = condition.criterion.name.partition(": ")[0] == metric.info.name
            if not of_metric or estimate is None or condition.criterion.slice:
                continue
            if not any(_is_same(estimate, other) for other in plain):
                notes[metric.info.name] = estimate.method
    return notes


def _is_same(one: Estimate, other: Estimate) -> bool:
    ends = zip((one.value, one.low, one.high), (other.value, other.low, other.high), strict=True)
    return all(a == b or math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12) for a, b in ends)


def kind(comparison: Comparison, info: MetricInfo) -> str:
    """``go`` (better: the whole interval is), ``nogo`` (worse) or ``open`` (cannot be told)."""
    return sign(comparison.estimate, wanted=1 if info.bigger_is_better else -1)


def measured(evaluation: Evaluation) -> tuple[Measured, ...]:
    """Every metric of an evaluation: the task's own first."""
    infos = sorted(evaluation.metrics, key=lambda m: not m.own)
    return tuple(_measured(info, evaluation) for info in infos)


def rival(evaluation: Evaluation) -> str:
    """The arm that the tuned one has to beat: ``prompted`` where there is one."""
    others = [arm for arm in evaluation.arms if arm != "tuned"]
    return min(others, key=lambda arm: _RANK.get(arm, len(_RANK)), default="")


def _measured(info: MetricInfo, evaluation: Evaluation) -> Measured:
    levels = _by_slice(evaluation.levels, info)
    comparisons = _by_slice(evaluation.comparisons, info)
    overall = levels.pop("", [])
    differences = comparisons.pop("", [])

    rows = _slice_rows(levels, comparisons, against=rival(evaluation))
    direction = 1 if info.bigger_is_better else -1
    weakest_first = sorted(rows, key=lambda row: direction * row.gain)
    shown = weakest_first[:MAX_SLICES]
    return Measured(
        info=info,
        levels=tuple(overall),
        comparisons=tuple(differences),
        slices=tuple(shown),
        left_out=len(rows) - len(shown),
        level_scale=_level_scale(info, overall),
        gain_scale=_gain_scale(differences, shown),
    )


def _by_slice(found: Iterable[L], info: MetricInfo) -> dict[str, list[L]]:
    """What was found on one metric, by slice; all rows are the slice without a name."""
    of_metric = [x for x in found if x.metric == info.name]
    return grouped(of_metric, by=lambda x: x.slice)


def _slice_rows(
    levels: Mapping[str, Sequence[Level]],
    comparisons: Mapping[str, Sequence[Comparison]],
    *,
    against: str,
) -> list[SliceRow]:
    rows = []
    for name in dict.fromkeys([*levels, *comparisons]):
        chosen = None
        for comparison in comparisons.get(name, ()):
            if (comparison.arm, comparison.against) == ("tuned", against):
                chosen = comparison
        of_arms = tuple(levels.get(name, ()))
        rows.append(SliceRow(name, of_arms, chosen))
    return rows


def _level_scale(info: MetricInfo, levels: Sequence[Level]) -> Scale:
    ends = ends_of(level.estimate for level in levels)
    floor = max(info.low, 0.0) if info.unit == "share" else info.low
    return scale_for(ends, floor=floor, ceiling=info.high)


def _gain_scale(differences: Sequence[Comparison], slices: Sequence[SliceRow]) -> Scale:
    drawn = [comparison.estimate for comparison in differences]
    for row in slices:
        if row.comparison:
            drawn.append(row.comparison.estimate)
    return scale_for([*ends_of(drawn), 0.0])
