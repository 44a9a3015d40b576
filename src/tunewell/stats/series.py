"""Series with memory and season.

A detector of change, and the effect of an interruption on a KPI.
"""

from __future__ import annotations

import math
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field

from tunewell.stats.change import Direction, _Detector, peaks, quantile_of_peaks
from tunewell.stats.inputs import Floats, critical, matrix, share, vector
from tunewell.types import Estimate, Value

_SERIES_YEARS = 4000
_MOST_PHI = 0.97
_MUCH_NEWS = 12.0
_TINY = 1e-300


class SeriesShape(Value):
    """How long a series is.

    Attributes:
        n: Values of the reference.
        season: Values in a season; 1 for none.
        updates: Values in a year.
    """

    n: int = Field(ge=1)
    season: int = Field(ge=1)
    updates: int = Field(ge=1)

    @property
    def length(self) -> int:
        """Values of the reference and of the year after it."""
        return self.n + self.updates


class SeriesCusum(_Detector):
    """A cumulative sum over a series with memory and season.

    Its neighbours are alike, and it has a season such as the days of the week. What is summed is
    each value's surprise given the one before (AR(1)) and its place in the season. The threshold is
    simulated with the season, the memory and the spread fitted anew to each simulated reference, so
    that their uncertainty is in it.

    Args:
        reference: Regular values without change (daily means, say), shape (n,), ten seasons or
            more.
        season: Values in a season (7 for days); 1 for none.
        alpha: Probability of any alarm in a year without change; a `Budget`'s share.
        updates: Values in a year.
        direction: Which change is watched.
        k: Allowance in standard deviations of the surprise. A lasting change of c in the series is
            a surprise of (1 - memory) × c only: strong memory costs delay, and nothing can mend
            that.
        years: Simulated years behind the threshold.
        seed: Of the simulation.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> days = np.tile([0.0, 0, 0, 0, 0, 2, 2], 30) + rng.normal(size=210)
        >>> d = SeriesCusum(days, season=7, years=500)
        >>> d.update(0.3).alarm
        False
    """

    def __init__(
        self,
        reference: ArrayLike,
        *,
        season: int = 7,
        alpha: float = 0.05,
        updates: int = 364,
        direction: Direction = "both",
        k: float = 0.25,
        years: int = _SERIES_YEARS,
        seed: int = 0,
    ) -> None:
        x = vector(reference, "reference")
        if season < 1 or x.size < max(10 * season, 30):
            raise ValueError(
                f"'reference' must hold ten seasons of {season} and 30 values or more. "
                f"Got {x.size} instead."
            )
        self.season = season
        self.reference_size = x.size
        self.levels, self.phi, self.sd = fit_series(x[None], season)
        self._phi = float(self.phi[0])
        self._sd = float(self.sd[0])
        if self._sd <= 0:
            raise ValueError("'reference' does not vary.")
        threshold = series_threshold(
            self._phi,
            SeriesShape(n=x.size, season=season, updates=updates),
            alpha=alpha,
            direction=direction,
            k=k,
            years=years,
            seed=seed,
        )
        super().__init__(k=k, threshold=threshold, direction=direction)
        last_level = self.levels[0, (x.size - 1) % season]
        self._last = float(x[-1] - last_level)
        self._place = x.size % season

    @property
    def enough(self) -> bool:
        """Whether the reference holds as much news as was simulated.

        With strong memory this takes forty weeks of days: with a memory of .9 and twenty weeks 5.5
        to 5.9 % of years alarm where 5 % were asked for.
        """
        return _news(self.reference_size, self._phi) >= _MUCH_NEWS

    def update(self, x: float) -> Self:
        """The next value of the series.

        NaN (none today) keeps the place in the season and adds nothing.
        """
        level = float(self.levels[0, self._place])
        self._place = (self._place + 1) % self.season
        if math.isnan(x):
            self._last *= self._phi
            return self
        off = x - level
        self._add((off - self._phi * self._last) / self._sd)
        self._last = off
        return self


def _news(n: int, phi: float) -> float:
    """Independent values that n values with this memory are worth."""
    return n * (1 - phi) / (1 + phi)


