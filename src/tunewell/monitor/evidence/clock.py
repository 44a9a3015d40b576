"""Whether the clock of the records was shifted: their day looks the same, some hours later."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from tunewell.monitor.channel import Floats
from tunewell.monitor.evidence.base import DAY_S, TimeWindow
from tunewell.monitor.records import DatedRecords

SLOTS: Final = 48
"""Half hours of a day: some zones are half an hour off."""

FEWEST: Final = 60
"""Records after the change, below which nothing is said."""

LEAST_HOURS: Final = 2.0
"""A smaller shift may be the summer time of those who ask."""

ALIKE_HOURS: Final = 2.5
"""Hours by which the shift of a slice, which has fewer records, may look otherwise."""

MOST_SLICES: Final = 12
"""Values of a field that are looked at."""

AGREEING: Final = 0.75
"""Share of the slices that have to be shifted likewise: a clock shifts everybody's day."""


@dataclass(frozen=True)
class ClockShift:
    """How far the day was shifted.

    Attributes:
        hours: Later (positive) or earlier.
        gain: Log-likelihood beside no shift, for the usual variation of days.
        misfit: How far the shifted day is from the usual one, 1 for what is usual.
    """

    hours: float
    gain: float
    misfit: float


def clock_shift(before: Floats, after: Floats) -> ClockShift | None:
    """By how much the hours of the day after a change are shifted.

    Args:
        before: Times before it, seconds, shape (n,).
        after: Times after it, shape (m,).

    Returns:
        The shift that fits best; None with too few records.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> usual = np.arange(60).repeat(40) * 86400 + rng.normal(12, 3, 2400) * 3600
        >>> later = 60 * 86400 + np.arange(20).repeat(40) * 86400 + rng.normal(19, 3, 800) * 3600
        >>> clock_shift(usual, later).hours
        7.0
    """
    if len(before) < 2 * FEWEST or len(after) < FEWEST:
        return None
    by_day = _profiles(before)
    counts = _profile(after)
    usual = _smooth(by_day.sum(0))
    share = usual / usual.sum()

    fits = np.array([(counts * np.log(np.roll(share, step))).sum() for step in range(SLOTS)])
    best = int(np.argmax(fits))
    variation = _variation(by_day, share)
    expected = np.roll(share, best) * counts.sum()
    misfit = _misfit(counts, expected) / variation
    steps = best if best <= SLOTS // 2 else best - SLOTS
    return ClockShift(
        hours=steps * 24 / SLOTS,
        gain=float(fits[best] - fits[0]) / variation,
        misfit=misfit,
    )


def shift_everywhere(records: DatedRecords, window: TimeWindow) -> float | None:
    """By how many hours the day of all records was shifted; None unless all large slices show it.

    New people from another zone shift the day as well, but not that of everybody else.

    Args:
        records: A stream.
        window: When the shift was.
    """
    before = window.before(records)
    after = window.after(records)
    seconds = records.seconds.astype(np.float64)
    whole = clock_shift(seconds[before], seconds[after])
    if whole is None or abs(whole.hours) < LEAST_HOURS:
        return None
    agree = 0
    asked = 0
    for field in records.categories.values():
        codes_before = field.codes[before]
        codes_after = field.codes[after]
        for code in range(min(len(field.values), MOST_SLICES)):
            times = seconds[before][codes_before == code]
            later = seconds[after][codes_after == code]
            shift = clock_shift(times, later)
            if shift is not None and len(times) >= 4 * FEWEST:
                asked += 1
                agree += abs(_around_the_clock(shift.hours - whole.hours)) <= ALIKE_HOURS
    everywhere = asked == 0 or agree >= AGREEING * asked
    return whole.hours if everywhere else None


def _around_the_clock(hours: float) -> float:
    return (hours + 12) % 24 - 12


def _profile(times: Floats) -> Floats:
    """Records by half hour of the day, shape (SLOTS,)."""
    slot = (np.asarray(times) % DAY_S) * SLOTS // DAY_S
    return np.bincount(slot.astype(np.int64), minlength=SLOTS).astype(np.float64)


def _profiles(times: Floats) -> Floats:
    """The same by week, shape (weeks, SLOTS)."""
    week = ((times - times[0]) // (7 * DAY_S)).astype(np.int64)
    return np.stack([_profile(times[week == w]) for w in np.unique(week)])


def _smooth(counts: Floats) -> Floats:
    """Each slot with its neighbours, and a half record for what was never seen."""
    around = counts + 0.5 * (np.roll(counts, 1) + np.roll(counts, -1))
    smooth: Floats = around / 2 + 0.5
    return smooth


def _variation(by_week: Floats, share: Floats) -> float:
    """How many times as much the weeks' profiles vary as draws from one profile do; 1 or more."""
    if len(by_week) < 3:
        return 1.5
    found = [_misfit(week, share * week.sum()) for week in by_week if week.sum() > SLOTS / 2]
    return max(1.0, float(np.median(found))) if found else 1.5


def _misfit(counts: Floats, expected: Floats) -> float:
    """Chi-square of counts per degree of freedom, thin slots taken together."""
    seen = counts.reshape(-1, 4).sum(1)
    due = np.maximum(expected.reshape(-1, 4).sum(1), 1e-9)
    chi = float(((seen - due) ** 2 / np.maximum(due, 1.0)).sum())
    return chi / max(len(seen) - 1, 1) if math.isfinite(chi) else math.inf
