"""Detectors of change whose yearly false-alarm probability is a budget, not a hope.

A detector is fed one period at a time (`update`) and says `alarm`. Its threshold is the quantile of
the highest point that it would reach in a year without change, by simulation that redraws the
reference too: a reference of 1,000 is itself uncertain, and a threshold that forgets this alarms in
far more years than it says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Self, get_args

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field, model_validator

from tunewell.stats.inputs import Bools, Floats, positive, share, vector
from tunewell.stats.means import mean
from tunewell.types import Estimate, Value

Direction = Literal["up", "down", "both"]
DIRECTIONS = get_args(Direction)
YEARS = 30_000
"""Simulated years behind a threshold."""


class Budget(Value):
    """One yearly false-alarm probability shared by any number of channels.

    Holds however the channels depend on one another (the union bound): the shares add up to the
    budget.

    Attributes:
        yearly: Probability of any false alarm in any channel within a year, in (0, 1).
        channels: Names.
        weights: One positive weight a channel, equal when empty.

    Example:
        >>> b = Budget(yearly=0.05, channels=("quality", "inputs"), weights=(4.0, 1.0))
        >>> b.alpha("quality"), b.alpha("inputs")
        (0.04, 0.01)
    """

    yearly: float = Field(default=0.05, gt=0, lt=1)
    channels: tuple[str, ...] = Field(min_length=1)
    weights: tuple[float, ...] = ()

    def alpha(self, channel: str) -> float:
        """The yearly false-alarm probability of one channel."""
        weights = self.weights or (1.0,) * len(self.channels)
        if len(weights) != len(self.channels) or min(weights) <= 0:
            raise ValueError(
                f"'weights' must hold {len(self.channels)} numbers above 0. "
                f"Got {self.weights} instead."
            )
        if channel not in self.channels:
            raise ValueError(
                f"'channel' must be one of {', '.join(self.channels)}. Got {channel!r} instead."
            )
        weight = weights[self.channels.index(channel)]
        return self.yearly * weight / sum(weights)


class _Detector:
    """What all detectors share: two one-sided sums against one threshold."""

    def __init__(self, *, k: float, threshold: float, direction: Direction) -> None:
        if direction not in DIRECTIONS:
            raise ValueError(f"'direction' must be up, down or both. Got {direction!r} instead.")
        self.k = k
        self.threshold = threshold
        self.direction = direction
        self.reset()

    @property
    def statistic(self) -> float:
        """The larger of the sums that are watched."""
        if self.direction == "both":
            return max(self.up, self.down)
        return self.up if self.direction == "up" else self.down

    @property
    def alarm(self) -> bool:
        """Whether the threshold is passed."""
        return self.statistic > self.threshold

    def reset(self) -> None:
        """Begin a new year: sums at zero, the same reference and threshold."""
        self.up = 0.0
        self.down = 0.0
        self.updates = 0
        self.since = 0

    def _add(self, z: float) -> None:
        self.up = max(0.0, self.up + z - self.k)
        self.down = max(0.0, self.down - z - self.k)
        self.updates += 1
        self.since = self.since + 1 if self.statistic > 0 else 0


class Cusum(_Detector):
    """A cumulative sum over periods of independent observations against a reference of them.

    Args:
        reference: Values without change, shape (n,), 0/1 or real.
        size: Observations expected in a period.
        alpha: Probability of any alarm in a year without change; a `Budget`'s share.
        updates: Periods in a year.
        direction: Which change is watched; ``both`` halves nothing, the threshold knows.
        k: Allowance in standard errors of a period, half the change to be found fastest.
        years: Simulated years behind the threshold.
        seed: Of the simulation.

    Source:
        Page 1954, Biometrika 41; for the reference's part: Gandy & Kvaløy 2013, Scandinavian J.
        Statistics 40.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> quality = Cusum(rng.random(1000) < 0.1, size=200, direction="up", years=2000)
        >>> for _ in range(10):
        ...     _ = quality.update(rng.random(200) < 0.1)
        >>> quality.alarm
        False
        >>> for _ in range(4):
        ...     _ = quality.update(rng.random(200) < 0.2)
        >>> quality.alarm
        True
    """

    def __init__(
        self,
        reference: ArrayLike,
        *,
        size: int,
        alpha: float = 0.05,
        updates: int = 52,
        direction: Direction = "both",
        k: float = 1.15,
        years: int = YEARS,
        seed: int = 0,
    ) -> None:
        x = vector(reference, "reference")
        if x.size < 20 or size < 1:
            raise ValueError(
                "'reference' must hold 20 values or more, 'size' 1 or more. "
                f"Got {x.size} and {size}."
            )
        self.binary = bool(np.isin(x, (0.0, 1.0)).all())
        self.n = x.size
        self.centre = float(x.mean())

        rng = np.random.default_rng(seed)
        if self.binary:
            rate = (float(x.sum()) + 0.5) / (x.size + 1)
            self.sd = math.sqrt(rate * (1 - rate))
            z = self._binary_years(rng, rate, size, (years, updates))
        else:
            self.sd = positive(float(x.std(ddof=1)), "reference spread")
            z = self._normal_years(rng, size, (years, updates))

        threshold = quantile_of_peaks(peaks(z, k, direction), alpha)
        super().__init__(k=k, threshold=threshold, direction=direction)
        self._reference = x
        self._recent: list[Floats] = []

    def update(self, x: ArrayLike) -> Self:
        """One period's values, any number of them.

        NaN (no verdict) counts as the reference and cannot alarm.
        """
        v = np.asarray(x, dtype=np.float64).ravel()
        if v.size == 0:
            return self
        v = np.where(np.isnan(v), self.centre, v)
        standard_error = self.sd / math.sqrt(v.size)
        self._add((float(v.mean()) - self.centre) / standard_error)
        self._recent = [*self._recent, v][-max(self.since, 1) :]
        return self

    @property
    def change(self) -> Estimate:
        """Mean since the sum last left zero, minus the reference.

        Not corrected for having been looked at.
        """
        if not self._recent:
            raise ValueError("no period yet: call update first.")
        now = mean(np.concatenate(self._recent))
        then = mean(self._reference)
        value = now.value - then.value
        down = math.hypot(now.value - now.low, then.high - then.value)
        up = math.hypot(now.high - now.value, then.value - then.low)
        return Estimate(
            value=value,
            low=value - down,
            high=value + up,
            n=now.n + then.n,
            method="since the sum left zero",
        )

    def expected_delay(self, change: float, *, size: int) -> Estimate:
        """Mean updates from a lasting change of this size to the alarm.

        The reference is taken as exact. Its own error makes the delay shorter for half of all
        references and longer for the other half.

        Example:
            >>> d = Cusum([0.0] * 900 + [1.0] * 100, size=200, direction="up", years=2000)
            >>> 1 < d.expected_delay(0.1, size=200).value < 3
            True
        """
        standard_error = self.sd / math.sqrt(size)
        shift = abs(change) / standard_error
        updates = cusum_run_length(self.k, self.threshold, shift=shift)
        return Estimate.exact(updates, n=self.n, unit="updates")

    def _binary_years(
        self,
        rng: np.random.Generator,
        rate: float,
        size: int,
        shape: tuple[int, int],
    ) -> Floats:
        """Standardised periods of years without change, shape (years, updates)."""
        years, _ = shape
        before = rng.binomial(self.n, rate, size=years)
        smooth = (before + 0.5) / (self.n + 1)
        after = rng.binomial(size, rate, size=shape) / size
        apart: Floats = after - (before / self.n)[:, None]
        standard_error = np.sqrt(smooth * (1 - smooth) / size)
        return apart / standard_error[:, None]

    def _normal_years(
        self,
        rng: np.random.Generator,
        size: int,
        shape: tuple[int, int],
    ) -> Floats:
        years, _ = shape
        before = rng.normal(size=years) * math.sqrt(size / self.n)
        spread = np.sqrt(rng.chisquare(self.n - 1, size=years) / (self.n - 1))
        apart: Floats = rng.normal(size=shape) - before[:, None]
        return apart / spread[:, None]


class JudgedPeriod(Value):
    """How much a judge and people see in a period.

    Attributes:
        size: Answers judged.
        labels: Of them judged by people.
        a_year: Periods in a year.
    """

    size: int = Field(ge=1)
    labels: int = Field(ge=1)
    a_year: int = Field(default=52, ge=1)

    @model_validator(mode="after")
    def _judged_too(self) -> Self:
        if self.labels > self.size:
            raise ValueError(f"'labels' must be 1 … 'size'. Got {self.labels} of {self.size}.")
        return self


class JudgedCusum(_Detector):
    """The same for a rate that people decide, with a judge on every answer and people on few.

    Each period's rate is the judge's, corrected by that period's labels; the threshold knows the
    uncertainty of both and of the reference.

    Args:
        judge: The judge's 0/1 verdicts in the reference, shape (n,).
        human: People's 0/1 verdicts, NaN where none, shape (n,), 30 or more of them.
        period: What is seen in a period.
        alpha: Probability of any alarm in a year without change.
        direction: Which change is watched.
        k: Allowance in standard errors of a period.
        years: Simulated years behind the threshold.
        seed: Of the simulation.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> truth = rng.random(1000) < 0.2
        >>> judge = np.where(rng.random(1000) < 0.9, truth, ~truth)
        >>> human = np.where(np.arange(1000) < 300, truth, np.nan)
        >>> week = JudgedPeriod(size=200, labels=20)
        >>> d = JudgedCusum(judge, human, period=week, years=2000)
        >>> d.update(judge[:200], np.where(np.arange(200) < 20, truth[:200], np.nan)).alarm
        False
    """

    def __init__(
        self,
        judge: ArrayLike,
        human: ArrayLike,
        *,
        period: JudgedPeriod,
        alpha: float = 0.05,
        direction: Direction = "both",
        k: float = 1.0,
        years: int = YEARS,
        seed: int = 0,
    ) -> None:
        labelled = self.fit(judge, human, period=period)
        rows = int(np.size(judge))
        rng = np.random.default_rng(seed)
        z = self._years(rng, _ReferenceSize(rows, labelled), period, years)
        # Fitted cells stand for the true ones: without a little held back 5.06 % of years alarm
        # instead of 5.
        threshold = quantile_of_peaks(peaks(z, k, direction), 0.95 * alpha)
        super().__init__(k=k, threshold=threshold, direction=direction)

    def fit(self, judge: ArrayLike, human: ArrayLike, *, period: JudgedPeriod) -> int:
        """Take a new reference, leaving the threshold; gives its number of labels."""
        f = vector(judge, "judge")
        y = vector(human, "human", missing=True)
        seen = ~np.isnan(y)
        if f.size != y.size or seen.sum() < 30:
            raise ValueError("'judge' and 'human' must be of one length with 30 labels or more.")
        verdicts = np.concatenate([f, y[seen]])
        if not np.isin(verdicts, (0.0, 1.0)).all():
            raise ValueError("'judge' and 'human' must hold 0 and 1.")

        cell = (2 * y[seen] + f[seen]).astype(int)
        both = np.bincount(cell, minlength=4).reshape(2, 2).astype(np.float64)
        passed = np.array([float(f.sum())])
        found = _judged_reference(both[None], passed, f.size, period.labels / period.size)
        self.cells = found.cells[0]
        self.power = float(found.power[0])
        self.residual = float(found.residual[0])
        self.judged = float(found.judged[0])
        self.centre = self._rate(f, y, seen)
        return int(seen.sum())

    def update(self, judge: ArrayLike, human: ArrayLike) -> Self:
        """One period: the judge's verdicts, and people's where there are some.

        A period without any of people's is skipped.
        """
        f = vector(judge, "judge")
        y = vector(human, "human", missing=True)
        seen = ~np.isnan(y)
        if not seen.any():
            return self
        rate = self._rate(f, y, seen)
        variance = self.residual / float(seen.sum()) + self.judged / f.size
        self._add((rate - self.centre) / math.sqrt(variance))
        return self

    def _rate(self, f: Floats, y: Floats, seen: Bools) -> float:
        """The judge's rate, corrected by people where they have spoken."""
        residual = (y - self.power * f)[seen]
        return self.power * float(f.mean()) + float(residual.mean())

    def draw(
        self, rng: np.random.Generator, period: JudgedPeriod, shape: tuple[int, ...]
    ) -> Floats:
        """Corrected rates of periods without change."""
        drawn = self._draw(rng, period, shape)
        out: Floats = self.power * drawn.passed + drawn.good - self.power * drawn.labels_passed
        return out

    def _draw(
        self, rng: np.random.Generator, period: JudgedPeriod, shape: tuple[int, ...]
    ) -> _DrawnPeriods:
        labels = rng.multinomial(period.labels, self.cells.ravel(), size=shape)
        unlabelled = period.size - period.labels
        rest = rng.binomial(unlabelled, float(self.cells[:, 1].sum()), size=shape)
        passed = labels[..., 1] + labels[..., 3]
        good = labels[..., 2] + labels[..., 3]
        return _DrawnPeriods(
            good=good / period.labels,
            labels_passed=passed / period.labels,
            passed=(passed + rest) / period.size,
        )

    def _years(
        self,
        rng: np.random.Generator,
        reference: _ReferenceSize,
        period: JudgedPeriod,
        years: int,
    ) -> Floats:
        """Standardised periods of years without change.

        Each year is held against a reference drawn and fitted anew.
        """
        n = reference.rows
        labelled = reference.labels
        drawn = rng.multinomial(labelled, self.cells.ravel(), size=years)
        both = drawn.reshape(years, 2, 2).astype(np.float64)
        labels_passed = both[:, :, 1].sum(1)
        labels_good = both[:, 1].sum(1)
        judge_passes = float(self.cells[:, 1].sum())
        passed = labels_passed + rng.binomial(n - labelled, judge_passes, size=years)

        fitted = _judged_reference(both, passed, n, period.labels / period.size)
        power = fitted.power
        centre = power * passed / n + (labels_good - power * labels_passed) / labelled

        weeks = self._draw(rng, period, (years, period.a_year))
        rate = power[:, None] * (weeks.passed - weeks.labels_passed) + weeks.good
        variance = fitted.residual / period.labels + fitted.judged / period.size
        out: Floats = (rate - centre[:, None]) / np.sqrt(variance)[:, None]
        return out