def series_threshold(
    phi: float,
    shape: SeriesShape,
    *,
    alpha: float,
    direction: Direction,
    k: float,
    years: int = _SERIES_YEARS,
    seed: int = 0,
) -> float:
    """The threshold of a `SeriesCusum` whose reference showed a memory of ``phi``."""
    # Estimates of the memory lean low by about (1 + 3 phi) / n and more with a season: lean back
    # before simulating.
    lean = (1 + 3 * phi + shape.season / 2) / shape.n
    memory = min(phi + lean, _MOST_PHI)
    z = _years(np.random.default_rng(seed), shape, memory, years)
    # A fitted memory stands for the true one: without a little held back 5.1 to 5.9 % of years
    # alarm instead of 5, the more the less independent news the reference holds.
    news = _news(shape.n, memory)
    held_back = min(0.07 * max(_MUCH_NEWS / news, 1.0) ** 2, 0.5)
    return quantile_of_peaks(peaks(z, k, direction), (1 - held_back) * alpha)


def fit_series(x: Floats, season: int) -> tuple[Floats, Floats, Floats]:
    """Fits each row of a table of series.

    Returns:
        Season levels, shape (runs, season), memory and spread of the surprises, shape (runs,) each.
    """
    n = x.shape[1]
    levels = np.stack([x[:, i::season].mean(1) for i in range(season)], axis=1)
    repeated = np.tile(levels, (1, n // season + 1))
    off = x - repeated[:, :n]
    before = off[:, :-1]
    after = off[:, 1:]
    squares = np.maximum((before**2).sum(1), _TINY)
    phi = np.clip((before * after).sum(1) / squares, -_MOST_PHI, _MOST_PHI)
    surprise = after - phi[:, None] * before
    df = max(n - 1 - season - 1, 1)
    sd = np.sqrt((surprise**2).sum(1) / df)
    return levels, phi, sd


def _years(
    rng: np.random.Generator,
    shape: SeriesShape,
    phi: float,
    years: int,
) -> Floats:
    """Standardised surprises of years without change.

    Each year is held against its own refitted reference.
    """
    n = shape.n
    x = np.empty((years, shape.length))
    x[:, 0] = rng.normal(size=years) / math.sqrt(1 - phi**2)
    for t in range(1, shape.length):
        x[:, t] = phi * x[:, t - 1] + rng.normal(size=years)

    levels, memory, sd = fit_series(x[:, :n], shape.season)
    places = np.arange(n - 1, shape.length) % shape.season
    off = x[:, n - 1 :] - levels[:, places]
    surprise: Floats = off[:, 1:] - memory[:, None] * off[:, :-1]
    return surprise / sd[:, None]


class Interruption(Value):
    """What an interruption did to a series.

    Attributes:
        level: Change at once, in the unit of the series.
        slope: Change of the trend, a step of time (exactly 0 with n = 0 where not asked for).
        average: Mean effect over the time after it.
        memory: Autocorrelation of neighbouring errors, as estimated.
        enough: False where the data are too few for the interval to be trusted.
    """

    level: Estimate
    slope: Estimate
    average: Estimate
    memory: float
    enough: bool


def interrupted_series(
    values: ArrayLike,
    *,
    start: int,
    controls: ArrayLike | None = None,
    season: int = 1,
    slope: bool = False,
    level: float = 0.95,
) -> Interruption:
    """What a release did to a KPI: before against after.

    With controls, season, trend and memory. Least squares of the series on trend, season, control
    series and the interruption, on quasi-differences that take the memory out (Prais-Winsten, the
    memory corrected for its lean), Student's t.

    Args:
        values: The KPI at regular times, shape (n,).
        start: Index of the first time after the interruption.
        controls: Series that the interruption did not touch, shape (n,) or (n, controls).
        season: Times in a season, 1 for none.
        slope: Whether the effect may also grow with time.
        level: Probability of covering, in (0, 1).

    Raises:
        ValueError: With fewer than 8 times (or one season) on either side.

    Notes:
        A change in anything else at the same time is not told apart: that is what controls are for.
        Simulated for memory 0 … .8 and 60 or 120 times (``bench/results/statistics_curves.json``):
        strong memory in few times makes the interval wide, and ``enough`` False.

    Source:
        Bernal, Cummins & Gasparrini 2017, Int. J. Epidemiology 46; Prais & Winsten 1954; Kendall
        1954 for the lean.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> market = rng.normal(size=60).cumsum()
        >>> kpi = 10 + market + rng.normal(size=60) * 0.5 + (np.arange(60) >= 40) * 2.0
        >>> e = interrupted_series(kpi, start=40, controls=market).level
        >>> e.low < 2.0 < e.high, e.low > 0.5
        (True, True)
    """
    y = vector(values, "values")
    share(level, "level")
    n = y.size
    least = max(8, season)
    if season < 1 or not least <= start <= n - least:
        raise ValueError(
            f"'start' must leave {least} times on both sides of {n}. Got {start} instead."
        )
    design, after = _design(n, start, season, slope, controls)
    columns = design.shape[1]
    if n - columns < 5:
        raise ValueError(
            f"'values' must hold {columns + 5} times or more for this model. Got {n} instead."
        )
    phi = _memory(design, y)
    white = _whiten(design, phi)
    target = _whiten(y[:, None], phi)[:, 0]
    beta, covariance = _least_squares(white, target)

    df = (n - columns - 1) * (1 - phi)
    t = critical(level, max(df, 3.0))
    enough = phi <= 0.75 and _news(n, phi) >= 20
    method = f"interrupted series, Prais-Winsten, memory {phi:.2f}"
    if not enough:
        method += "; too few data: do not trust"

    def effect(weights: Floats) -> Estimate:
        value = float(weights @ beta)
        half = t * math.sqrt(float(weights @ covariance @ weights))
        return Estimate(
            value=value,
            low=value - half,
            high=value + half,
            level=level,
            n=n,
            method=method,
        )

    unit = np.eye(columns)
    at_once = effect(unit[0])
    if not slope:
        no_slope = Estimate.exact(0.0, n=0, unit="")
        return Interruption(
            level=at_once, slope=no_slope, average=at_once, memory=phi, enough=enough
        )
    mean_time = float(after[after > 0].mean() - 1)
    return Interruption(
        level=at_once,
        slope=effect(unit[1]),
        average=effect(unit[0] + unit[1] * mean_time),
        memory=phi,
        enough=enough,
    )


def _memory(design: Floats, y: Floats) -> float:
    """Autocorrelation of neighbouring errors, corrected for its lean (Kendall 1954)."""
    n, columns = design.shape
    beta, _ = _least_squares(design, y)
    phi = 0.0
    for _ in range(8):
        e = y - design @ beta
        raw = float(e[1:] @ e[:-1] / max(float(e @ e), _TINY))
        # The lean grows with what was fitted: Kendall's (1 + 3 phi) / n, and one n-th for each
        # further column.
        phi = float(np.clip((raw * n + columns) / (n - 3), 0.0, 0.95))
        beta, _ = _least_squares(_whiten(design, phi), _whiten(y[:, None], phi)[:, 0])
    return phi


def _design(
    n: int,
    start: int,
    season: int,
    slope: bool,
    controls: ArrayLike | None,
) -> tuple[Floats, Floats]:
    """The columns of the model, the interruption's first, and the times since it, from 1."""
    time = np.arange(n, dtype=np.float64)
    after = np.maximum(time - start + 1, 0.0)
    columns = [(after > 0).astype(np.float64)]
    if slope:
        columns.append(np.maximum(after - 1, 0.0))
    columns.append(np.ones(n))
    columns.append((time - time.mean()) / n)
    for place in range(1, season):
        in_season = (time % season == place).astype(np.float64)
        columns.append(in_season - 1 / season)
    if controls is not None:
        columns += _standardised(controls, n)
    return np.stack(columns, axis=1), after


def _standardised(controls: ArrayLike, n: int) -> list[Floats]:
    """Control series of mean 0 and spread 1; constant ones say nothing and are left out."""
    raw = np.asarray(controls, dtype=np.float64)
    c = matrix(raw[:, None] if raw.ndim == 1 else raw, "controls")
    if len(c) != n:
        raise ValueError(f"'controls' must hold {n} times. Got {len(c)} instead.")
    spread = c.std(0)
    varying = spread > 0
    scaled = (c - c.mean(0)) / np.where(varying, spread, 1.0)
    return list(scaled.T[varying])


def _whiten(x: Floats, phi: float) -> Floats:
    first = math.sqrt(1 - phi**2) * x[:1]
    return np.concatenate([first, x[1:] - phi * x[:-1]])


def _least_squares(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Coefficients and their covariance."""
    inverse = np.linalg.pinv(x.T @ x)
    beta = inverse @ x.T @ y
    residual = y - x @ beta
    df = max(len(y) - x.shape[1], 1)
    covariance: Floats = inverse * float(residual @ residual) / df
    return beta, covariance
