"""Days and hours of records, the weeks' shape, and days on which fewer people ask anyway."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunewell.monitor.channel import DAY_S
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


@dataclass(frozen=True)
class Grid:
    """The periods into which a stream is cut.

    Attributes:
        start_s: Start of the first, seconds since 1970.
        period_s: Length of each.
        periods: How many, the last of them complete.
        plan: How series on it are looked at.
    """

    start_s: int
    period_s: int
    periods: int
    plan: StepPlan

    @property
    def first(self) -> dt.datetime:
        """Start of the first period, UTC."""
        return EPOCH + dt.timedelta(seconds=self.start_s)

    def at(self, period: int) -> dt.datetime:
        """Start of a period, UTC."""
        return self.first + dt.timedelta(seconds=period * self.period_s)

    def of(self, seconds: Ints) -> Ints:
        """The period of each moment; below 0 or beyond the last where it is outside."""
        out: Ints = (seconds - self.start_s) // self.period_s
        return out

    def number_of(self, moment: dt.datetime) -> int:
        """The period that holds a moment."""
        return int((moment.timestamp() - self.start_s) // self.period_s)

    def places(self) -> Ints:
        """Place of each period in the week (days) or in the day (hours), shape (periods,)."""
        at = self.start_s + self.period_s * np.arange(self.periods, dtype=np.int64)
        if self.period_s == DAY_S:
            # 1 January 1970 was a Thursday: Monday is 0.
            days: Ints = (at // DAY_S + 3) % 7
            return days
        hours: Ints = (at // HOUR_S) % 24

        return hours

    def holidays(self) -> NDArray[np.bool_]:
        """Periods on which fewer people ask anyway, shape (periods,)."""
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
