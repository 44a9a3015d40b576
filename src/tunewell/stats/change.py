"""Detectors of change whose yearly false-alarm probability is a budget, not a hope.

A detector is fed one period at a time (`update`) and says `alarm`. Its threshold is the quantile of
the highest point that it would reach in a year without change, by simulation that redraws the
reference too: a reference of 1,000 is itself uncertain, and a threshold that forgets this alarms in
far more years than it says.
"""

from __future__ import annotations

import math
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field

from tunewell.stats.inputs import Floats, positive, share, vector
from tunewell.stats.means import mean
from tunewell.types import Estimate, Value

Direction = Literal["up", "down", "both"]
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
                f"'weights' must hold {len(self.channels)} numbers above 0. Got {self.weights} instead."
            )
        if channel not in self.channels:
            raise ValueError(
                f"'channel' must be one of {', '.join(self.channels)}. Got {channel!r} instead."
            )
        return self.yearly * weights[self.channels.index(channel)] / sum(weights)


class _Detector:
    """What all detectors share: two one-sided sums against one threshold."""

    def __init__(self, *, k: float, threshold: float, direction: Direction) -> None:
        if direction not in ("up", "down", "both"):
            raise ValueError(f"'direction' must be up, down or both. Got {direction!r} instead.")
        self.k, self.threshold, self.direction = k, threshold, direction
        self.up = self.down = 0.0
        self.updates = 0
        self.since = 0

    @property
    def statistic(self) -> float:
        """The larger of the sums that are watched."""
        return {"up": self.up, "down": self.down, "both": max(self.up, self.down)}[self.direction]

    @property
    def alarm(self) -> bool:
        """Whether the threshold is passed."""
        return self.statistic > self.threshold

    def reset(self) -> None:
        """Begin a new year: sums at zero, the same reference and threshold."""
        self.up = self.down = 0.0
        self.updates = self.since = 0

    def _add(self, z: float) -> None:
        self.up, self.down = max(0.0, self.up + z - self.k), max(0.0, self.down - z - self.k)
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
                f"'reference' must hold 20 values or more, 'size' 1 or more. Got {x.size} and {size}."
            )
        self.binary = bool(np.isin(x, (0.0, 1.0)).all())
        self.n, self.centre = x.size, float(x.mean())
        rate = (float(x.sum()) + 0.5) / (x.size + 1)
        self.sd = (
            math.sqrt(rate * (1 - rate))
            if self.binary
            else positive(float(x.std(ddof=1)), "reference spread")
        )
        rng = np.random.default_rng(seed)
        z = (
            self._binary_years(rng, rate, size, years, updates)
            if self.binary
            else self._normal_years(rng, size, years, updates)
        )
        super().__init__(
            k=k, threshold=quantile_of_peaks(peaks(z, k, direction), alpha), direction=direction
        )
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
        self._add((float(v.mean()) - self.centre) / (self.sd / math.sqrt(v.size)))
        self._recent = [*self._recent, v][-max(self.since, 1) :]
        return self

    @property
    def change(self) -> Estimate:
        """Mean since the sum last left zero, minus the reference.

        Not corrected for having been looked at.
        """
        if not self._recent:
            raise ValueError("no period yet: call update first.")
        now, then = mean(np.concatenate(self._recent)), mean(self._reference)
        value = now.value - then.value
        down, up = math.hypot(now.value - now.low, then.high - then.value), 0.0
        up = math.hypot(now.high - now.value, then.value - then.low)
        return Estimate(
            value=value,
            low=value - down,
            high=value + up,
            n=now.n + then.n,
            method="since the sum left zero",
        )

    def expected_delay(self, change: float, *, size: int) -> Estimate:
        """Mean updates from a lasting change of this size to the alarm, the reference taken as exact.

        The reference's own error makes it shorter for half of all references and longer for the
        other half.

        Example:
            >>> d = Cusum([0.0] * 900 + [1.0] * 100, size=200, direction="up", years=2000)
            >>> 1 < d.expected_delay(0.1, size=200).value < 3
            True
        """
        shift = abs(change) / (self.sd / math.sqrt(size))
        return Estimate.exact(
            cusum_run_length(self.k, self.threshold, shift=shift), n=self.n, unit="updates"
        )

    def _binary_years(
        self, rng: np.random.Generator, rate: float, size: int, years: int, updates: int
    ) -> Floats:
        before = rng.binomial(self.n, rate, size=years)
        smooth = (before + 0.5) / (self.n + 1)
        after = rng.binomial(size, rate, size=(years, updates)) / size
        out: Floats = (after - (before / self.n)[:, None]) / np.sqrt(smooth * (1 - smooth) / size)[
            :, None
        ]
        return out

    def _normal_years(
        self, rng: np.random.Generator, size: int, years: int, updates: int
    ) -> Floats:
        before = rng.normal(size=years) * math.sqrt(size / self.n)
        spread = np.sqrt(rng.chisquare(self.n - 1, size=years) / (self.n - 1))
        out: Floats = (rng.normal(size=(years, updates)) - before[:, None]) / spread[:, None]
        return out


