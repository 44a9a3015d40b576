"""Completeness: stretches without a record, weighed by how many were to be expected in them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tunewell.monitor.channel import DAY_S, Floats
from tunewell.monitor.periods import HOUR_S
from tunewell.monitor.records import Ints

REFERENCE_DAYS = 28
FEWEST_RECORDS = 200
HELD_BACK = 1.25
"""Rates that are known from four weeks only make the longest gaps longer than an exponential."""
_HOURS_A_WEEK = 168
_KEPT = 0.9
"""Quantile of the reference's gaps above which their excess is taken for exponential."""


@dataclass(frozen=True)
class LongGap:
    """A stretch without any record.

    Attributes:
        start_s: Its last record before, seconds since 1970.
        clear_s: When it was clear, while it lasted.
        end_s: Its first record after; None while it lasts.
        expected: Records that were to be expected in it.
        p_value: Share of quiet years with such a gap.
    """

    start_s: int
    clear_s: int
    end_s: int | None
    expected: float
    p_value: float


def long_gaps(
    seconds: Ints,
    *,
    start_s: int,
    as_of_s: int,
    yearly: float,
) -> tuple[list[LongGap], str]:
    """Gaps that at most a share ``yearly`` of quiet years holds, and why none could be found.

    A gap's weight is the number of records that the hour of the week makes expected in it, by the
    four weeks before; in a quiet stream it is exponential, with a mean that the reference's own
    gaps show.

    Args:
        seconds: Times of the records, ascending.
        start_s: From when on gaps are judged.
        as_of_s: Until when the records are complete; later ones are left out.
        yearly: Probability of any false alarm in a year.
    """
    seconds = seconds[seconds <= as_of_s]
    before = seconds[seconds < start_s]
    if before.size < FEWEST_RECORDS:
        return [], f"fewer than {FEWEST_RECORDS} records in the reference"
    if np.all(seconds % DAY_S == seconds[0] % DAY_S):
        return [], "the time stamps hold no hours"
    edges = np.append(seconds, as_of_s)
    weight = gap_weights(edges)
    judged = seconds >= seconds[0] + 14 * DAY_S
    known = weight[judged & (edges[1:] < start_s)]
    if known.size < FEWEST_RECORDS / 2:
        return [], "too few gaps in the reference"
    start = float(np.quantile(known, _KEPT))
    excess = known[known > start] - start
    mean = float(excess.mean()) * (1 + 1 / math.sqrt(excess.size)) * HELD_BACK
    a_year = before.size / max(start_s - int(seconds[0]), 1) * 365 * DAY_S
    limit = start + mean * math.log((1 - _KEPT) * a_year / yearly)

    found = []
    for place in np.flatnonzero((weight > limit) & (edges[:-1] >= start_s)).tolist():
        begin = int(edges[place])
        stop = int(edges[place + 1])
        part = limit / float(weight[place])
        over = (float(weight[place]) - start) / mean
        found.append(
            LongGap(
                start_s=begin,
                clear_s=begin + int(part * (stop - begin)),
                end_s=None if place == seconds.size - 1 else stop,
                expected=float(weight[place]),
                p_value=min(1.0, (1 - _KEPT) * a_year * math.exp(-over)),
            )
        )

    return found, ""


def gap_weights(edges: Ints) -> Floats:
    """Records expected between neighbouring moments, by the hour of the week of four weeks before.

    Args:
        edges: Moments, ascending, shape (records + 1,).

    Returns:
        Shape (records,).
    """
    first_hour = int(edges[0]) // HOUR_S
    hours = int(edges[-1]) // HOUR_S - first_hour + 1
    counts = np.bincount(edges[:-1] // HOUR_S - first_hour, minlength=hours).astype(np.float64)
    rate = _expected_by_hour(counts, first_hour)
    added = np.concatenate([[0.0], rate.cumsum()])

    def until(moment: Ints) -> Floats:
        """Records expected from the first hour on to each moment."""
        place = moment // HOUR_S - first_hour
        part = (moment % HOUR_S) / HOUR_S
        out: Floats = added[place] + part * rate[place]
        return out

    out: Floats = until(edges[1:]) - until(edges[:-1])

    return out


def _expected_by_hour(counts: Floats, first_hour: int) -> Floats:
    """Records expected in each hour: the level of four weeks times the day's shape."""
    width = REFERENCE_DAYS * 24
    padded = np.concatenate([[0.0], counts.cumsum()])
    hours = np.arange(counts.size)
    lo = np.maximum(hours - width - 24, 0)
    hi = np.maximum(hours - 24, 1)
    level = (padded[hi] - padded[lo]) / np.maximum(hi - lo, 1)

    # 1 January 1970 was a Thursday: hour 0 of the week is Monday's first.
    of_week = (first_hour + hours + 72) % _HOURS_A_WEEK
    weekend = of_week >= 120
    place = of_week % 24 + 24 * weekend
    shape = np.empty((counts.size, 48))
    for kind in range(48):
        here = (place == kind).astype(np.float64)
        seen = np.concatenate([[0.0], (counts * here).cumsum()])
        there = np.concatenate([[0.0], here.cumsum()])
        # The level stands in with a weight of two hours where an hour was seen rarely.
        mean = (seen[hi] - seen[lo] + 2 * level) / (there[hi] - there[lo] + 2)
        shape[:, kind] = mean
    out: Floats = shape[hours, place]

    return out
