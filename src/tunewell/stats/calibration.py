"""Whether stated confidence can be believed: calibration error and the reliability curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tunewell.stats.clustered import cluster_mean
from tunewell.stats.inputs import Floats, Ints, codes, tally
from tunewell.stats.many_claims import bonferroni_level
from tunewell.stats.means import mean
from tunewell.types import Estimate, Value

BINS: Final = 10
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


class Reliability(Value):
    """Stated confidence against how right the answers are.

    Attributes:
        error: Expected calibration error: mean distance of confidence and rightness over bins of
            equal size. Its lower end is 0 wherever a perfectly calibrated model would often look as
            bad.
        chance: The error that a perfectly calibrated model with these confidences exceeds in 2.5 %
            of samples.
        overconfidence: Mean confidence minus mean rightness; above 0 = too sure of itself.
        curve: The reliability curve, from the least to the most confident bin.
    """

    error: Estimate
    chance: float
    overconfidence: Estimate
    curve: tuple[Bin, ...]


def reliability_curve(
    confidence: Floats,
    right: Floats,
    *,
    clusters: Sequence[str] | None = None,
    level: float = 0.95,
    bins: int = BINS,
    seed: int = 0,
) -> Reliability:
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
        >>> fair = reliability_curve(sure, (rng.random(500) < sure).astype(float))
        >>> fair.error.low, fair.overconfidence.low < 0 < fair.overconfidence.high
        (0.0, True)
        >>> boasts = reliability_curve(sure, (rng.random(500) < sure - 0.25).astype(float))
        >>> boasts.error.low > 0.15, boasts.overconfidence.low > 0.15
        (True, True)
    """
    sure = np.asarray(confidence, np.float64)
    groups = codes(clusters, sure.size)
    binned = _Binned(sure, np.asarray(right, np.float64), groups, _bins(sure, bins))

    error, chance = binned.error(level, np.random.default_rng(seed))
    gap = mean(binned.gap, clusters=groups.tolist(), level=level, low=-1, high=1)
    return Reliability(
        error=error,
        chance=chance,
        overconfidence=gap.model_copy(update={"unit": "share"}),
        curve=binned.curve(level),
    )


def _bins(sure: Floats, bins: int) -> Ints:
    """The bin of each answer: of equal size, and equal confidences are never parted."""
    shares = np.arange(1, bins) / bins
    cuts = np.unique(np.quantile(sure, shares, method="inverted_cdf"))
    _, bin_of = np.unique(np.searchsorted(cuts, sure, side="left"), return_inverse=True)
    return bin_of.astype(np.int64)


@dataclass(frozen=True)
class _Binned:
    """Answers in bins of like confidence.

    Attributes:
        sure: Confidence of each answer, shape (n,).
        right: How right each is, shape (n,).
        groups: Code of its family, shape (n,).
        bin_of: Code of its bin, shape (n,).
    """

    sure: Floats
    right: Floats
    groups: Ints
    bin_of: Ints

    @property
    def count(self) -> int:
        """How many bins."""
        return int(self.bin_of.max()) + 1

    @property
    def families(self) -> int:
        """How many families."""
        return int(self.groups.max()) + 1

    @property
    def gap(self) -> Floats:
        """Confidence minus rightness, shape (n,)."""
        return self.sure - self.right

    @property
    def sums(self) -> Floats:
        """The gap summed by family and bin, shape (families, bins)."""
        cell = self.groups * self.count + self.bin_of
        flat = tally(cell, self.gap, self.families * self.count)
        return flat.reshape(self.families, self.count)

    def curve(self, level: float) -> tuple[Bin, ...]:
        """The reliability curve; the intervals of its bins hold together at ``level``."""
        return tuple(self._bin(b, level) for b in range(self.count))

    def _bin(self, number: int, level: float) -> Bin:
        mine = self.bin_of == number
        right = mean(
            self.right[mine],
            clusters=self.groups[mine].tolist(),
            level=bonferroni_level(level, self.count),
            low=0,
            high=1,
        )
        note = f"{right.method}, one of {self.count} bins that hold together at {level:g}"
        return Bin(
            confidence=float(self.sure[mine].mean()),
            right=right.model_copy(update={"unit": "share", "method": note}),
            n=int(mine.sum()),
        )

    def error(self, level: float, rng: np.random.Generator) -> tuple[Estimate, float]:
        """The error with the bootstrap's bias taken off, and what chance alone would show."""
        plain = float(np.abs(self.sums.sum(0)).sum() / self.sure.size)
        redrawn = self._redrawn(rng)
        bias = float(redrawn.mean()) - plain
        tail = (1 - level) / 2

        # The error is a sum of distances: a sample's exceeds the truth by no more than chance alone
        # would show.
        chance = float(np.quantile(self._by_chance(rng), 1 - tail)) * self._clustering() ** 0.5
        low = max(0.0, plain - chance)

        # Upwards the wider of the reflected and the shifted interval: either alone covers 86 to
        # 92 %.
        least, greatest = (float(q) for q in np.quantile(redrawn, [tail, 1 - tail]))
        high = max(plain, 2 * plain - least, greatest - bias)
        value = min(max(plain - bias, low), high)
        estimate = Estimate(
            value=value,
            low=low,
            high=min(1.0, max(high, value)),
            level=level,
            n=self.families,
            method=f"{self.count} bins of equal size, bootstrap of families, bias taken off",
            unit="share",
        )
        return estimate, chance

    def _redrawn(self, rng: np.random.Generator) -> Floats:
        """The error of samples of whole families, shape (repeats,)."""
        evenly = np.full(self.families, 1 / self.families)
        weights = rng.multinomial(self.families, evenly, size=_REPEATS).astype(np.float64)
        rows = weights @ tally(self.groups)
        return np.asarray(np.abs(weights @ self.sums).sum(1) / rows, np.float64)

    def _by_chance(self, rng: np.random.Generator) -> Floats:
        """The error of a perfectly calibrated model with these confidences, shape (repeats,)."""
        member = (self.bin_of[:, None] == np.arange(self.count)).astype(np.float64)
        errors = np.empty(_NULL_REPEATS)
        for i in range(_NULL_REPEATS):
            right = rng.random(self.sure.size) < self.sure
            errors[i] = np.abs((self.sure - right) @ member).sum() / self.sure.size
        return errors

    def _clustering(self) -> float:
        """How much wider the families make the variance of the gap."""
        return cluster_mean(self.gap, self.groups, (-1.0, 1.0)).design_effect