class JudgedCusum(_Detector):
    """The same for a rate that people decide, with a judge on every answer and people on few.

    Each period's rate is the judge's, corrected by that period's labels; the threshold knows the
    uncertainty of both and of the reference.

    Args:
        judge: The judge's 0/1 verdicts in the reference, shape (n,).
        human: People's 0/1 verdicts, NaN where none, shape (n,), 30 or more of them.
        size: Answers judged in a period.
        labels: Of them judged by people.
        alpha: Probability of any alarm in a year without change.
        updates: Periods in a year.
        direction: Which change is watched.
        k: Allowance in standard errors of a period.
        years: Simulated years behind the threshold.
        seed: Of the simulation.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> truth = rng.random(1000) < 0.2
        >>> judge = np.where(rng.random(1000) < 0.9, truth, ~truth)
        >>> d = JudgedCusum(judge, np.where(np.arange(1000) < 300, truth, np.nan), size=200, labels=20, years=2000)
        >>> d.update(judge[:200], np.where(np.arange(200) < 20, truth[:200], np.nan)).alarm
        False
    """

    def __init__(
        self,
        judge: ArrayLike,
        human: ArrayLike,
        *,
        size: int,
        labels: int,
        alpha: float = 0.05,
        updates: int = 52,
        direction: Direction = "both",
        k: float = 1.0,
        years: int = YEARS,
        seed: int = 0,
    ) -> None:
        seen = self.fit(judge, human, size=size, labels=labels)
        z = self._years(
            np.random.default_rng(seed), seen, int(np.size(judge)), size, labels, years, updates
        )
        # Fitted cells stand for the true ones: without a little held back 5.06 % of years alarm
        # instead of 5.
        threshold = quantile_of_peaks(peaks(z, k, direction), 0.95 * alpha)
        super().__init__(k=k, threshold=threshold, direction=direction)

    def fit(self, judge: ArrayLike, human: ArrayLike, *, size: int, labels: int) -> int:
        """Take a new reference, leaving the threshold; gives its number of labels."""
        f, y = vector(judge, "judge"), vector(human, "human", missing=True)
        seen = ~np.isnan(y)
        if f.size != y.size or seen.sum() < 30 or not 1 <= labels <= size:
            raise ValueError(
                "'judge' and 'human' must be of one length with 30 labels or more, 'labels' 1 … 'size'."
            )
        if not (np.isin(f, (0.0, 1.0)).all() and np.isin(y[seen], (0.0, 1.0)).all()):
            raise ValueError("'judge' and 'human' must hold 0 and 1.")
        both = (
            np.bincount((2 * y[seen] + f[seen]).astype(int), minlength=4)
            .reshape(2, 2)
            .astype(np.float64)
        )
        found = _judged_reference(both[None], np.array([float(f.sum())]), f.size, labels / size)
        self.cells = found[0][0]
        self.power, self.residual, self.judged = (float(v[0]) for v in found[1:])
        self.centre = self._rate(float(f.mean()), float((y - self.power * f)[seen].mean()))
        return int(seen.sum())

    def update(self, judge: ArrayLike, human: ArrayLike) -> Self:
        """One period: the judge's verdicts, and people's where there are some (a period without any is skipped)."""
        f, y = vector(judge, "judge"), vector(human, "human", missing=True)
        seen = ~np.isnan(y)
        if not seen.any():
            return self
        rate = self._rate(float(f.mean()), float((y - self.power * f)[seen].mean()))
        self._add(
            (rate - self.centre)
            / math.sqrt(self.residual / float(seen.sum()) + self.judged / f.size)
        )
        return self

    def _rate(self, judged: float, residual: float) -> float:
        return self.power * judged + residual

    def draw(
        self, rng: np.random.Generator, labels: int, size: int, shape: tuple[int, ...]
    ) -> Floats:
        """Corrected rates of periods without change."""
        good, passed, all_passed = self._counts(rng, labels, size, shape)
        out: Floats = self.power * all_passed + good - self.power * passed
        return out

    def _counts(
        self, rng: np.random.Generator, labels: int, size: int, shape: tuple[int, ...]
    ) -> tuple[Floats, Floats, Floats]:
        """Shares of good and of passed among the labels, and of passed among all."""
        c = rng.multinomial(labels, self.cells.ravel(), size=shape)
        rest = rng.binomial(size - labels, float(self.cells[:, 1].sum()), size=shape)
        passed = c[..., 1] + c[..., 3]
        return (c[..., 2] + c[..., 3]) / labels, passed / labels, (passed + rest) / size

    def _years(
        self,
        rng: np.random.Generator,
        seen: int,
        n: int,
        size: int,
        labels: int,
        years: int,
        updates: int,
    ) -> Floats:
        """Standardised periods of years without change, each against a reference drawn and fitted anew."""
        c = rng.multinomial(seen, self.cells.ravel(), size=years)
        both = c.reshape(years, 2, 2).astype(np.float64)
        passed = both[:, :, 1].sum(1) + rng.binomial(
            n - seen, float(self.cells[:, 1].sum()), size=years
        )
        _, power, residual, judged = _judged_reference(both, passed, n, labels / size)
        centre = power * passed / n + (both[:, 1].sum(1) - power * both[:, :, 1].sum(1)) / seen
        good, some, every = self._counts(rng, labels, size, (years, updates))
        rate = power[:, None] * (every - some) + good
        out: Floats = (rate - centre[:, None]) / np.sqrt(residual / labels + judged / size)[:, None]
        return out


