"""What an interruption did to a series of counted shares or means, whose noise is known.

A KPI of a day is made of that day's contacts, so how much of its variation is mere counting is
known beforehand. What is left has a memory. A series that is noise plus memory looks, to a model
with memory alone, as if it remembered less than it does, and its intervals are too short: with a
memory of .7 beside the counting they covered 91 % where 95 % were asked for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from tunewell.stats.inputs import (
    Floats,
    share,
    vector,
)
from tunewell.stats.series import _design
from tunewell.stats.special import ndtr
from tunewell.types import Estimate

MEMORIES: Final = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95)
VARIANCES: Final = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 9.0)
"""Of what has a memory, beside the mean variance of counting."""

EXCESSES: Final = (1.0, 1.5, 2.5)
"""How many times as much counting varies: contacts of a day are not quite independent."""

FEWEST: Final = 8
"""Times on either side of the interruption, at least."""

LONGEST_WAIT: Final = 1_100


@dataclass(frozen=True)
class _Fit:
    """The effect under one memory and one variance.

    Attributes:
        memory: Of neighbouring times.
        variance: Of what has the memory.
        excess: Of counting.
        log_weight: Restricted log-likelihood.
        effect: The effect.
        error: Its standard error.
    """

    memory: float
    variance: float
    excess: float
    log_weight: float
    effect: float
    error: float


@dataclass(frozen=True)
class Counterfactual:
    """A series that was interrupted, beside what it would have been.

    Args:
        values: The series at regular times, shape (n,).
        noise: Variance of each value by counting alone, above 0, shape (n,).
        start: Index of the first time after the interruption.
        controls: Series that the interruption did not touch, shape (n,) or (n, controls).
        season: Times in a season; 1 for none.

    Source:
        Interrupted time series (Bernal, Cummins & Gasparrini 2017) as a structural model (Harvey
        1989): trend, season, controls, AR(1) and counting noise. Restricted likelihood (Patterson &
        Thompson 1971) on a grid of memories and variances; the interval is that of the mixture, so
        that not knowing them is part of it.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> kpi = 10 + rng.normal(size=120) + (np.arange(120) >= 80) * 3.0
        >>> e = Counterfactual(kpi, np.ones(120), start=80).effect()
        >>> e.low < 3 < e.high, e.low > 0
        (True, True)
    """

    values: ArrayLike
    noise: ArrayLike
    start: int
    controls: ArrayLike | None = None
    season: int = 1

    def effect(
        self,
        *,
        level: float = 0.95,
    ) -> Estimate:
        """The mean effect since the interruption, in the unit of the series.

        Args:
            level: Probability of covering, in (0, 1).

        Raises:
            ValueError: Fewer than 8 times (or a season) on either side, or noise of 0.
        """
        share(level, "level")
        fits = self._fits()
        weights = _weights(fits)
        effects = np.array([fit.effect for fit in fits])
        errors = np.array([fit.error for fit in fits])
        tail = (1 - level) / 2
        memory = float(sum(w * fit.memory for w, fit in zip(weights, fits, strict=True)))
        return Estimate(
            value=float(weights @ effects),
            low=_quantile(tail, weights, effects, errors),
            high=_quantile(1 - tail, weights, effects, errors),
            level=level,
            n=len(vector(self.values, "values")),
            method=f"structural time series, REML mixture, memory {memory:.2f}",
        )

    def times_until_told(
        self,
        smallest: float,
        *,
        level: float = 0.95,
    ) -> int | None:
        """How many times there have to be after the interruption until an effect can be told.

        Args:
            smallest: Half the width that the interval may have, above 0.
            level: Of the interval.

        Returns:
            Times after the interruption, those that are there among them; None where more than
            1,100 would be needed. Controls are taken to go on as they went before.
        """
        if smallest <= 0:
            raise ValueError(f"'smallest' must be above 0. Got {smallest} instead.")
        fits = self._fits()
        best = fits[int(np.argmax([fit.log_weight for fit in fits]))]
        z = -_normal_quantile((1 - level) / 2)
        after = len(vector(self.values, "values")) - self.start
        while after <= LONGEST_WAIT:
            if z * self._error_after(after, best) <= smallest:
                return after
            after += max(1, after // 8)
        return None

    def _fits(self) -> list[_Fit]:
        y = vector(self.values, "values")
        noise = vector(self.noise, "noise")
        least = max(FEWEST, self.season)
        if not least <= self.start <= y.size - least:
            raise ValueError(
                f"'start' must leave {least} times on both sides of {y.size}. "
                f"Got {self.start} instead."
            )
        if noise.size != y.size or noise.min() <= 0:
            raise ValueError(f"'noise' must hold {y.size} variances above 0.")
        x, _ = _design(y.size, self.start, self.season, False, self.controls)
        return list(_over_the_grid(x, y, noise))

    def _error_after(
        self,
        after: int,
        fit: _Fit,
    ) -> float:
        """The effect's standard error with so many times after the interruption."""
        n = self.start + after
        before = np.resize(np.arange(self.start), n)
        controls = None
        if self.controls is not None:
            known = np.asarray(self.controls, np.float64)
            controls = (known[:, None] if known.ndim == 1 else known)[before]
        x, _ = _design(n, self.start, self.season, False, controls)
        noise = vector(self.noise, "noise")[before]
        v = _covariance(
            noise,
            fit.memory,
            fit.variance,
            fit.excess,
        )
        information = x.T @ np.linalg.solve(v, x)
        return math.sqrt(float(np.linalg.pinv(information)[0, 0]))


