"""Hours of the day: whether the clock behind the time stamps was moved."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tunewell.monitor.channel import Floats
from tunewell.monitor.periods import HOUR_S
from tunewell.monitor.records import Ints

FEWEST_RECORDS = 500
"""Of a profile of the hours."""
LEAST_HOURS = 2
"""Shifts of one hour have to be told from summer time: see `tunewell.monitor.clock_hour`."""
SHIFTS = np.array([hours for hours in range(-11, 13) if abs(hours) >= LEAST_HOURS])
WITHIN = 1.92
"""Log-likelihood below the best that 95 % intervals reach down to."""
UNSURE_HOURS = 3
"""By so many hours a shift may be off that rests on its first day alone."""
MOST_IRREGULAR = 10.0


@dataclass(frozen=True)
class ClockStep:
    """The hours of the day have moved.

    Attributes:
        raised: Day at whose end it was clear, counted from the first.
        since: Most likely first day.
        earliest: Earliest one.
        latest: Latest one.
        hours: By how many the clock was put on (below 0: back), -11 to 12.
        least: Fewest hours that explain the new hours about as well.
        most: Most hours that do.
        p_value: Bound on the probability of so large a sum in a quiet year.
        fits: Share of the surprise of the new hours that the shift explains, 0 to 1.
        before: Records by hour of the day before it, shape (24,).
        after: Records by hour of the day since it, shape (24,).
    """

    raised: int
    since: int
    earliest: int
    latest: int
    hours: int
    least: int
    most: int
    p_value: float
    fits: float
    before: Floats
    after: Floats


def hours_by_day(
    seconds: Ints,
    first_s: int,
    days: int,
) -> Floats:
    """Records by day and hour, shape (days, 24)."""
    hour = (seconds - first_s) // HOUR_S
    inside = (hour >= 0) & (hour < days * 24)
    counts = np.bincount(hour[inside], minlength=days * 24)
    return counts.reshape(days, 24).astype(np.float64)


def clock_steps(
    counts: Floats,
    *,
    yearly: float,
    start: int,
) -> tuple[list[ClockStep], str]:
    """Steps of the clock, oldest first, and why there could be none found.

    The log-likelihood of each day's hours under a shifted profile less that under the profile
    itself (or shifted by an hour, as summer time does) is added up from day to day. Its exponential
    is an e-value: the sum of all beginnings exceeds 1/alpha with a probability of alpha at most,
    times the days it may begin on. Bursts of one hour make it smaller by their irregularity.

    Args:
        counts: Records by day and hour, shape (days, 24).
        yearly: Probability of any false alarm in a year.
        start: First day that is judged.

    Source:
        Shin, Ramdas & Rinaldo 2024, New England J. Statistics in Data Science 2 (e-detectors).
    """
    if counts[:start].sum() < FEWEST_RECORDS:
        return [], f"fewer than {FEWEST_RECORDS} records in the reference"
    if (counts[:start].sum(0) > 0).sum() < 6:
        return [], "the time stamps hold no hours"
    found: list[ClockStep] = []
    reference = (0, start)
    day = start
    while day < len(counts):
        step = _first_step(counts, reference, day, yearly)
        if step is None:
            break
        found.append(step)
        rest = counts[step.since : step.raised + 1].sum()
        day = step.raised + 1
        while day < len(counts) and rest < FEWEST_RECORDS:
            rest += counts[day].sum()
            day += 1
        reference = (step.since, day)

    return found, ""


def profile_of(counts: Floats) -> Floats:
    """Share of the records in each hour, smoothed so that none is empty, shape (24,)."""
    total = counts.sum(0)
    around = 0.25 * np.roll(total, 1) + 0.5 * total + 0.25 * np.roll(total, -1)
    even = total.sum() / 24
    raised = around + 0.02 * even + 0.5
    out: Floats = raised / raised.sum()

    return out


def _first_step(
    counts: Floats,
    reference: tuple[int, int],
    start: int,
    yearly: float,
) -> ClockStep | None:
    """The first step after a day, held against one profile; None where there is none."""
    before = counts[slice(*reference)]
    profile = profile_of(before)
    log = np.log(profile)
    shifted = np.stack([np.roll(log, k) for k in SHIFTS], axis=1)
    still = np.stack([np.roll(log, k) for k in (-1, 0, 1)], axis=1)
    irregular = irregularity(before, profile)

    gain = (counts @ shifted - (counts @ still).max(1, keepdims=True)) / irregular
    limit = math.log(SHIFTS.size * 365 / yearly)
    level = np.zeros(SHIFTS.size)
    begun = np.full(SHIFTS.size, start)
    for day in range(start, len(counts)):
        begun = np.where(level <= 0, day, begun)
        level = np.maximum(level, 0.0) + gain[day]
        best = int(np.argmax(level))
        if level[best] >= limit:
            p = min(1.0, SHIFTS.size * 365 * math.exp(-float(level[best])))
            return _step(counts, reference, day, gain, best, p)

    return None


def _step(
    counts: Floats,
    reference: tuple[int, int],
    raised: int,
    gain: Floats,
    best: int,
    p: float,
) -> ClockStep:
    """What is known of a step on the day on which it is clear."""
    first = max(raised - 60, reference[1] - 14, 0)
    tail = gain[first : raised + 1, best][::-1].cumsum()[::-1]
    begun = int(np.argmax(tail))
    near = np.flatnonzero(tail >= tail[begun] - WITHIN)
    since = first + begun

    # The shift is judged by the days after its first, which holds hours of both clocks.
    by_shift = gain[min(since + 1, raised) : raised + 1].sum(0)
    likely = SHIFTS[by_shift >= by_shift.max() - WITHIN]
    hours = int(SHIFTS[int(np.argmax(by_shift))])
    unsure = UNSURE_HOURS if raised == since else 0
    after = counts[since : raised + 1].sum(0)
    before = counts[slice(*reference)].sum(0)

    return ClockStep(
        raised=raised,
        since=since,
        earliest=first + int(near[0]),
        latest=first + int(near[-1]),
        hours=hours,
        least=int(likely.min()) - unsure,
        most=int(likely.max()) + unsure,
        p_value=p,
        fits=share_explained(before, after, hours),
        before=before,
        after=after,
    )


def share_explained(
    before: Floats,
    after: Floats,
    hours: int,
) -> float:
    """Share of the new hours' distance from the old ones that the shift takes away."""
    old = profile_of(before[None])
    new = profile_of(after[None])
    apart = float(np.abs(new - old).sum())
    left = float(np.abs(new - np.roll(old, hours)).sum())
    return float(np.clip(1 - left / apart, 0.0, 1.0)) if apart > 0 else 0.0


def irregularity(
    counts: Floats,
    profile: Floats,
) -> float:
    """Variance of the hours of a day over that of independent records."""
    days = counts[counts.sum(1) > 0]
    expected = days.sum(1, keepdims=True) * profile[None]
    chi2 = ((days - expected) ** 2 / expected).sum(1) / 23
    ordered = np.sort(chi2)
    middle = ordered[: max(int(0.95 * ordered.size), 1)]

    return float(np.clip(middle.mean() * 1.03, 1.0, MOST_IRREGULAR))