def _judged_reference(
    both: Floats, passed: Floats, n: int, ratio: float
) -> tuple[Floats, Floats, Floats, Floats]:
    """Cells of people × judge, the judge's power, residual variance and judged variance of many references.

    The judge's margin is from all ``n`` rows, people's verdict within it from the labels ``both``,
    shape (R, 2, 2).
    """
    within = (both + 0.25) / (both + 0.25).sum(1, keepdims=True)
    share_passed = (passed + 0.5) / (n + 1)
    cells = within * np.stack([1 - share_passed, share_passed], axis=1)[:, None, :]
    rate = cells[:, 1].sum(1)
    spread = share_passed * (1 - share_passed)
    covariance = cells[:, 1, 1] - rate * share_passed
    # The power that is best for a period, held fixed for the reference and its periods.
    power = covariance / ((1 + ratio) * spread)
    residual = rate * (1 - rate) - 2 * power * covariance + power**2 * spread
    return cells, power, residual, power**2 * spread


def peaks(z: Floats, k: float, direction: Direction) -> Floats:
    """The highest point of the sums in each row of standardised periods, shape (years,)."""
    up, down, top = (np.zeros(len(z)) for _ in range(3))
    for column in z.T:
        if direction != "down":
            up = np.maximum(up + column - k, 0.0)
            top = np.maximum(top, up)
        if direction != "up":
            down = np.maximum(down - column - k, 0.0)
            top = np.maximum(top, down)
    return top


def quantile_of_peaks(top: Floats, alpha: float) -> float:
    """The threshold passed in at most a share ``alpha`` of years, less one standard error of the simulation."""
    margin = math.sqrt(share(alpha, "alpha") * (1 - alpha) / top.size)
    allowed = int(max(alpha - margin, 0.5 * alpha) * top.size)
    if allowed < 1:
        raise ValueError(
            f"'years' must be {math.ceil(4 / alpha)} or more for an alpha of {alpha:g}. Got {top.size}."
        )
    ordered = np.sort(top)
    return float(ordered[top.size - 1 - allowed])


def cusum_run_length(k: float, h: float, *, shift: float = 0.0, two_sided: bool = False) -> float:
    """Mean updates until a CUSUM of standard normals alarms, without change (``shift`` 0) or after it.

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
    one = _one_sided(k, h, shift)
    return one if not two_sided else 1.0 / (1.0 / one + 1.0 / _one_sided(k, h, -shift))


def _one_sided(k: float, h: float, shift: float) -> float:
    from scipy.special import ndtr

    nodes, weights = np.polynomial.legendre.leggauss(80)
    y, w = (nodes + 1) * h / 2, weights * h / 2
    start = np.concatenate([[0.0], y])
    density = np.exp(-((y[None, :] + k - start[:, None] - shift) ** 2) / 2) / math.sqrt(2 * math.pi)
    a = np.eye(y.size + 1)
    a[:, 1:] -= density * w[None, :]
    a[:, 0] -= ndtr(k - start - shift)
    return float(np.linalg.solve(a, np.ones(y.size + 1))[0])