@dataclass(frozen=True)
class _ReferenceSize:
    """Rows of a reference, and how many of them people have labelled."""

    rows: int
    labels: int


@dataclass(frozen=True)
class _DrawnPeriods:
    """Simulated periods, an array of any shape each.

    Attributes:
        good: Share that people pass among the labels.
        labels_passed: Share that the judge passes among the labels.
        passed: Share that the judge passes among all.
    """

    good: Floats
    labels_passed: Floats
    passed: Floats


@dataclass(frozen=True)
class _JudgedReferences:
    """What is fitted to R references.

    Attributes:
        cells: Shares of people's verdict × the judge's, shape (R, 2, 2).
        power: How far the judge is trusted, shape (R,).
        residual: Variance of a label less the trusted part of the judge, shape (R,).
        judged: Variance of the trusted part of the judge, shape (R,).
    """

    cells: Floats
    power: Floats
    residual: Floats
    judged: Floats


def _judged_reference(
    both: Floats,
    passed: Floats,
    n: int,
    ratio: float,
) -> _JudgedReferences:
    """Fits many references.

    The judge's margin is from all ``n`` rows, people's verdict within it from the labels.

    Args:
        both: Labels by people's verdict and the judge's, shape (R, 2, 2).
        passed: Rows that the judge passes, shape (R,).
        n: Rows.
        ratio: Share of a period's answers that people label.
    """
    smoothed = both + 0.25
    within = smoothed / smoothed.sum(1, keepdims=True)
    share_passed = (passed + 0.5) / (n + 1)
    margin = np.stack([1 - share_passed, share_passed], axis=1)
    cells = within * margin[:, None, :]

    rate = cells[:, 1].sum(1)
    spread = share_passed * (1 - share_passed)
    covariance = cells[:, 1, 1] - rate * share_passed
    # The power that is best for a period, held fixed for the reference and its periods.
    power = covariance / ((1 + ratio) * spread)
    judged = power**2 * spread
    residual = rate * (1 - rate) - 2 * power * covariance + judged
    return _JudgedReferences(cells, power, residual, judged)


