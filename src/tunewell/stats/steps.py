"""Steps in counts, shares and means over time, held against what went just before.

Windows of several lengths end with every period. What a window holds is compared with the weeks
before it, with the season taken out, in standard errors that know how irregular the series was
while nothing happened. The threshold is what the largest of all these figures exceeds in at most a
given share of quiet years, by simulation in which each quiet year is fitted anew: what a reference
does not know is in the threshold.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tunewell.stats.inputs import (
    Bools,
    Floats,
    Ints,
    share,
)

StepKind = Literal["count", "share", "mean"]

GROWN = 28.0
"""Longest window up to which irregularity is taken to grow."""
SEASON_SWING = 0.06
"""Share by which counts swing within a year, in the mean square."""
SEASON_PRIOR = 4.0
"""As if so many records had come at each place of the season as at the others: a prior of mean 1
and a standard deviation of a half."""
LEAST_SEASON = 0.05
USUAL_GROWTH = 0.15
KEPT_GROWTH = 0.4
"""What irregularity usually grows by, and how much of another growth is believed at once."""
LEAST_IRREGULAR = 1.25
LEAST_GROWTH = 0.3
"""What a simulated quiet year has at least: a reference may look more regular than it is."""
TRIM = 0.02
"""Share of the largest surprises of a reference that say nothing of its irregularity."""
LEAST_PERIODS = 28
"""Fewest observed periods of a reference."""
_KEPT = 0.873
"""Mean square of a standard normal's values without the outermost 2 %."""
PATHS = 1500
"""Simulated quiet years."""
_TINY = 1e-12


@dataclass(frozen=True)
class StepPlan:
    """How a series is looked at.

    Attributes:
        windows: Lengths of the windows, in periods.
        memory: Periods before a window that it is held against.
        young: Fewest periods that it is held against.
        long: The window from which growing irregularity is read.
        year: Periods in a year.
        places: Places in the season.
        partial: Whether a period may be observed in part; not where periods go by records, which
            are short because much comes.
    """

    windows: tuple[int, ...] = (1, 2, 3, 4, 5, 7, 14, 28)
    memory: int = 56
    young: int = 7
    long: int = 7
    year: int = 365
    places: int = 7
    partial: bool = True


DAYS = StepPlan()
HOURS = StepPlan(windows=(1, 2, 4, 8, 24), memory=168, young=24, long=24, year=24 * 365, places=24)


@dataclass(frozen=True)
class QuietModel:
    """How a series behaves while nothing happens.

    Attributes:
        kind: Of the series.
        season: What each place in the season multiplies (adds to, for a mean), shape (places,).
        spread: Variance of one value of a mean; 1 for others.
        irregular: Variance of a single period's surprise over that of independent records.
        growth: A window of w periods is ``irregular × w ** growth`` as variable.
        periods: Of the reference that it was fitted to.
        expected: Records that count in a typical period.
        year: Periods in a year.
        seen_growth: The growth that the reference shows, of which ``growth`` is a cautious reading.
    """

    kind: StepKind
    season: Floats
    spread: float
    irregular: float
    growth: float
    periods: int
    expected: float
    seen_growth: float = 0.0
    year: int = 365

    def inflation(
        self,
        window: Ints | Floats | float,
    ) -> Floats:
        """Variance of a window's sum over that of independent records."""
        length = np.clip(np.asarray(window, dtype=np.float64), 1.0, GROWN)
        out: Floats = self.irregular * length**self.growth
        return out


@dataclass(frozen=True)
class RunningSums:
    """Sums of a series from which any window is read off, shape (…, periods + 1) each.

    Attributes:
        total: Of what is counted or added up, less a mean's season.
        base: Of what it is held against.
    """

    total: Floats
    base: Floats


def running_sums(
    total: Floats,
    base: Floats,
) -> RunningSums:
    """Sums from the start to each period."""
    return RunningSums(total=_added(total), base=_added(base))


def _added(x: Floats) -> Floats:
    """Sums from the start, with a zero before them."""
    zero = np.zeros((*x.shape[:-1], 1))
    return np.concatenate([zero, np.cumsum(x, axis=-1)], axis=-1)