def _over_the_grid(
    x: Floats,
    y: Floats,
    noise: Floats,
) -> Iterator[_Fit]:
    unit = float(noise.mean())
    for excess in EXCESSES:
        for relative in VARIANCES:
            for memory in MEMORIES if relative else (0.0,):
                variance = relative * unit
                v = _covariance(
                    noise,
                    memory,
                    variance,
                    excess,
                )
                log_weight, effect, error = _reml(x, y, v)
                yield _Fit(
                    memory,
                    variance,
                    excess,
                    log_weight,
                    effect,
                    error,
                )


def _covariance(
    noise: Floats,
    memory: float,
    variance: float,
    excess: float,
) -> Floats:
    """Of the series: counting on the diagonal, memory off it, shape (n, n)."""
    place = np.arange(len(noise))
    apart = np.abs(place[:, None] - place[None, :])
    kept = memory**apart if memory else (apart == 0).astype(np.float64)
    covariance: Floats = variance * kept
    covariance[place, place] += excess * noise
    return covariance


def _reml(
    x: Floats,
    y: Floats,
    v: Floats,
) -> tuple[float, float, float]:
    """Restricted log-likelihood, the effect (the first column's) and its standard error."""
    solved = np.linalg.solve(v, np.column_stack([x, y]))
    white_x = solved[:, :-1]
    information = x.T @ white_x
    inverse = np.linalg.pinv(information)
    beta = inverse @ (white_x.T @ y)
    off = y - x @ beta
    _, log_v = np.linalg.slogdet(v)
    weighted = float(off @ (solved[:, -1] - white_x @ beta))
    _, log_i = np.linalg.slogdet(information)
    log_weight = -0.5 * (float(log_v) + float(log_i) + weighted)
    return log_weight, float(beta[0]), math.sqrt(max(float(inverse[0, 0]), 0.0))


def _weights(fits: list[_Fit]) -> Floats:
    logs = np.array([fit.log_weight for fit in fits])
    raw = np.exp(logs - logs.max())
    weights: Floats = raw / raw.sum()
    return weights


def _quantile(
    p: float,
    weights: Floats,
    means: Floats,
    errors: Floats,
) -> float:
    """Of a mixture of normal distributions, by halving."""
    low = float((means - 12 * errors).min())
    high = float((means + 12 * errors).max())
    for _ in range(80):
        middle = (low + high) / 2
        if float(weights @ ndtr((middle - means) / errors)) < p:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _normal_quantile(p: float) -> float:
    from tunewell.stats.special import ndtri

    return float(ndtri(p))
