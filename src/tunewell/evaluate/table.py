"""Scores as arrays: levels, paired differences and p-values of any metric on any rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tunewell.evaluate.lookup import by_name, picked
from tunewell.evaluate.metric_values import Column, Mask, MetricScale, PairedValues
from tunewell.stats import interval_p_value
from tunewell.stats.ratios import FEWEST_CLUSTERS, linearised, ratio_change
from tunewell.types import Estimate, MetricInfo, Score, Unscored

Floats = NDArray[np.float64]


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
        weights: Metric to how much of the whole each row is, shape (rows,), where that is not the
            same of all: a mean is then a ratio of sums.
    """

    rows: tuple[str, ...]
    metrics: Mapping[str, MetricInfo]
    values: Mapping[tuple[str, str], Floats]
    applies: Mapping[str, Mask]
    clusters: tuple[str, ...] | None = None
    slices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    weights: Mapping[str, Floats] = field(default_factory=dict)

    @cached_property
    def arms(self) -> tuple[str, ...]:
        """In order of appearance."""
        return tuple(dict.fromkeys(arm for arm, _ in self.values))

    @property
    def families(self) -> tuple[str, ...]:
        """Family of each row: its own id where every row stands alone."""
        return self.clusters or self.rows

    def among(self, where: Mask | None) -> Mask:
        """The rows of a slice, or all of them if None, shape (rows,)."""
        return np.ones(len(self.rows), dtype=np.bool_) if where is None else where

    def has(self, arm: str, metric: str) -> bool:
        """Whether there is anything to look at."""
        return (arm, metric) in self.values and bool(self.applies[metric].any())

    def have(self, arm: str, against: str, metric: str) -> bool:
        """Whether there is anything to look at for both arms."""
        return self.has(arm, metric) and self.has(against, metric)

    def parts(self, field_name: str = "") -> list[tuple[str, Mask]]:
        """The slices of one field (or of all) as (``region=north``, rows), in order.

        Empty values are left out.
        """
        found = []
        for name, values in self.slices.items():
            if field_name in {"", name}:
                column = np.array(values, dtype=object)
                for value in sorted({*values} - {""}):
                    found.append((f"{name}={value}", np.asarray(column == value)))
        return found

    def rows_of(self, part: str) -> tuple[str, ...]:
        """Ids of the rows of a slice, given as ``region=north``."""
        name, _, value = part.partition("=")
        column = np.array(self.slices[name], dtype=object)
        return tuple(picked(self.rows, np.asarray(column == value)))

    def mask(self, metric: str, where: Mask | None = None) -> Mask:
        """Which rows a metric can measure, of those in ``where``, shape (rows,)."""
        return np.asarray(self.applies[metric] & self.among(where))

    def missing(self, arm: str, metric: str, *, where: Mask | None = None) -> int:
        """How many rows are unscored."""
        return int(self._column(arm, metric, where).gaps.sum())

    def level(
        self,
        arm: str,
        metric: str,
        *,
        where: Mask | None = None,
        level: float = 0.95,
    ) -> Estimate | None:
        """Mean of a metric for an arm, with unscored rows bounded by the worst and the best case.

        None without rows. Each end holds by itself, as gates need it (see
        `tunewell.stats.one_sided`): it is the one interval of this figure, wherever it is shown.
        """
        column = self._column(arm, metric, where)
        if not column.values.size:
            return None

        scale = self._scale(metric)
        if column.has_gaps and not scale.bounded:
            return column.without_bounds(scale, level=level)

        found = column.strict(column.mean(scale, level=level), scale)
        return MetricScale.of(self.metrics[metric]).clip(found)

    def compare(
        self,
        arm: str,
        against: str,
        metric: str,
        *,
        where: Mask | None = None,
        level: float = 0.95,
    ) -> Estimate | None:
        """Mean paired difference ``arm`` minus ``against`` on the same rows.

        None with fewer than two families. Each end holds by itself, as gates need it: it is the one
        interval of this difference, wherever it is shown.
        """
        pairs = self._pairs(arm, against, metric, where)
        if pairs.families < 2:
            return None
        scale = self._scale(metric)
        if not self._is_ratio(pairs, metric):
            return pairs.difference_one_by_one(scale, level=level)
        return pairs.strict(self._ratio_change(arm, against, metric, where, level), scale)

    def p_value(
        self,
        arm: str,
        against: str,
        metric: str,
        *,
        where: Mask | None = None,
    ) -> float | None:
        """Two-sided p-value of no difference, as the usual paired test gives it.

        It counts both tails together, where each end of the interval of `compare` holds by itself:
        near 0.05 the interval, a little wider, may still hold 0. None with fewer than two families.
        Clusters and missing rows are included; not below 1e-6.
        """
        pairs = self._pairs(arm, against, metric, where)
        if pairs.families < 2:
            return None
        if self._is_ratio(pairs, metric):
            return interval_p_value(
                lambda level: self._ratio_change(arm, against, metric, where, level)
            )
        scale = self._scale(metric)
        return interval_p_value(lambda level: pairs.difference(scale, level=level))

    def _is_ratio(self, pairs: PairedValues, metric: str) -> bool:
        """Whether a difference is one of ratios of sums, over enough families to tell."""
        enough = pairs.families >= FEWEST_CLUSTERS
        return metric in self.weights and enough and not pairs.has_gaps

    def _ratio_change(
        self,
        arm: str,
        against: str,
        metric: str,
        where: Mask | None,
        level: float,
    ) -> Estimate:
        mask = self.mask(metric, where)
        weights = self.weights[metric][mask]
        return ratio_change(
            self.values[against, metric][mask] * weights,
            self.values[arm, metric][mask] * weights,
            weights,
            clusters=picked(self.families, mask),
            level=level,
            unit=self.metrics[metric].unit,
        )

    def _scale(self, metric: str) -> MetricScale:
        """Of the values that are averaged; linearised ones are beyond those of the metric."""
        scale = MetricScale.of(self.metrics[metric])
        return MetricScale(-math.inf, math.inf, scale.unit) if metric in self.weights else scale

    def _averaged(self, values: Floats, metric: str, mask: Mask) -> Floats:
        """Values whose mean is that of the metric: of weighted ones the ratio of the sums."""
        if metric not in self.weights:
            return values
        seen = ~np.isnan(values)
        if not seen.any():
            return values
        weights = self.weights[metric][mask][seen]
        found = values.copy()
        found[seen] = linearised(values[seen] * weights, weights)
        return found

    def _column(self, arm: str, metric: str, where: Mask | None) -> Column:
        mask = self.mask(metric, where)
        values = self._averaged(self.values[arm, metric][mask], metric, mask)
        return Column(values, self._groups(mask))

    def _pairs(
        self,
        arm: str,
        against: str,
        metric: str,
        where: Mask | None,
    ) -> PairedValues:
        mask = self.mask(metric, where)
        first, second = self.values[arm, metric][mask], self.values[against, metric][mask]
        if metric in self.weights:
            # A ratio of both arms is over the same rows.
            gaps = np.isnan(first) | np.isnan(second)
            first, second = np.where(gaps, np.nan, first), np.where(gaps, np.nan, second)
        return PairedValues(
            self._averaged(first, metric, mask),
            self._averaged(second, metric, mask),
            self._groups(mask),
        )

    def _groups(self, mask: Mask) -> list[str] | None:
        if self.clusters is None:
            return None
        return picked(self.clusters, mask)


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
        >>> a = Score(example="a", arm="tuned", metric="label", value=1.0)
        >>> b = Score(example="b", arm="tuned", metric="label", value=0.0)
        >>> str(table_of([a, b], rows=["a", "b"], metrics=[info]).level("tuned", "label"))
        '0.5 [0.0126, 0.987]'
    """
    place = {row: i for i, row in enumerate(rows)}
    values: dict[tuple[str, str], Floats] = {}
    applies = {m.name: np.zeros(len(rows), dtype=np.bool_) for m in metrics}
    weights: dict[str, Floats] = {}
    for score in scores:
        if score.metric not in applies or score.example not in place:
            continue
        at = place[score.example]
        column = values.setdefault((score.arm, score.metric), np.full(len(rows), np.nan))
        if not isinstance(score.value, Unscored):
            column[at] = score.value
        else:
            column[at] = math.nan
        applies[score.metric][at] = True
        if score.weight != 1:
            weights.setdefault(score.metric, np.ones(len(rows)))[at] = score.weight

    every_row_alone = len(set(clusters)) == len(clusters)
    return Table(
        rows=tuple(rows),
        metrics=by_name(metrics),
        values=values,
        applies=applies,
        clusters=None if every_row_alone else tuple(clusters),
        slices=dict(slices or {}),
        weights=weights,
    )