@dataclass(frozen=True)
class Surprises:
    """Windows against what went before them.

    Attributes:
        seen: Sum of each window.
        expected: What the periods before it make expected.
        root: Signed root of the deviance, as for independent records.
        leverage: Variance of what is expected over the window's own.
        reference: Periods behind each expectation.
    """

    seen: Floats
    expected: Floats
    root: Floats
    leverage: Floats
    reference: Ints

    def standardised(
        self,
        model: QuietModel,
        window: int,
    ) -> Floats:
        """In standard errors of a quiet series."""
        own = model.inflation(window)
        of_forecast = model.inflation(self.reference) * self.leverage
        drift: Floats = np.zeros(1)
        if model.kind == "count":
            drift = self.expected * season_drift(window, self.reference, model.year) ** 2
        out: Floats = self.root / np.sqrt(own + of_forecast + drift)
        return out


def season_drift(
    window: int,
    reference: Ints,
    year: int,
) -> Floats:
    """By what share the season of a year, unknown as yet, may move a count from its reference."""
    lag = (window + np.asarray(reference, dtype=np.float64)) / 2
    out: Floats = SEASON_SWING * 2 * math.pi * lag / year

    return out


def surprises(
    sums: RunningSums,
    ends: Ints,
    window: int,
    *,
    kind: StepKind,
    plan: StepPlan = DAYS,
    spread: float = 1.0,
    since: int = 0,
) -> Surprises:
    """The windows that end with the given periods; 0 where the periods before are too few.

    Args:
        sums: Of the series.
        ends: Last period of each window, shape (windows,).
        window: Periods in a window.
        kind: Of the series.
        plan: How it is looked at.
        spread: Variance of one value of a mean.
        since: First period that counts among those before.
    """
    stop = ends + 1
    begin = np.maximum(stop - window, 0)
    first = np.minimum(np.maximum(begin - plan.memory, since), begin)
    reference = begin - first

    known = sums.base[..., begin] - sums.base[..., first]
    level = (sums.total[..., begin] - sums.total[..., first]) / np.maximum(known, _TINY)
    base = sums.base[..., stop] - sums.base[..., begin]
    seen = sums.total[..., stop] - sums.total[..., begin]
    expected = level * base

    # A window that was observed for less than a third says nothing.
    usual = known / np.maximum(reference, 1)
    blank = (reference < plan.young) | (known <= 0) | (base <= 0)
    if plan.partial:
        blank = blank | (base <= 0.3 * usual * window)
    root = np.where(blank, 0.0, signed_root(seen, expected, base, kind=kind, spread=spread))
    leverage = base / np.maximum(known, _TINY)

    return Surprises(seen, expected, root, np.where(blank, 0.0, leverage), reference)


def signed_root(
    seen: Floats,
    expected: Floats,
    base: Floats,
    *,
    kind: StepKind,
    spread: float = 1.0,
) -> Floats:
    """Signed root of the deviance of sums from what was expected of them.

    Source:
        McCullagh & Nelder 1989, Generalized Linear Models, table 2.1.
    """
    apart = seen - expected
    if kind == "mean":
        out: Floats = apart / np.sqrt(np.maximum(base * spread, _TINY))
        return out
    e = np.maximum(expected, 1e-9)
    x = np.maximum(seen, 0.0)
    half = x * np.log(np.maximum(x, _TINY) / e)
    if kind == "share":
        left = np.maximum(base - x, 0.0)
        room = np.maximum(base - e, 1e-9)
        half = half + left * np.log(np.maximum(left, _TINY) / room)
    else:
        half = half - (x - e)
    signed: Floats = np.sign(apart) * np.sqrt(2 * np.maximum(half, 0.0))

    return signed


def season_of(
    total: Floats,
    base: Floats,
    places: Ints,
    kind: StepKind,
    count: int,
) -> Floats:
    """What each place in the season multiplies or adds, shape (…, count)."""
    level = total.sum(-1) / np.maximum(base.sum(-1), _TINY)
    found = np.empty((*total.shape[:-1], count))
    for place in range(count):
        here = places == place
        records = base[..., here].sum(-1)
        if kind == "mean":
            figure = total[..., here].sum(-1) / np.maximum(records, _TINY)
            found[..., place] = np.where(records > 0, figure - level, 0.0)
        else:
            # Few of a kind say little of a weekday: none on eight Saturdays is no proof of none.
            seen = total[..., here].sum(-1)
            ratio = (seen + SEASON_PRIOR) / (level * records + SEASON_PRIOR)
            found[..., place] = np.maximum(ratio, LEAST_SEASON)

    return found


