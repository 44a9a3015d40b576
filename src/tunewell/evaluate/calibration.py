"""Whether a model's confidence can be believed: calibration error, over-confidence and the reliability curve.

Beside the Brier score, which is an ordinary metric (`tunewell.metrics.brier`), so that arms
are compared by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tunewell.evaluate.table import Table
from tunewell.metrics import Metric
from tunewell.metrics.brier import BrierOptions, confidence_of
from tunewell.stats import mean
from tunewell.stats.inputs import codes, tally
from tunewell.task import TaskFile
from tunewell.types import Estimate, Example, Prediction, Unscored, Value, by_id

Floats = NDArray[np.float64]
BINS: Final = 10
FEWEST: Final = 30
"""Fewer answers than this show no calibration."""
_REPEATS: Final = 2000
_NULL_REPEATS: Final = 500


class Bin(Value):
    """Answers of like confidence.

    Attributes:
        confidence: Their mean confidence.
        right: How right they are; the intervals of all bins hold together.
        n: How many.
    """

    confidence: float
    right: Estimate
    n: int


class Calibration(Value):
    """One arm's confidence against how right it is.

    Attributes:
        arm: Who answered.
        metric: Name of the ``brier`` metric.
        brier: Mean squared distance.
        error: Expected calibration error: mean distance of confidence and rightness over bins of
            equal size. Its lower end is 0 wherever a perfectly calibrated model would often look as
            bad.
        chance: The error that a perfectly calibrated model with these confidences exceeds in 2.5 %
            of samples.
        overconfidence: Mean confidence minus mean rightness; above 0 = too sure of itself.
        curve: The reliability curve, from the least to the most confident bin.
        unknown: Answers whose confidence is not known (cut off, or not scored); they are left out
            of all but ``brier``.
    """

    arm: str
    metric: str
    brier: Estimate | None
    error: Estimate
    chance: float
    overconfidence: Estimate
    curve: tuple[Bin, ...]
    unknown: int = 0


def calibrations(
    predictions: Sequence[Prediction],
    rows: Sequence[Example],
    metrics: Sequence[Metric],
    table: Table,
    file: TaskFile,
) -> Iterator[Calibration]:
    """The calibration of every arm by every ``brier`` metric of the task.

    Nothing where there is none.

    Args:
        predictions: Of all arms on ``rows``, with their ``nats``.
        rows: The held-out rows.
        metrics: Of the task.
        table: The scores, with families.
        file: The definition.
    """
    known, by_name = by_id(rows), {m.name: m for m in metrics}
    family = dict(zip(table.rows, table.clusters or table.rows, strict=True))
    level = file.spec.evaluate.level
    for spec in file.spec.metrics:
        options = dict(spec.options)
        if str(options.pop("metric", spec.name)) != "brier" or spec.name not in by_name:
            continue
        chosen = BrierOptions.model_validate(options)
        of = by_name[chosen.of]
        for arm in table.arms:
            pairs, groups, unknown = [], [], 0
            for p in (p for p in predictions if p.arm == arm):
                sure = confidence_of(p, chosen.per)
                right = of(p.text, known[p.example], task=file.spec)
                if isinstance(sure, Unscored) or isinstance(right, Unscored):
                    unknown += 1
                    continue
                pairs.append((sure, right.value))
                groups.append(family[p.example])
            if len(pairs) < FEWEST:
                continue
            made = calibrate(
                *np.array(pairs).T, clusters=groups, level=level, seed=file.spec.split.seed
            )
            brier = table.level(arm, spec.name, level=level) if table.has(arm, spec.name) else None
            yield made.model_copy(
                update={"arm": arm, "metric": spec.name, "brier": brier, "unknown": unknown}
            )


def calibrate(
    confidence: Floats,
    right: Floats,
    *,
    clusters: Sequence[str] | None = None,
    level: float = 0.95,
    bins: int = BINS,
    seed: int = 0,
) -> Calibration:
    """Expected calibration error with its interval, over-confidence and the reliability curve.

    Args:
        confidence: Shape (n,), from 0 to 1.
        right: How right each answer is, from 0 to 1, shape (n,).
        clusters: Family of each answer.
        level: Of every interval.
        bins: Of equal size; fewer where confidences coincide.
        seed: Of the resampling.

    Source:
        Naeini et al. 2015 (error over bins); Roelofs et al. 2022 (bins of equal mass; bias, here
        taken off by the bootstrap); Broecker & Smith 2007 (what a calibrated model would show).

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> sure = rng.uniform(0.5, 1.0, 500)
        >>> fair = calibrate(sure, (rng.random(500) < sure).astype(float))
        >>> fair.error.low, fair.overconfidence.low < 0 < fair.overconfidence.high
        (0.0, True)
        >>> boasts = calibrate(sure, (rng.random(500) < sure - 0.25).astype(float))
        >>> boasts.error.low > 0.15, boasts.overconfidence.low > 0.15
        (True, True)
    """
    sure, y = np.asarray(confidence, np.float64), np.asarray(right, np.float64)
    groups = codes(clusters, sure.size)
    at = _bins(sure, bins)
    count = int(at.max()) + 1
    rng = np.random.default_rng(seed)
    error, chance = _error(sure, y, at, groups, count, level, rng)
    gap = mean(sure - y, clusters=groups.tolist(), level=level, low=-1, high=1)
    each = 1 - (1 - level) / count
    curve = []
    for b in range(count):
        mine = at == b
        shown = mean(y[mine], clusters=groups[mine].tolist(), level=each, low=0, high=1)
        note = f"{shown.method}, one of {count} bins that hold together at {level:g}"
        curve.append(
            Bin(
                confidence=float(sure[mine].mean()),
                right=shown.model_copy(update={"unit": "share", "method": note}),
                n=int(mine.sum()),
            )
        )
    return Calibration(
        arm="",
        metric="",
        brier=None,
        error=error,
        chance=chance,
        overconfidence=gap.model_copy(update={"unit": "share"}),
        curve=tuple(curve),
    )


def _bins(sure: Floats, bins: int) -> NDArray[np.int64]:
    """Bins of equal size; equal confidences are never parted."""
    cuts = np.unique(np.quantile(sure, np.arange(1, bins) / bins, method="inverted_cdf"))
    return np.unique(np.searchsorted(cuts, sure, side="left"), return_inverse=True)[1].astype(
        np.int64
    )


def _error(
    sure: Floats,
    y: Floats,
    at: NDArray[np.int64],
    groups: NDArray[np.int64],
    count: int,
    level: float,
    rng: np.random.Generator,
) -> tuple[Estimate, float]:
    """The error with the bootstrap's bias taken off, its reflected interval, and what chance alone would show."""
    n, units = sure.size, int(groups.max()) + 1
    sums = tally(groups * count + at, sure - y, units * count).reshape(units, count)
    sizes = tally(groups)
    plain = float(np.abs(sums.sum(0)).sum() / n)
    weights = rng.multinomial(units, np.full(units, 1 / units), size=_REPEATS).astype(np.float64)
    drawn = np.abs(weights @ sums).sum(1) / (weights @ sizes)
    bias = float(drawn.mean()) - plain
    tail = (1 - level) / 2
    # The error is a sum of distances: a sample's exceeds the truth by no more than chance alone
    # would show.
    member = (at[:, None] == np.arange(count)).astype(np.float64)
    noise = np.array(
        [np.abs((sure - (rng.random(n) < sure)) @ member).sum() / n for _ in range(_NULL_REPEATS)]
    )
    chance = float(np.quantile(noise, 1 - tail)) * _design_effect(sure - y, groups) ** 0.5
    # Upwards the wider of the reflected and the shifted interval: either alone covers 86 to 92 %.
    ends = [float(q) for q in np.quantile(drawn, [tail, 1 - tail])]
    low, high = max(0.0, plain - chance), max(plain, 2 * plain - ends[0], ends[1] - bias)
    value = min(max(plain - bias, low), high)
    estimate = Estimate(
        value=value,
        low=low,
        high=min(1.0, max(high, value)),
        level=level,
        n=units,
        method=f"{count} bins of equal size, bootstrap of families, bias taken off",
        unit="share",
    )
    return estimate, chance


def _design_effect(x: Floats, groups: NDArray[np.int64]) -> float:
    from tunewell.stats.clustered import cluster_mean

    return cluster_mean(x, groups, (-1.0, 1.0)).design_effect