def peaks(z: Floats, k: float, direction: Direction) -> Floats:
    """The highest point of the sums in each row of standardised periods, shape (years,)."""
    up = np.zeros(len(z))
    down = np.zeros(len(z))
    top = np.zeros(len(z))
    for column in z.T:
        if direction != "down":
            up = np.maximum(up + column - k, 0.0)
            top = np.maximum(top, up)
        if direction != "up":
            down = np.maximum(down - column - k, 0.0)
            top = np.maximum(top, down)
    return top


def quantile_of_peaks(top: Floats, alpha: float) -> float:
    """The threshold passed in at most a share ``alpha`` of years.

    Less one standard error of the simulation.
    """
    margin = math.sqrt(share(alpha, "alpha") * (1 - alpha) / top.size)
    safe = max(alpha - margin, 0.5 * alpha)
    allowed = int(safe * top.size)
    if allowed < 1:
        raise ValueError(
            f"'years' must be {math.ceil(4 / alpha)} or more for an alpha of {alpha:g}. "
            f"Got {top.size}."
        )
    ordered = np.sort(top)
    return float(ordered[top.size - 1 - allowed])


def cusum_run_length(
    k: float,
    h: float,
    *,
    shift: float = 0.0,
    two_sided: bool = False,
) -> float:
    """Mean updates until a CUSUM of standard normals alarms.

    Without change (``shift`` 0) or after it.

    Args:
        k: Allowance.
        h: Threshold.
        shift: Mean of the observations.
        two_sided: Both sums at once.

    Source:
        Page's integral equation by Gauss-Legendre quadrature (Goel & Wu 1971); two sides: Kemp
        1961.

    Example:
        >>> round(cusum_run_length(0.5, 4), 1), round(cusum_run_length(0.5, 4, two_sided=True), 1)
        (335.4, 167.7)
        >>> round(cusum_run_length(0.5, 5, shift=1.0), 2)
        10.38
    """
    positive(h, "h")
    upward = _one_sided(k, h, shift)
    if not two_sided:
        return upward
    downward = _one_sided(k, h, -shift)
    return 1.0 / (1.0 / upward + 1.0 / downward)


def _one_sided(k: float, h: float, shift: float) -> float:
    from tunewell.stats.special import ndtr

    nodes, weights = np.polynomial.legendre.leggauss(80)
    y = (nodes + 1) * h / 2
    w = weights * h / 2
    start = np.concatenate([[0.0], y])
    gap = y[None, :] + k - start[:, None] - shift
    density = np.exp(-(gap**2) / 2) / math.sqrt(2 * math.pi)

    a = np.eye(y.size + 1)
    a[:, 1:] -= density * w[None, :]
    a[:, 0] -= ndtr(k - start - shift)
    lengths = np.linalg.solve(a, np.ones(y.size + 1))
    return float(lengths[0])