def without_season(
    total: Floats,
    base: Floats,
    places: Ints,
    season: Floats,
    kind: StepKind,
) -> tuple[Floats, Floats]:
    """Totals and bases with the season taken out of a mean, put into the base of a count.

    A share keeps its denominators: its season goes out of the numerator.
    """
    at = season[..., places]
    if kind == "mean":
        return total - base * at, np.broadcast_to(base, total.shape)
    if kind == "share":
        return np.minimum(total / at, base), np.broadcast_to(base, total.shape)

    return total, base * at


def fit_quiet(
    total: Floats,
    base: Floats,
    places: Ints,
    *,
    kind: StepKind,
    plan: StepPlan = DAYS,
    spread: float = 1.0,
) -> QuietModel:
    """How a series behaves while nothing happens.

    Args:
        total: Sums of each period of the reference, shape (periods,).
        base: What they are held against, 0 where nothing was observed, shape (periods,).
        places: Place of each period in the season, shape (periods,).
        kind: Of the series.
        plan: How it is looked at.
        spread: Variance of one value of a mean.

    Raises:
        ValueError: Fewer than 28 periods were observed.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> days = rng.poisson(50, size=112).astype(float)
        >>> m = fit_quiet(days, np.ones(112), np.arange(112) % 7, kind="count")
        >>> m.irregular < 1.5, 4 < step_threshold(m, yearly=0.05) < 5
        (True, True)
    """
    observed = int((base > 0).sum())
    if observed < LEAST_PERIODS:
        raise ValueError(
            f"a reference needs {LEAST_PERIODS} observed periods or more. Got {observed}."
        )
    season, irregular, seen = _fit(total[None], base[None], places, kind, plan, spread)
    level = float(total.sum() / max(base.sum(), _TINY))
    typical = float(np.median(base[base > 0]))

    return QuietModel(
        kind=kind,
        season=season[0],
        spread=spread,
        irregular=float(irregular[0]),
        growth=float(drawn_in(seen)[0]),
        seen_growth=float(seen[0]),
        year=plan.year,
        periods=int(total.size),
        expected=typical if kind == "mean" else max(level * typical, 0.0),
    )


def _fit(
    total: Floats,
    base: Floats,
    places: Ints,
    kind: StepKind,
    plan: StepPlan,
    spread: float,
) -> tuple[Floats, Floats, Floats]:
    """Season, irregularity and growth of each row of a table of references."""
    season = season_of(total, base, places, kind, plan.places)
    clean, exposure = without_season(total, base, places, season, kind)
    sums = running_sums(clean, exposure)
    periods = total.shape[-1]

    found: list[Floats] = []
    for window in (1, plan.long):
        ends = np.arange(plan.young + window, periods)
        each = surprises(sums, ends, window, kind=kind, plan=plan, spread=spread)
        found.append(_mean_square(each))
    single = np.maximum(found[0], 1.0)
    several = np.maximum(found[1], single)
    growth = np.minimum(np.log(several / single) / math.log(plan.long), 1.0)

    return season, single, growth


def drawn_in(growth: Floats) -> Floats:
    """Growths as they are reckoned with: what few weeks show of it is drawn in to what is usual.

    The threshold is simulated with the growth that was seen; only its noise is kept out of the
    standard errors.
    """
    out: Floats = USUAL_GROWTH + KEPT_GROWTH * (growth - USUAL_GROWTH)

    return out


def _mean_square(each: Surprises) -> Floats:
    """Mean square of surprises, the largest few left out, shape (…)."""
    squares = each.root**2 / (1 + each.leverage)
    judged: Bools = each.leverage > 0
    some = np.maximum(judged.sum(-1), 1)
    keep = max(int(squares.shape[-1] * (1 - TRIM)), 1)
    kept = np.partition(squares, keep - 1, axis=-1)[..., :keep]
    blanks = squares.shape[-1] - some
    out: Floats = kept.sum(-1) / np.maximum(keep - blanks, 1) / _KEPT

    return out


@dataclass(frozen=True)
class _Null:
    """What the threshold depends on, rounded so that like series share a simulation."""

    normal: bool
    expected: float
    irregular: float
    growth: float
    periods: int
    plan: StepPlan


@dataclass(frozen=True)
class QuietYears:
    """Quiet years that a threshold is read from.

    Attributes:
        null: What they are like.
        paths: How many.
    """

    null: _Null
    paths: int

    @property
    def name(self) -> str:
        """Under which they are remembered."""
        return f"{self.paths} {self.null}"

    def simulate(self) -> Floats:
        """Their largest surprises, shape (paths or more,): the same in every process."""
        return _simulated(self.null, self.paths)


