"""Whether rows are missing: numbers that were given out, replies to what is not there, silence."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from tunewell.monitor.channel import Floats
from tunewell.monitor.evidence.base import (
    DAY_S,
    CauseEvidence,
    TimeWindow,
    day_of,
)
from tunewell.monitor.records import DatedRecords
from tunewell.stats.special import betainc, chdtrc

AROUND_S: Final = 2 * DAY_S
"""Days as far from the change as this may be the ones that lost rows."""

SURE: Final = 1e-4
"""A day has so few rows by luck less often than this."""

IN_ORDER: Final = 0.98
"""Share of neighbouring records whose numbers rise, for numbers that are given out in order."""

LOST_SHARE: Final = 0.25
"""At least this share of a day's rows has to be missing."""

MOST_HOURS: Final = 72
"""A silence longer than this is an end, not a gap."""

_NUMBER = re.compile(r"(\d+)\D*$")


def lost_rows_evidence(records: DatedRecords, window: TimeWindow) -> Iterator[CauseEvidence]:
    """Days on which numbers were given out as always, and fewer rows are there than numbers."""
    stretch = window.whole(records)
    numbers = _numbers(records.ids[stretch.start : stretch.stop])
    if numbers is None or len(numbers) < 100:
        return
    seconds = records.seconds[stretch]
    day = (seconds // DAY_S).astype(np.int64)
    days, first, rows = np.unique(day, return_index=True, return_counts=True)
    # What was given out on a day lies between the first number of this day and of the next.
    given_out = np.diff(numbers[first], append=numbers[-1] + 1).astype(np.float64)
    lost = _short_days(rows[:-1].astype(np.float64), given_out[:-1])
    near = np.abs(days[:-1] * DAY_S - window.low_s) <= AROUND_S
    near |= (days[:-1] * DAY_S >= window.low_s - AROUND_S) & (
        days[:-1] * DAY_S <= window.high_s + AROUND_S
    )
    found = np.nonzero(lost & near)[0]
    if not len(found):
        return
    usual = float(np.median(rows[:-1] / np.maximum(given_out[:-1], 1)))
    seen = int(rows[found].sum())
    due = round(float(usual * given_out[found].sum()))
    places = ", ".join(day_of(float(days[i] * DAY_S)) for i in found[:3])
    what = (
        f"{records.name} of {places} are incomplete: the numbers given out are those of about "
        f"{due} rows, and {seen} are there"
    )
    yield CauseEvidence(
        kind="lost",
        cause="instrumentation",
        stream=records.name,
        what=what,
    )


def _numbers(ids: Sequence[str]) -> Floats | None:
    """The numbers in ids that rise with time; None where they are no numbers or do not rise."""
    found = [_NUMBER.search(id) for id in ids]
    if not all(found):
        return None
    numbers = np.array([float(match[1]) for match in found if match])
    if len(numbers) < 2 or (np.diff(numbers) > 0).mean() < IN_ORDER:
        return None
    return np.maximum.accumulate(numbers)


def _short_days(rows: Floats, given_out: Floats) -> np.ndarray:
    """Days with fewer rows than their numbers say, for how much that varies from day to day."""
    share = np.median(rows / np.maximum(given_out, 1))
    expected = share * given_out
    spread = _overdispersion(rows, expected)
    chance = np.array([_chance(r, e, spread) for r, e in zip(rows, expected, strict=True)])
    short: np.ndarray = (chance < SURE) & (rows < (1 - LOST_SHARE) * expected)
    return short


def _overdispersion(rows: Floats, expected: Floats) -> float:
    """Variance of the days' counts beside their mean, by the middle half of them; 1 or more."""
    z = np.sort(((rows - expected) ** 2) / np.maximum(expected, 1))
    middle = float(np.median(z))
    return max(1.0, middle / 0.455)


def _chance(
    rows: float,
    expected: float,
    spread: float,
) -> float:
    """Probability of so few rows."""
    if expected <= 0:
        return 1.0
    seen = math.floor(rows)
    if spread <= 1.01:
        return float(chdtrc(2 * seen + 2, 2 * expected))
    size = expected / (spread - 1)
    return float(betainc(size, seen + 1, size / (size + expected)))


def silence_evidence(
    records: DatedRecords,
    others: Sequence[DatedRecords],
    window: TimeWindow,
) -> Iterator[CauseEvidence]:
    """Hours in which a stream stops while what belongs to it goes on: its recording stopped.

    The hours are weighed by how much usually comes in them: a long night is no gap.
    """
    gap = _longest_gap(records, window)
    if gap is None:
        return
    low, high, due = gap
    for other in others:
        if other.name == records.name:
            continue
        expected = _due(
            other,
            low,
            high,
            window,
        )
        seen = int(np.searchsorted(other.seconds, high) - np.searchsorted(other.seconds, low))
        if expected >= 8 and seen >= 0.4 * expected:
            hours = (high - low) / 3600
            what = (
                f"no {records.name} for {hours:.0f} h from {day_of(low)} on, about {due:.0f} were "
                f"due, while {other.name} went on ({seen} came)"
            )
            yield CauseEvidence(
                kind="silence", cause="instrumentation", stream=records.name, what=what
            )
            return


def _longest_gap(records: DatedRecords, window: TimeWindow) -> tuple[float, float, float] | None:
    """The least likely silence around a change: its beginning, its end, and what was due in it."""
    low = window.low_s - AROUND_S
    high = min(window.high_s + AROUND_S, window.end.timestamp())
    first, last = np.searchsorted(records.seconds, [low, high])
    times = records.seconds[max(int(first) - 1, 0) : int(last) + 1]
    if len(times) < 2:
        return None
    steps = np.diff(times)
    longest = np.argsort(steps)[-3:]
    best: tuple[float, float, float] | None = None
    for i in longest:
        begin, end = float(times[i]), float(times[i + 1])
        if end - begin > MOST_HOURS * 3600:
            continue
        due = _due(
            records,
            begin,
            end,
            window,
        )
        if np.exp(-due / 2) < SURE and (best is None or due > best[2]):
            best = (begin, end, due)
    return best


def _due(
    records: DatedRecords,
    low: float,
    high: float,
    window: TimeWindow,
) -> float:
    """Records that usually come in such hours of such days."""
    times = records.seconds[window.before(records)]
    if not len(times):
        return 0.0
    weeks = window.days_before / 7
    slot = ((times // 3600) % 168).astype(np.int64)
    by_hour = np.bincount(slot, minlength=168) / weeks
    around = (by_hour + np.roll(by_hour, 1) + np.roll(by_hour, -1)) / 3
    hours = np.arange(np.floor(low / 3600), np.ceil(high / 3600))
    begin = np.maximum(hours * 3600, low)
    end = np.minimum((hours + 1) * 3600, high)
    part = np.maximum(end - begin, 0) / 3600
    return float((around[(hours % 168).astype(np.int64)] * part).sum())
