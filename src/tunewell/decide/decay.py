"""How a version has decayed: slowly, at once, or not at all, with the probability of each."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from tunewell.stats.special import ndtri
from tunewell.types import Estimate, Value

Floats = NDArray[np.float64]

DAY_S: Final = 86_400.0

RATES: Final = np.array([0.0, *np.geomspace(3e-5, 4e-3, 11)])
"""Growth of the share of wrong answers, per day: from 0.1 to 12 points a month."""

STEPS: Final = np.geomspace(0.015, 0.4, 9)
"""Size of a sudden loss, as a share of the answers."""

YEAR_DAYS: Final = 365.25

SEASON: Final = 0.25
"""Prior probability that questions are harder in one part of the year than in another."""

AMPLITUDES: Final = (0.012, 0.03)
"""Of a season, as a share of the answers; no retraining mends it."""

PHASES: Final = 8
"""Places in the year at which a season may be highest."""

STILL: Final = 0.5
"""Prior probability that nothing drifts slowly."""

STEPS_A_YEAR: Final = 0.5
"""Prior number of sudden losses in a year, before any alarm."""

ALARM_WEIGHT: Final = 12.0
"""How much likelier a sudden loss is where an alarm has said that something changed."""

PRIOR_VERSIONS: Final = 2.0
"""Earlier versions that the prior counts as, when what they did is learned from."""

LEAST_WEIGHT: Final = 1e-9
"""Ways to decay of less probability are left out."""

LEAST_ERROR: Final = 1e-4
"""Of a reading, so that an exact one does not decide everything."""

ReadBy = Literal["people", "judge", "labels"]


class QualityReading(Value):
    """How many answers of a version were wrong, in one window of its use.

    Attributes:
        at: Middle of the window, UTC.
        version: That answered.
        wrong: Share of the answers that were wrong.
        by: Who says so: ``people``, a ``judge`` that people have corrected, or ``labels`` that came
            from use.
    """

    at: dt.datetime
    version: str
    wrong: Estimate
    by: ReadBy = "people"


@dataclass(frozen=True, eq=False)
class Decay:
    """The posterior over ways in which the serving version may have decayed.

    Attributes:
        weight: Probability of each way, shape (ways,), sums to 1.
        rate: Growth per day of each, shape (ways,).
        step: Sudden loss of each so far, shape (ways,).
        age: Days since the version was trained.
        readings: How many readings it rests on.
        left_out: How many could not be compared with the others.
    """

    weight: Floats
    rate: Floats
    step: Floats
    age: float
    readings: int
    left_out: int = 0

    @property
    def excess(self) -> Floats:
        """Share of wrong answers that is due to age, by each way, shape (ways,)."""
        return self.rate * self.age + self.step

    def estimate(self, values: Floats, *, level: float = 0.95, unit: str = "share") -> Estimate:
        """Mean and equal-tailed interval of a quantity over the ways.

        Args:
            values: Shape (ways,).
            level: Of the interval.
            unit: Of the values.
        """
        mean = float(self.weight @ values)
        tail = (1 - level) / 2
        low, high = self.quantiles(values, (tail, 1 - tail))
        return Estimate(
            value=mean,
            low=min(low, mean),
            high=max(high, mean),
            level=level,
            n=self.readings,
            method="posterior over slow and sudden decay",
            unit=unit,
        )

    def quantiles(self, values: Floats, at: Sequence[float]) -> list[float]:
        """Quantiles of a quantity over the ways.

        Args:
            values: Shape (ways,).
            at: Probabilities.
        """
        known, place = np.unique(values, return_inverse=True)
        mass = np.bincount(place, weights=self.weight)
        ends = np.concatenate([[known[0]], (known[1:] + known[:-1]) / 2, [known[-1]]])
        # What lies on the grid stands for its cell, but nothing at all is nothing at all.
        low, high = ends[:-1].copy(), ends[1:].copy()
        nothing = known == 0.0
        low[nothing], high[nothing] = 0.0, 0.0
        reached = np.cumsum(mass)
        total = float(reached[-1])
        found = []
        for share in at:
            cell = min(int(np.searchsorted(reached, share * total)), len(known) - 1)
            inside = (share * total - (reached[cell] - mass[cell])) / max(mass[cell], 1e-300)
            width = high[cell] - low[cell]
            found.append(float(low[cell] + min(max(inside, 0.0), 1.0) * width))
        return found


@dataclass(frozen=True, eq=False)
class _Term:
    """The readings of one version while it served.

    Attributes:
        age: Days since it was trained, shape (readings,), ascending.
        day: The same through the years, for the season, shape (readings,).
        wrong: Share of wrong answers, shape (readings,).
        error: Standard error of each, shape (readings,).
        likely: How likely a sudden loss just before each reading is, shape (readings,).
    """

    age: Floats
    day: Floats
    wrong: Floats
    error: Floats
    likely: Floats


@dataclass(frozen=True, eq=False)
class _Grid:
    """Log likelihood of a version's readings under every season and way, with the step's prior.

    Attributes:
        slow: Under each rate without a sudden loss, shape (seasons, rates).
        sudden: Under each rate, place and size, shape (seasons, rates, places, sizes).
    """

    slow: Floats
    sudden: Floats


def measure_decay(
    readings: Sequence[QualityReading],
    *,
    trained: dict[str, dt.datetime],
    serving: str,
    now: dt.datetime,
    changes: Sequence[tuple[dt.datetime, dt.datetime]] = (),
    left_out: int = 0,
) -> Decay:
    """How the serving version has decayed, learning from those before it how such models decay.

    Every version begins at a level of its own; only what it loses after that is decay. A way to
    decay is a constant growth of the share of wrong answers, from the day it was trained, with at
    most one sudden loss besides; what comes and goes with the year is no decay. How often versions
    of this project drift slowly, and how fast, is learned from the earlier ones.

    Args:
        readings: Of all versions that served, in any order.
        trained: When each version's data ended, by version.
        serving: The version that serves.
        now: The moment of the decision, UTC.
        changes: From when until when something may have changed, of each alarm about knowledge or
            traffic.
        left_out: Readings that were taken away beforehand, to be reported.

    Example:
        >>> day = dt.timedelta(days=1)
        >>> start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
        >>> def read(days: int, wrong: float) -> QualityReading:
        ...     share = Estimate(value=wrong, low=wrong - .01, high=wrong + .01, n=9, method="m")
        ...     return QualityReading(at=start + days * day, version="v", wrong=share)
        >>> falling = [read(7 * week, .1 + .002 * 7 * week) for week in range(12)]
        >>> seen = measure_decay(falling, trained={"v": start}, serving="v", now=start + 84 * day)
        >>> bool(abs(seen.estimate(seen.rate).value - .002) < .0005)
        True
    """
    by_version = itertools.groupby(
        sorted(
            readings,
            key=lambda each: (each.version, each.at),
        ),
        key=lambda each: each.version,
    )
    terms = {
        version: _term(list(each), trained[version], changes)
        for version, each in by_version
        if version in trained
    }
    own = terms.pop(serving, None)
    # In whole days: what is decided does not change from one minute to the next.
    age = float(max((now - trained[serving]).days, 0))
    season, rates = _learned([_seasonal(term) for term in terms.values()])
    if own is None:
        nothing = np.zeros(len(RATES))
        prior = np.exp(season - _log_sum(season)) @ rates
        return Decay(
            prior,
            RATES.copy(),
            nothing,
            age,
            readings=0,
            left_out=left_out,
        )

    weight = _weights(_seasonal(own), np.log(np.maximum(rates, 1e-12)) + season[:, None])
    kept = weight > LEAST_WEIGHT
    return Decay(
        weight[kept] / weight[kept].sum(),
        rate=np.concatenate([RATES, np.repeat(RATES, len(STEPS))])[kept],
        step=np.concatenate([np.zeros(len(RATES)), np.tile(STEPS, len(RATES))])[kept],
        age=age,
        readings=len(own.age),
        left_out=left_out,
    )


def standard_error(estimate: Estimate) -> float:
    """The standard error that an interval stands for."""
    z = float(ndtri((1 + estimate.level) / 2))
    return max((estimate.high - estimate.low) / (2 * z), LEAST_ERROR)


def _term(
    readings: Sequence[QualityReading],
    trained: dt.datetime,
    changes: Sequence[tuple[dt.datetime, dt.datetime]],
) -> _Term:
    age = np.array([(each.at - trained).total_seconds() / DAY_S for each in readings])
    before = np.concatenate([[0.0], age[:-1]])
    hazard = np.maximum(age - before, 1.0) * STEPS_A_YEAR / 365.0
    named = np.zeros(len(age), dtype=bool)
    for since, until in changes:
        first = (since - trained).total_seconds() / DAY_S
        last = (until - trained).total_seconds() / DAY_S
        named |= (age >= first) & (before <= last)
    return _Term(
        age=np.maximum(age, 0.0),
        day=np.array([each.at.timestamp() / DAY_S for each in readings]),
        wrong=np.array([each.wrong.value for each in readings]),
        error=np.array([standard_error(each.wrong) for each in readings]),
        likely=hazard * np.where(named, ALARM_WEIGHT, 1.0),
    )


def _seasons(day: Floats) -> Floats:
    """What each season adds to the share of wrong answers, shape (seasons, readings).

    Args:
        day: Of each reading, counted through the years, shape (readings,).
    """
    angle = 2 * np.pi * day / YEAR_DAYS
    waves = [np.zeros(len(day))]
    for height in AMPLITUDES:
        for phase in range(PHASES):
            waves.append(height * np.sin(angle + 2 * np.pi * phase / PHASES))
    return np.array(waves)


def _prior_of_seasons() -> Floats:
    """Log probability of each season, shape (seasons,)."""
    several = len(AMPLITUDES) * PHASES
    found: Floats = np.log(np.array([1 - SEASON, *np.full(several, SEASON / several)]))
    return found


def _seasonal(term: _Term) -> _Grid:
    """Log likelihood under every season and way; the version's own level is integrated out.

    With excess x = r·age + d·[after the step] and weights w, what is left after the best level is
    the weighted variance of y - x. It is a quadratic form in r and d, whose sums over the readings
    after each possible step are running sums.
    """
    w = 1.0 / term.error**2
    total = w.sum()
    age = term.age - (w @ term.age) / total
    free = term.wrong[None, :] - _seasons(term.day)
    wrong = free - ((free @ w) / total)[:, None]

    # Shape (seasons, rates, readings).
    left = wrong[:, None, :] - RATES[None, :, None] * age
    slow = -0.5 * (left**2 @ w)

    after = np.cumsum(w[::-1])[::-1]
    left_after = np.cumsum((w * left)[:, :, ::-1], axis=2)[:, :, ::-1]
    # Of the indicator of "after the step", less its mean.
    spread = after * (1 - after / total)
    square = 0.5 * STEPS[None, :] ** 2 * spread[:, None]
    sudden = left_after[..., None] * STEPS - square + slow[:, :, None, None]

    chance = min(float(term.likely.sum()), 0.9)
    place = term.likely / term.likely.sum() * chance
    sudden += np.log(place / len(STEPS))[:, None]
    return _Grid(slow + np.log(1 - chance), sudden)


def _weights(grid: _Grid, prior: Floats) -> Floats:
    """Probability of each rate without a sudden loss, then with one of each size, shape (ways,).

    When a sudden loss came does not matter for what is lost by now: its moments are summed up.

    Args:
        grid: Of the version.
        prior: Log prior of each season and rate, shape (seasons, rates).
    """
    slow = grid.slow + prior
    sudden = grid.sudden + prior[:, :, None, None]
    top = max(float(slow.max()), float(sudden.max()))
    by_rate = np.exp(slow - top).sum(0)
    by_size = np.exp(sudden - top).sum((0, 2))
    weight: Floats = np.concatenate([by_rate, by_size.ravel()])
    weight /= weight.sum()
    return weight


def _log_sum(values: Floats) -> Floats:
    """Logarithm of the sum of exponentials along the last axis."""
    top = values.max(axis=-1, keepdims=True)
    found: Floats = np.log(np.exp(values - top).sum(axis=-1)) + top[..., 0]
    return found


def _learned(grids: Sequence[_Grid]) -> tuple[Floats, Floats]:
    """What earlier versions say of seasons and rates.

    Returns:
        Log weight of each season, shape (seasons,), and the probability of each rate in it, shape
        (seasons, rates).
    """
    moving = len(RATES) - 1
    base = np.array([STILL, *np.full(moving, (1 - STILL) / moving)])
    season = _prior_of_seasons()
    seen = np.zeros((len(season), len(RATES)))
    for grid in grids:
        sudden = grid.sudden.reshape(*grid.slow.shape, -1)
        of_rate = np.logaddexp(grid.slow, _log_sum(sudden)) + np.log(base)
        whole = _log_sum(of_rate)
        season = season + whole
        seen += np.exp(of_rate - whole[:, None])
    rates: Floats = (PRIOR_VERSIONS * base + seen) / (PRIOR_VERSIONS + len(grids))
    return season, rates