def quiet_years(
    model: QuietModel,
    *,
    plan: StepPlan = DAYS,
    paths: int = PATHS,
) -> QuietYears:
    """The quiet years of a series' threshold, rounded so that like series share them.

    Args:
        model: Of the quiet series.
        plan: How it is looked at.
        paths: Simulated years.
    """
    # Periods that go by records have no season: seven of them stand for a week.
    a_week = 7 * plan.places if plan.places != DAYS.places else plan.places
    whole = 4 * a_week
    null = _Null(
        normal=model.kind == "mean" or model.expected > 400,
        expected=_rounded(min(max(model.expected, 0.25), 400.0), 2.0),
        irregular=_rounded(min(max(model.irregular, LEAST_IRREGULAR), 64.0), 1.25),
        growth=round(min(max(model.seen_growth, LEAST_GROWTH), 1.0) * 10) / 10,
        periods=min(max(model.periods // whole, 1) * whole, 6 * whole),
        plan=plan,
    )
    return QuietYears(null, max(paths * 365 // plan.year, 200))


class YearlyMaximum:
    """How large the largest surprise of a quiet year is.

    Args:
        model: Of the quiet series.
        plan: How it is looked at.
        paths: Simulated years.
    """

    def __init__(
        self,
        model: QuietModel,
        *,
        plan: StepPlan = DAYS,
        paths: int = PATHS,
    ) -> None:
        years = quiet_years(model, plan=plan, paths=paths)
        self._largest = _largest(years.null, years.paths)

    def threshold(
        self,
        yearly: float,
    ) -> float:
        """What is exceeded in at most a share ``yearly`` of quiet years."""
        share(yearly, "yearly")
        start, excess, top = self._tail()
        if yearly >= top:
            return float(np.quantile(self._largest, 1 - yearly))
        return math.sqrt(2 * (start + excess * math.log(top / yearly)))

    def p_value(
        self,
        surprise: float,
    ) -> float:
        """Share of quiet years with so large a surprise or a larger one."""
        start, excess, top = self._tail()
        half = surprise**2 / 2
        if half >= start:
            return top * math.exp(-(half - start) / excess)
        return float((self._largest >= abs(surprise)).mean())

    def _tail(self) -> tuple[float, float, float]:
        """Where the exponential tail of half the squares begins, its mean, its share.

        The squares of maxima of near-normal figures have an exponential tail (Pickands 1975, shape
        0). One standard error of its mean is kept back.
        """
        top = 0.1
        halves = np.sort(self._largest**2 / 2)
        count = int(top * halves.size)
        start = float(halves[-count - 1])
        excess = float((halves[-count:] - start).mean()) * (1 + 1 / math.sqrt(count))

        return start, excess, top


def step_threshold(
    model: QuietModel,
    *,
    yearly: float,
    plan: StepPlan = DAYS,
) -> float:
    """What the largest surprise exceeds in at most a share ``yearly`` of quiet years."""
    return YearlyMaximum(model, plan=plan).threshold(yearly)


def _rounded(
    x: float,
    ratio: float,
) -> float:
    """The nearest power of a ratio."""
    return float(ratio ** round(math.log(x) / math.log(ratio)))


_REMEMBERED: dict[str, Floats] = {}
"""Largest surprises that were simulated before, by what they depend on."""


def remembered_years() -> dict[str, Floats]:
    """The simulated quiet years of this process, to be kept for another: they are always the same.

    Returns:
        Largest surprises by what they depend on, shape (paths,) each.
    """
    return dict(_REMEMBERED)


def remember_years(
    years: Mapping[str, Floats],
) -> None:
    """Take simulated quiet years of an earlier process as they are.

    Args:
        years: As `remembered_years` gave them.
    """
    _REMEMBERED.update(years)


@functools.lru_cache(maxsize=512)
def _largest(
    null: _Null,
    paths: int,
) -> Floats:
    """Largest surprise of each simulated quiet year, shape (paths,)."""
    years = QuietYears(null, paths)
    if years.name not in _REMEMBERED:
        _REMEMBERED[years.name] = years.simulate()
    return _REMEMBERED[years.name]


def _simulated(
    null: _Null,
    paths: int,
) -> Floats:
    """The same, simulated."""
    rng = np.random.default_rng(17)
    chunk = max(min(500, 500 * 365 // null.plan.year), 20)
    parts = [_largest_of(null, chunk, rng) for _ in range(math.ceil(paths / chunk))]
    return np.concatenate(parts)


def _largest_of(
    null: _Null,
    paths: int,
    rng: np.random.Generator,
) -> Floats:
    """Largest surprises of simulated quiet years."""
    plan = null.plan
    periods = null.periods + plan.year
    kind: StepKind = "mean" if null.normal else "count"
    total = quiet_series(
        rng,
        (paths, periods),
        expected=null.expected,
        irregular=null.irregular,
        growth=null.growth,
        normal=null.normal,
        long=plan.long,
    )
    base = np.ones((1, periods))
    places = np.arange(periods) % plan.places

    return yearly_maxima(total, base, places, kind=kind, reference=null.periods, plan=plan).largest


@dataclass(frozen=True)
class Maxima:
    """The largest surprises of many series, each fitted by itself.

    Attributes:
        irregular: As fitted to each reference, shape (series,).
        growth: As fitted to each reference, shape (series,).
        level: Records a period in each reference, shape (series,).
        largest: Largest surprise after the reference, shape (series,).
    """

    irregular: Floats
    growth: Floats
    level: Floats
    largest: Floats


def yearly_maxima(
    total: Floats,
    base: Floats,
    places: Ints,
    *,
    kind: StepKind,
    reference: int,
    plan: StepPlan = DAYS,
    season_swings: bool = False,
) -> Maxima:
    """The largest surprise of each row of a table of series.

    Args:
        total: Sums of each period, shape (series, periods).
        base: What they are held against, shape (series, periods) or (1, periods).
        places: Place of each period in the season, shape (periods,).
        kind: Of the series.
        reference: Periods that each is fitted to.
        plan: How they are looked at.
        season_swings: Whether counts are allowed the season of a year, as real ones are; simulated
            quiet years have none.
    """
    before = slice(0, reference)
    season, irregular, seen = _fit(
        total[:, before],
        base[:, before],
        places[before],
        kind,
        plan,
        1.0,
    )
    growth = drawn_in(seen)
    clean, exposure = without_season(total, base, places, season, kind)
    sums = running_sums(clean, exposure)
    ends = np.arange(reference, total.shape[1])

    largest = np.zeros(len(total))
    for window in plan.windows:
        each = surprises(sums, ends, window, kind=kind, plan=plan)
        own = irregular * min(float(window), GROWN) ** growth
        behind = np.clip(each.reference, 1.0, GROWN)
        of_forecast = irregular[:, None] * behind[None] ** growth[:, None] * each.leverage
        variance = own[:, None] + of_forecast
        if season_swings and kind == "count":
            drift = season_drift(window, each.reference, plan.year)
            variance = variance + each.expected * drift**2
        z = each.root / np.sqrt(variance)
        largest = np.maximum(largest, np.abs(z).max(-1))
    level = total[:, before].sum(-1) / np.maximum(base[:, before].sum(-1), _TINY)

    return Maxima(irregular, seen, level, largest)


def quiet_series(
    rng: np.random.Generator,
    shape: tuple[int, int],
    *,
    expected: float,
    irregular: float,
    growth: float,
    normal: bool = False,
    long: int = 7,
) -> Floats:
    """Series in which nothing happens, with the given irregularity and its growth.

    A hidden level with memory is what makes windows more variable than independent records.
    """
    own, memory = _hidden(irregular, growth, long)
    hidden = rng.normal(size=shape)
    keep = math.sqrt(1 - memory**2)
    for t in range(1, shape[1]):
        hidden[:, t] = memory * hidden[:, t - 1] + keep * hidden[:, t]
    if normal:
        out: Floats = rng.normal(size=shape) + math.sqrt(own) * hidden
        return out
    tau = math.sqrt(math.log1p(own / expected))
    rate = expected * np.exp(tau * hidden - tau**2 / 2)

    return rng.poisson(rate).astype(np.float64)


def _hidden(
    irregular: float,
    growth: float,
    long: int,
) -> tuple[float, float]:
    """Variance of the hidden level over that of the records, and its memory."""
    wanted = irregular * float(long) ** growth - 1
    own = max(irregular - 1, wanted / (0.93 * long))
    if own <= 1e-6:
        return 0.0, 0.0
    target = wanted / own
    low, high = 0.0, 0.995
    for _ in range(40):
        middle = (low + high) / 2
        if _gathered(middle, long) < target:
            low = middle
        else:
            high = middle

    return own, low


def _gathered(
    memory: float,
    long: int,
) -> float:
    """Variance of a sum of values with memory over that of as many independent ones."""
    k = np.arange(1, long)
    return float(1 + 2 * ((1 - k / long) * memory**k).sum())
