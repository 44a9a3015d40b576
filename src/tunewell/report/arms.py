"""Arms side by side: each metric with its levels, its paired differences, and both by slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tunewell.report.charts import Scale, scale_for
from tunewell.report.plots import LossCurve
from tunewell.report.results import Results
from tunewell.types import Comparison, Evaluation, FoldTrace, Level, MetricInfo

MAX_SLICES: Final = 24
ARMS: Final = {
    "base": "the model as it came",
    "prompted": "the same model with its best prompt",
    "tuned": "after fine-tuning",
    "production": "what is in use today",
}
"""What the usual arms are, in words."""


@dataclass(frozen=True)
class SliceRow:
    """One slice: each arm's level, and the difference of the tuned arm to its strongest rival."""

    name: str
    levels: tuple[Level, ...]
    comparison: Comparison | None


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


def kind(comparison: Comparison, info: MetricInfo) -> str:
    """``go`` (better: the whole interval is), ``nogo`` (worse) or ``open`` (cannot be told)."""
    low, high = comparison.estimate.low, comparison.estimate.high
    if not info.bigger_is_better:
        low, high = -high, -low
    return "go" if low > 0 else "nogo" if high < 0 else "open"


def measured(evaluation: Evaluation) -> tuple[Measured, ...]:
    """Every metric of an evaluation: the task's own first."""
    infos = sorted(evaluation.metrics, key=lambda m: not m.own)
    return tuple(_measured(info, evaluation) for info in infos)


def rival(evaluation: Evaluation) -> str:
    """The arm that the tuned one has to beat: ``prompted`` where there is one."""
    others = [arm for arm in evaluation.arms if arm != "tuned"]
    return next(
        (arm for arm in ("production", "prompted", "base") if arm in others),
        others[0] if others else "",
    )


def _measured(info: MetricInfo, evaluation: Evaluation) -> Measured:
    levels = [x for x in evaluation.levels if x.metric == info.name]
    comparisons = [c for c in evaluation.comparisons if c.metric == info.name]
    overall = tuple(x for x in levels if not x.slice)
    apart = tuple(c for c in comparisons if not c.slice)
    slices = _slices(info, levels, comparisons, against=rival(evaluation))
    ends = [v for x in overall for v in (x.estimate.low, x.estimate.high)]
    drawn = [*apart, *(s.comparison for s in slices[:MAX_SLICES] if s.comparison)]
    gains = [v for c in drawn for v in (c.estimate.low, c.estimate.high)]
    floor = 0.0 if info.unit == "share" else -np.inf
    return Measured(
        info=info,
        levels=overall,
        comparisons=apart,
        slices=tuple(slices[:MAX_SLICES]),
        left_out=max(len(slices) - MAX_SLICES, 0),
        level_scale=scale_for(ends, floor=max(info.low, floor), ceiling=info.high),
        gain_scale=scale_for([*gains, 0.0]),
    )


def _slices(
    info: MetricInfo, levels: list[Level], comparisons: list[Comparison], *, against: str
) -> list[SliceRow]:
    names = dict.fromkeys(
        [x.slice for x in levels if x.slice] + [c.slice for c in comparisons if c.slice]
    )
    by_slice: dict[str, list[Level]] = {name: [] for name in names}
    for level in levels:
        if level.slice:
            by_slice[level.slice].append(level)
    chosen = {
        c.slice: c for c in comparisons if c.slice and c.arm == "tuned" and c.against == against
    }
    rows = [SliceRow(name, tuple(by_slice[name]), chosen.get(name)) for name in names]
    sign = 1 if info.bigger_is_better else -1
    return sorted(rows, key=lambda r: sign * r.comparison.estimate.value if r.comparison else 0.0)


@dataclass(frozen=True)
class Training:
    """The folds' curves, ready to draw.

    Attributes:
        at: Epochs, shape (evaluations,).
        held_out: Loss of rows that a fold did not train on.
        train: Loss of rows that it did.
        folds: How many.
    """

    at: NDArray[np.float64]
    held_out: LossCurve
    train: LossCurve
    folds: int


def training(results: Results) -> Training | None:
    """Loss curves over the folds, token-weighted; None where there is no trace."""
    trace = results.trace
    if trace is None or not len(trace.epochs):
        return None
    return Training(
        at=np.asarray(trace.epochs, dtype=np.float64),
        held_out=_curve("held out", trace, held_out=True),
        train=_curve("trained on", trace, held_out=False),
        folds=trace.held_out.shape[0],
    )


def _curve(name: str, trace: FoldTrace, *, held_out: bool) -> LossCurve:
    mask = trace.held_out if held_out else ~trace.held_out
    weights = np.where(
        mask[None] & np.isfinite(trace.losses), trace.tokens[None, None, :], 0
    ).astype(np.float64)
    total = weights.sum(axis=2)
    sums = (np.nan_to_num(trace.losses.astype(np.float64)) * weights).sum(axis=2)
    by_fold = np.divide(sums, total, out=np.full_like(sums, np.nan), where=total > 0)
    some = np.isfinite(by_fold).any(axis=1)
    mean, low, high = (np.full(len(by_fold), np.nan) for _ in range(3))
    mean[some] = np.nanmean(by_fold[some], axis=1)
    low[some], high[some] = np.nanmin(by_fold[some], axis=1), np.nanmax(by_fold[some], axis=1)
    return LossCurve(name, mean, low, high)
