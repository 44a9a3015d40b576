"""Days and hours of records, the weeks' shape, and days on which fewer people ask anyway."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunewell.monitor.channel import DAY_S, Floats
from tunewell.monitor.records import Ints
from tunewell.stats.steps import (
    DAYS,
    HOURS,
    StepPlan,
)

HOUR_S = 3_600
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
FEWEST_DAYS = 100
"""Shorter streams are watched by the hour."""
FEWEST_HOURS = 150
FIRST_WEEKS = 16
"""Of the first reference."""
WEEK_HOURS = 168
HOUR_PRIOR = 4.0
"""As if so many records more had come in every hour of the week."""
YEAR_STEP = 1.25
LEAST_YEAR = 100
"""Periods that a year has at least where they go by records."""


@dataclass(frozen=True)
class Grid:
    """The periods into which a stream is cut.

    Attributes:
        start_s: Start of the first, seconds since 1970.
        period_s: Length of each; on average where they go by records.
        periods: How many, the last of them complete.
        plan: How series on it are looked at.
        edges: Where they go by records: the start of each and the end of the last, seconds since
            1970, shape (periods + 1,).
        lengths: Then the length of each in usual days, shape (periods,): an hour counts for as much
            as that hour of the week usually brings.
    """

    start_s: int
    period_s: int
    periods: int
    plan: StepPlan
    edges: Ints | None = None
    lengths: Floats | None = None

    @property
    def first(self) -> dt.datetime:
        """Start of the first period, UTC."""
        return EPOCH + dt.timedelta(seconds=self.start_s)

    def at(self, period: int) -> dt.datetime:
        """Start of a period, UTC."""
        return EPOCH + dt.timedelta(seconds=self.second_of(period))

    def second_of(self, period: int) -> int:
        """Start of a period, seconds since 1970."""
        if self.edges is None:
            return self.start_s + period * self.period_s
        return int(self.edges[min(period, self.periods)])

    @property
    def end_s(self) -> int:
        """End of the last period, seconds since 1970."""
        return self.second_of(self.periods)

    @property
    def by_day(self) -> bool:
        """Whether the periods are days."""
        return self.edges is None and self.period_s == DAY_S

    @property
    def unit(self) -> str:
        """What its periods are."""
        if self.edges is not None:
            return "windows"
        return "days" if self.by_day else "hours"

    def exposure(self) -> Floats:
        """What a count of each period is held against, shape (periods,)."""
        return np.ones(self.periods) if self.lengths is None else self.lengths

    def of(self, seconds: Ints) -> Ints:
        """The period of each moment; below 0 or beyond the last where it is outside."""
        if self.edges is not None:
            found: Ints = np.searchsorted(self.edges, seconds, side="right") - 1
            return found
        out: Ints = (seconds - self.start_s) // self.period_s
        return out

    def number_of(self, moment: dt.datetime) -> int:
        """The period that holds a moment."""
        if self.edges is not None:
            return int(np.searchsorted(self.edges, moment.timestamp(), side="right")) - 1
        return int((moment.timestamp() - self.start_s) // self.period_s)

    def places(self) -> Ints:
        """Place of each period in the week (days) or in the day (hours), shape (periods,)."""
        if self.edges is not None:
            return np.zeros(self.periods, dtype=np.int64)
        at = self.start_s + self.period_s * np.arange(self.periods, dtype=np.int64)
        if self.period_s == DAY_S:
            # 1 January 1970 was a Thursday: Monday is 0.
            days: Ints = (at // DAY_S + 3) % 7
            return days
        hours: Ints = (at // HOUR_S) % 24

        return hours

    def holidays(self) -> NDArray[np.bool_]:
        """Periods on which fewer people ask anyway, shape (periods,)."""
        if self.edges is not None:
            return np.zeros(self.periods, dtype=np.bool_)
        free = {day for year in self._years() for day in holidays(year)}
        starts = (self.at(i).date() for i in range(self.periods))
        return np.array([day in free for day in starts], dtype=np.bool_)

    def _years(self) -> range:
        """Years that the periods are in."""
        return range(self.first.year, self.at(self.periods).year + 1)


def grid_of(first_s: int, last_s: int) -> Grid:
    """Whole periods from the first record to the last moment that is complete.

    By days, or by hours where there are fewer than a hundred days.
    """
    days = (last_s - first_s) / DAY_S
    period = DAY_S if days >= FEWEST_DAYS else HOUR_S
    start = first_s // period * period
    whole = max((last_s - start) // period, 0)

    return Grid(start, period, int(whole), DAYS if period == DAY_S else HOURS)


def grid_by_records(seconds: Ints, every: int) -> Grid:
    """Periods of so many records each, whenever they came.

    A year is as many of them as came in one at the reference's rate, by which thresholds are set.

    Args:
        seconds: Times of the records, ascending.
        every: Records in a period; those of one second stay together.

    Raises:
        ValueError: There would be more than 8,760 periods a year.
    """
    starts = seconds[::every][: max(seconds.size // every, 1)]
    end = int(seconds[seconds.size // every * every]) if seconds.size % every else None
    last = int(seconds[-1]) + 1 if end is None else end
    edges = np.unique(np.append(starts, last))
    periods = edges.size - 1
    known = min(FIRST_WEEKS * 7 * DAY_S, max(last - int(edges[0]), 1))
    before = max(int(np.searchsorted(edges, edges[0] + known)), 1)
    year = math.ceil(before * 365 * DAY_S / known)
    if year > HOURS.year:
        least = math.ceil(every * year / HOURS.year)
        raise ValueError(
            f"{every} records in a window make {year:,} windows a year; {HOURS.year:,} are the "
            f"most, so {least} records or more"
        )
    # Rounded up, so that streams of about one size share their simulated years.
    steps = math.ceil(math.log(max(year, LEAST_YEAR)) / math.log(YEAR_STEP))
    plan = StepPlan(year=math.ceil(YEAR_STEP**steps), places=1, partial=False)
    mean_s = max((last - int(edges[0])) // max(periods, 1), 1)
    lengths = usual_days(edges, seconds[seconds < edges[0] + known])
    return Grid(int(edges[0]), mean_s, periods, plan, edges, lengths)


def usual_days(edges: Ints, known: Ints) -> Floats:
    """Time between neighbouring moments in usual days, shape (moments - 1,).

    Args:
        edges: The moments, ascending, shape (moments,).
        known: Times of the records that say what each hour of the week usually brings.
    """
    brought = np.bincount(known // HOUR_S % WEEK_HOURS, minlength=WEEK_HOURS).astype(np.float64)
    # Few records of an hour are drawn in to what any hour brings.
    brought += HOUR_PRIOR
    share = brought / brought.sum() * 7
    first = int(edges[0]) // HOUR_S
    hours = np.arange(first, int(edges[-1]) // HOUR_S + 2)
    until = np.concatenate([[0.0], np.cumsum(share[hours % WEEK_HOURS])])
    place = edges // HOUR_S - first
    part = edges % HOUR_S / HOUR_S
    at = until[place] + part * (until[place + 1] - until[place])
    out: Floats = np.maximum(np.diff(at), 1e-9)
    return out


def holidays(year: int) -> list[dt.date]:
    """22 December to 2 January, and Good Friday to Easter Monday."""
    days = [dt.date(year, 12, day) for day in range(22, 32)]
    days += [dt.date(year, 1, 1), dt.date(year, 1, 2)]
    easter = easter_of(year)
    days += [easter + dt.timedelta(days=apart) for apart in (-2, -1, 0, 1)]
    return days


def easter_of(year: int) -> dt.date:
    """Easter Sunday.

    Source:
        Meeus 1991, Astronomical Algorithms, chapter 8.

    Example:
        >>> easter_of(2023), easter_of(2024)
        (datetime.date(2023, 4, 9), datetime.date(2024, 3, 31))
    """
    golden = year % 19
    century, of_century = divmod(year, 100)
    leaps, rest = divmod(century, 4)
    moon = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - leaps - moon + 15) % 30
    quarter, left = divmod(of_century, 4)
    weekday = (32 + 2 * rest + 2 * quarter - epact - left) % 7
    shift = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * shift + 114, 31)

    return dt.date(year, month, day + 1)
