"""One metric's values on some rows: its range, one arm's column, and two arms in pairs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunewell.stats import difference, mean, strict_ends
from tunewell.types import Estimate, MetricInfo

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class MetricScale:
    """What values a metric can take.

    Attributes:
        low: Least value (may be ``-inf``).
        high: Greatest value (may be ``inf``).
        unit: What it counts.
    """

    low: float
    high: float
    unit: str

    @classmethod
    def of(cls, info: MetricInfo) -> MetricScale:
        """The scale of a metric."""
        return cls(info.low, info.high, info.unit)

    @property
    def bounded(self) -> bool:
        """Whether both ends are finite."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    @property
    def ends(self) -> tuple[float, float] | None:
        """Both ends; None without bounds."""
        return (self.low, self.high) if self.bounded else None

    @property
    def range(self) -> tuple[float, float] | tuple[None, None]:
        """Both ends, or None for both without bounds, as `tunewell.stats` takes them."""
        return self.ends or (None, None)

    @property
    def width(self) -> float:
        """How far apart two values can be."""
        return self.high - self.low if self.bounded else math.inf

    @property
    def differences(self) -> MetricScale:
        """The scale of differences between two values of this one."""
        return MetricScale(-self.width, self.width, self.unit)

    def only_ends(self, values: Floats) -> bool:
        """Whether every value is the least or the greatest possible; gaps do not count."""
        if not self.bounded:
            return False
        seen = values[~np.isnan(values)]
        return bool(np.isin(seen, (self.low, self.high)).all())

    def clip(self, estimate: Estimate) -> Estimate:
        """The estimate with its ends kept on the scale."""
        ends = {"low": max(self.low, estimate.low), "high": min(self.high, estimate.high)}
        return estimate.model_copy(update=ends)

    def in_unit(self, estimate: Estimate) -> Estimate:
        """The estimate in the metric's unit."""
        return estimate.model_copy(update={"unit": self.unit})


@dataclass(frozen=True)
class Column:
    """One arm's values of a metric.

    Attributes:
        values: NaN where unscored, shape (rows,).
        groups: Family of each row; None where every row stands alone.
    """

    values: Floats
    groups: list[str] | None

    @property
    def gaps(self) -> Mask:
        """Which rows are unscored, shape (rows,)."""
        return np.asarray(np.isnan(self.values))

    @property
    def has_gaps(self) -> bool:
        """Whether any row is unscored."""
        return bool(self.gaps.any())

    def filled(self, value: float) -> Floats:
        """The values with every gap at one value, shape (rows,)."""
        return np.where(self.gaps, value, self.values)

    def mean(self, scale: MetricScale, *, level: float) -> Estimate:
        """Their mean, gaps bounded by the ends of a bounded scale."""
        low, high = scale.range
        found = mean(
            self.values,
            clusters=self.groups,
            level=level,
            low=low,
            high=high,
        )
        return scale.in_unit(found)

    def strict(self, estimate: Estimate, scale: MetricScale) -> Estimate:
        """The estimate of their mean with each end holding by itself."""
        worst = best = self.values
        if scale.bounded:
            worst, best = self.filled(scale.low), self.filled(scale.high)
        ends = strict_ends(
            estimate,
            worst,
            best,
            families=self.groups,
            span=scale.ends,
            kind="share" if scale.only_ends(self.values) else "mean",
        )
        return scale.clip(ends)

    def without_bounds(self, scale: MetricScale, *, level: float) -> Estimate:
        """Their mean where the gaps have no bound on at least one side."""
        seen = self.values[~self.gaps]
        value = float(seen.mean()) if seen.size else max(scale.low, 0.0)
        low = -math.inf
        high = math.inf
        if math.isfinite(scale.low):
            worst = mean(self.filled(scale.low), clusters=self.groups, level=level)
            low = _finite_or(worst.low, -math.inf)
        if math.isfinite(scale.high):
            best = mean(self.filled(scale.high), clusters=self.groups, level=level)
            high = _finite_or(best.high, math.inf)
        return Estimate(
            value=value,
            low=min(value, low),
            high=max(value, high),
            level=level,
            n=seen.size,
            method=f"{int(self.gaps.sum())} missing, no bounds",
            unit=scale.unit,
        )


def _finite_or(value: float, otherwise: float) -> float:
    return value if math.isfinite(value) else otherwise


@dataclass(frozen=True)
class PairedValues:
    """Two arms' values of a metric on the same rows.

    Attributes:
        first: Of the arm, NaN where unscored, shape (rows,).
        second: Of the arm that it is compared with, shape (rows,).
        groups: Family of each row; None where every row stands alone.
    """

    first: Floats
    second: Floats
    groups: list[str] | None

    @property
    def families(self) -> int:
        """How many independent units."""
        return self.first.size if self.groups is None else len(set(self.groups))

    @property
    def gaps(self) -> Mask:
        """Which rows lack either value, shape (rows,)."""
        return np.asarray(np.isnan(self.first) | np.isnan(self.second))

    @property
    def has_gaps(self) -> bool:
        """Whether any row lacks either value."""
        return bool(self.gaps.any())

    def all_at_the_ends(self, scale: MetricScale) -> bool:
        """Whether every value is the least or the greatest possible, as in a share."""
        return scale.only_ends(np.concatenate([self.first, self.second]))

    def difference(self, scale: MetricScale, *, level: float) -> Estimate:
        """Mean of the first minus the second; gaps are bounded by the ends of a bounded scale."""
        if self.has_gaps and not scale.bounded:
            return self._without_bounds(scale, level=level)
        low, high = scale.range
        found = difference(
            self.first,
            self.second,
            paired=True,
            clusters=self.groups,
            level=level,
            low=low,
            high=high,
        )
        return scale.in_unit(found)

    def difference_one_by_one(self, scale: MetricScale, *, level: float) -> Estimate:
        """The difference with each end holding by itself."""
        estimate = self.difference(scale, level=level)
        if self.has_gaps and not scale.bounded:
            return estimate
        # Tango's score interval for shares already keeps both sides.
        if self.all_at_the_ends(scale):
            return estimate
        return self.strict(estimate, scale)

    def strict(self, estimate: Estimate, scale: MetricScale) -> Estimate:
        """The estimate of the difference with each end holding by itself."""
        span = scale.differences
        gained = self.first - self.second
        ends = strict_ends(
            estimate,
            np.where(self.gaps, span.low, gained),
            np.where(self.gaps, span.high, gained),
            families=self.groups,
            span=span.ends,
            kind="difference",
        )
        return span.clip(ends)

    def _without_bounds(self, scale: MetricScale, *, level: float) -> Estimate:
        gained = (self.first - self.second)[~self.gaps]
        return Estimate(
            value=float(gained.mean()) if gained.size else 0.0,
            low=-math.inf,
            high=math.inf,
            level=level,
            n=gained.size,
            method=f"{int(self.gaps.sum())} missing, no bounds",
            unit=scale.unit,
        )
