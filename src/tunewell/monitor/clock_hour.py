"""Clocks that were moved by one hour, as far as summer time leaves room to tell.

People keep their local hours: where summer time begins, everything comes an hour earlier by UTC.
A shift of one hour is judged only against what no zone's summer time explains, given in which state
the reference lay; while zones differ from it both ways nothing can be told.
"""

from __future__ import annotations

import datetime as dt
import functools
import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from tunewell.monitor.channel import Floats
from tunewell.monitor.clock import (
    ClockStep,
    irregularity,
    profile_of,
    share_explained,
)

SHIFTS: Final = (-1, 1)
SETTLING_DAYS: Final = 28
"""After a larger step of the clock that make the new reference."""

FEWEST_DAYS: Final = 28
"""Of a reference."""

FITS: Final = 0.35
"""Share of the change of the hours that a shift of one hour has to explain."""

SUNDAY: Final = 6


def is_summer(
    day: dt.date,
    zone: str,
) -> bool:
    """Whether summer time holds on a day.

    Args:
        day: The day.
        zone: ``europe``, ``america`` or ``south`` (south-east Australia).

    Example:
        >>> is_summer(dt.date(2024, 3, 20), "america"), is_summer(dt.date(2024, 3, 20), "europe")
        (True, False)
    """
    if zone == "europe":
        return _sunday(day.year, 3, -1) <= day < _sunday(day.year, 10, -1)
    if zone == "america":
        return _sunday(day.year, 3, 1) <= day < _sunday(day.year, 11, 0)
    return not _sunday(day.year, 4, 0) <= day < _sunday(day.year, 10, 0)


@functools.cache
def _sunday(
    year: int,
    month: int,
    number: int,
) -> dt.date:
    """A Sunday of a month, counted from 0; the last one by -1."""
    first = dt.date(year, month, 1)
    sundays = []
    for offset in range(31):
        day = first + dt.timedelta(days=offset)
        if day.month == month and day.weekday() == SUNDAY:
            sundays.append(day)
    return sundays[number]


def allowed_shifts(
    first: dt.date,
    reference: tuple[int, int],
    day: int,
) -> set[int]:
    """Shifts of the hours, beside none, that some zone's summer time explains on a day.

    Args:
        first: The first day.
        reference: First day of the reference, and the first after it, from the first day.
        day: The day that is judged, likewise.
    """
    found = {0}
    for zone in ("europe", "america", "south"):
        now = is_summer(first + dt.timedelta(days=day), zone)
        for other in (reference[0], reference[1] - 1):
            then = is_summer(first + dt.timedelta(days=other), zone)
            found.add(int(then) - int(now))
    return found


def hour_steps(
    counts: Floats,
    *,
    first: dt.date,
    start: int,
    yearly: float,
    larger: Sequence[ClockStep],
) -> list[ClockStep]:
    """Steps of one hour, oldest first.

    Args:
        counts: Records by day and hour, shape (days, 24).
        first: The first day.
        start: First day that is judged.
        yearly: Probability of any false alarm in a year.
        larger: Larger steps, which begin a new reference each.
    """
    begins = [0, *(step.since for step in larger), len(counts)]
    readies = [start, *(step.raised + SETTLING_DAYS for step in larger)]
    found: list[ClockStep] = []
    for (begin, end), ready in zip(pairwise(begins), readies, strict=True):
        if ready < end and ready - begin >= FEWEST_DAYS:
            found += _in_stretch(counts[:end], (begin, ready), first, yearly)
    return found


def _in_stretch(
    counts: Floats,
    reference: tuple[int, int],
    first: dt.date,
    yearly: float,
) -> Iterator[ClockStep]:
    """The first step of one hour after a reference."""
    before = counts[slice(*reference)]
    if before.sum() < 1:
        return
    gains = _gains(counts, reference, first)
    limit = math.log(len(SHIFTS) * 365 / yearly)
    level = np.zeros(len(SHIFTS))
    begun = np.full(len(SHIFTS), reference[1])
    for day in range(reference[1], len(counts)):
        begun = np.where(level <= 0, day, begun)
        level = np.maximum(level, 0.0) + gains[day]
        best = int(np.argmax(level))
        if level[best] < limit:
            continue
        since = int(begun[best])
        after = counts[since : day + 1].sum(0)
        fits = share_explained(before.sum(0), after, SHIFTS[best])
        if fits >= FITS:
            yield ClockStep(
                raised=day,
                since=since,
                earliest=max(since - 1, reference[1]),
                latest=day,
                hours=SHIFTS[best],
                least=SHIFTS[best],
                most=SHIFTS[best],
                p_value=min(1.0, len(SHIFTS) * 365 * math.exp(-float(level[best]))),
                fits=fits,
                before=before.sum(0),
                after=after,
            )
            return


def _gains(
    counts: Floats,
    reference: tuple[int, int],
    first: dt.date,
) -> Floats:
    """Log-likelihood of each day's hours under each shift less that of what is allowed."""
    before = counts[slice(*reference)]
    profile = profile_of(before)
    log = np.log(profile)
    fit = {shift: counts @ np.roll(log, shift) for shift in (-1, 0, 1)}
    gains = np.full((len(counts), len(SHIFTS)), -np.inf)
    for day in range(reference[1], len(counts)):
        allowed = allowed_shifts(first, reference, day)
        best = max(fit[shift][day] for shift in allowed)
        for place, shift in enumerate(SHIFTS):
            gains[day, place] = 0.0 if shift in allowed else fit[shift][day] - best
    out: Floats = gains / irregularity(before, profile)
    return out
