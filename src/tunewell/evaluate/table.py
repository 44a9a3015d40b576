"""Scores as arrays: levels, paired differences and p-values of any metric on any rows at any confidence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tunewell.evaluate.strict import Kind, strict_ends
from tunewell.stats import difference, mean
from tunewell.types import Estimate, MetricInfo, Score, Unscored

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_SMALLEST_P = 1e-6


@dataclass(frozen=True)
class Table:
    """Every score of every arm on the same rows.

    Attributes:
        rows: Ids of the rows.
        metrics: What was measured.
        values: (arm, metric) to values of shape (rows,): NaN where unscored.
        applies: Metric to shape (rows,): False where the metric cannot measure the row, whoever
            answers.
        clusters: Family of each row; None where every row stands alone.
        slices: Field to the value of each row.
    """

    rows: tuple[str, ...]
    metrics: Mapping[str, MetricInfo]
    values: Mapping[tuple[str, str], Floats]
    applies: Mapping[str, Mask]
    clusters: tuple[str, ...] | None = None
    slices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def arms(self) -> tuple[str, ...]:
        """In order of appearance."""
        return tuple(dict.fromkeys(arm for arm, _ in self.values))

    def has(self, arm: str, metric: str) -> bool:
        """Whether there is anything to look at."""
        return (arm, metric) in self.values and bool(self.applies[metric].any())

    def parts(self, field_name: str = "") -> list[tuple[str, Mask]]:
        """The slices of one field (or of all) as (``region=north``, rows), in order.

        Empty values are left out.
        """
        out = []
        for name, per_row in self.slices.items():
            if field_name in ("", name):
                column = np.array(per_row, dtype=object)
                out += [
                    (f"{name}={v}", np.asarray(column == v))
                    for v in sorted({v for v in per_row if v})
                ]
        return out

    def missing(self, arm: str, metric: str, *, where: Mask | None = None) -> int:
        """How many rows are unscored."""
        return int(np.isnan(self._pick(arm, metric, where)).sum())

    def level(
        self,
        arm: str,
        metric: str,
        *,
        where: Mask | None = None,
        level: float = 0.95,
        strict: bool = False,
    ) -> Estimate | None:
        """Mean of a metric for an arm, with unscored rows bounded by the worst and the best case.

        None without rows.

        ``strict``: each end holds by itself, as gates need it (see `tunewell.evaluate.strict`).
        """
        x = self._pick(arm, metric, where)
        if not x.size:
            return None
        info = self.metrics[metric]
        groups = self._groups(metric, where)
        if np.isnan(x).any() and not _finite(info):
            return _unbounded(x, info, groups, level)
        low, high = _range(info)
        estimate = _with_unit(mean(x, clusters=groups, level=level, low=low, high=high), info)
        if not strict:
            return estimate
        worst, best = (
            np.where(np.isnan(x), math.nan if end is None else end, x) for end in (low, high)
        )
        shares = (
            low is not None
            and high is not None
            and bool(np.isin(x[~np.isnan(x)], (low, high)).all())
        )
        span = None if low is None or high is None else (low, high)
        kind: Kind = "share" if shares else "mean"
        return _clipped(
            strict_ends(estimate, worst, best, families=groups, span=span, kind=kind),
            info.low,
            info.high,
        )

    def compare(
        self,
        arm: str,
        against: str,
        metric: str,
        *,
        where: Mask | None = None,
        level: float = 0.95,
        strict: bool = False,
    ) -> Estimate | None:
        """Mean paired difference ``arm`` minus ``against`` on the same rows.

        None with fewer than two families.

        ``strict``: each end holds by itself, as gates need it.
        """
        a, b = self._pick(arm, metric, where), self._pick(against, metric, where)
        groups = self._groups(metric, where)
        if len(set(groups) if groups else range(a.size)) < 2:
            return None
        info = self.metrics[metric]
        if (np.isnan(a) | np.isnan(b)).any() and not _finite(info):
            seen = ~(np.isnan(a) | np.isnan(b))
            value = float((a - b)[seen].mean()) if seen.any() else 0.0
            return Estimate(
                value=value,
                low=-math.inf,
                high=math.inf,
                level=level,
                n=int(seen.sum()),
                method=f"{int((~seen).sum())} missing, no bounds",
                unit=info.unit,
            )
        low, high = _range(info)
        estimate = _with_unit(
            difference(a, b, paired=True, clusters=groups, level=level, low=low, high=high), info
        )
        both = np.concatenate([a, b])
        binary = (
            low is not None
            and high is not None
            and bool(np.isin(both[~np.isnan(both)], [low, high]).all())
        )
        if not strict or binary:  # Tango's score interval for shares keeps both sides
            return estimate
        width = math.inf if low is None or high is None else high - low
        gaps = np.isnan(a) | np.isnan(b)
        worst, best = np.where(gaps, -width, a - b), np.where(gaps, width, a - b)
        span = (-width, width) if math.isfinite(width) else None
        found = strict_ends(estimate, worst, best, families=groups, span=span, kind="difference")
        return _clipped(found, -width, width)

    def p_value(
        self, arm: str, against: str, metric: str, *, where: Mask | None = None
    ) -> float | None:
        """Two-sided p-value of no difference: the confidence at which the interval of `compare` just touches 0.

        So it says exactly what the interval says, clusters and missing rows included. Not below
        1e-6.
        """
        if self.compare(arm, against, metric, where=where) is None:
            return None

        def excludes(p: float) -> bool:
            e = self.compare(arm, against, metric, where=where, level=1 - p)
            return e is not None and (e.low > 0 or e.high < 0)

        low, high = math.log(_SMALLEST_P), math.log(1 - _SMALLEST_P)
        if not excludes(math.exp(high)):
            return 1.0
        for _ in range(13):
            middle = (low + high) / 2
            low, high = (low, middle) if excludes(math.exp(middle)) else (middle, high)
        return math.exp(high)

    def _pick(self, arm: str, metric: str, where: Mask | None) -> Floats:
        mask = self.applies[metric] if where is None else self.applies[metric] & where
        return self.values[arm, metric][mask]

    def _groups(self, metric: str, where: Mask | None) -> list[str] | None:
        if self.clusters is None:
            return None
        mask = self.applies[metric] if where is None else self.applies[metric] & where
        return [c for c, m in zip(self.clusters, mask, strict=True) if m]


def table_of(
    scores: Iterable[Score],
    *,
    rows: Sequence[str],
    metrics: Sequence[MetricInfo],
    clusters: Sequence[str] = (),
    slices: Mapping[str, tuple[str, ...]] | None = None,
) -> Table:
    """Arrange scores by arm and metric.

    Args:
        scores: At most one per row, arm and metric. A row without any score of a metric is one that
            it cannot measure; one that only some arms have is missing for the others.
        rows: Ids in order.
        metrics: What was measured.
        clusters: Family of each row; empty = every row stands alone.
        slices: Field to the value of each row.

    Example:
        >>> info = MetricInfo(name="label", title="label")
        >>> scores = [Score(example=e, arm="tuned", metric="label", value=v) for e, v in (("a", 1.0), ("b", 0.0))]
        >>> str(table_of(scores, rows=["a", "b"], metrics=[info]).level("tuned", "label"))
        '0.5 [0.0945, 0.905]'
    """
    place = {r: i for i, r in enumerate(rows)}
    values: dict[tuple[str, str], Floats] = {}
    applies = {m.name: np.zeros(len(rows), dtype=np.bool_) for m in metrics}
    for s in scores:
        if s.metric not in applies or s.example not in place:
            continue
        column = values.setdefault((s.arm, s.metric), np.full(len(rows), np.nan))
        column[place[s.example]] = math.nan if isinstance(s.value, Unscored) else s.value
        applies[s.metric][place[s.example]] = True
    alone = not clusters or len(set(clusters)) == len(clusters)
    return Table(
        rows=tuple(rows),
        metrics={m.name: m for m in metrics},
        values=values,
        applies=applies,
        clusters=None if alone else tuple(clusters),
        slices=dict(slices or {}),
    )


def holm_adjusted(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number: reject those at most alpha and the family-wise error is at most alpha.

    Source:
        Holm 1979, Scandinavian Journal of Statistics 6.

    Example:
        >>> holm_adjusted([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    m = len(p_values)
    out = [0.0] * m
    worst = 0.0
    for rank, i in enumerate(sorted(range(m), key=lambda k: p_values[k])):
        worst = max(worst, min(1.0, (m - rank) * p_values[i]))
        out[i] = worst
    return out


def _finite(info: MetricInfo) -> bool:
    return math.isfinite(info.low) and math.isfinite(info.high)


def _range(info: MetricInfo) -> tuple[float | None, float | None]:
    return (info.low, info.high) if _finite(info) else (None, None)


def _clipped(estimate: Estimate, low: float, high: float) -> Estimate:
    return estimate.model_copy(
        update={"low": max(low, estimate.low), "high": min(high, estimate.high)}
    )


def _with_unit(estimate: Estimate, info: MetricInfo) -> Estimate:
    return estimate.model_copy(update={"unit": info.unit})


def _unbounded(x: Floats, info: MetricInfo, groups: list[str] | None, level: float) -> Estimate:
    """A mean with missing values and no bound on at least one side."""
    gaps = np.isnan(x)
    value = float(x[~gaps].mean()) if (~gaps).any() else max(info.low, 0.0)
    low = high = math.nan
    if math.isfinite(info.low):
        low = mean(np.where(gaps, info.low, x), clusters=groups, level=level).low
    if math.isfinite(info.high):
        high = mean(np.where(gaps, info.high, x), clusters=groups, level=level).high
    return Estimate(
        value=value,
        low=min(value, low) if math.isfinite(low) else -math.inf,
        high=max(value, high) if math.isfinite(high) else math.inf,
        level=level,
        n=int((~gaps).sum()),
        method=f"{int(gaps.sum())} missing, no bounds",
        unit=info.unit,
    )
