"""Words and values that are suddenly frequent, or gone: which, since when, in which records."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tunewell.monitor.channel import DAY_S, Floats
from tunewell.monitor.periods import Grid
from tunewell.monitor.records import Ints
from tunewell.monitor.term_days import TermDays
from tunewell.monitor.words import is_version
from tunewell.stats.bursts import (
    burst_limit,
    burst_p,
    lull_p,
    pooled_irregularity,
)

MOST_REFERENCE_DAYS = 365
"""Before a window, that it is held against."""
ALIKE = 0.3
"""Share of the records of the rarer of two words that hold the other: one burst."""
TIMES = 2.0
"""How much more frequent a thing must be than before."""
FEWEST = 4
"""Records with it in the window."""
FORGOTTEN_DAYS = 28
"""Days without a new excess after which a burst is over."""


@dataclass
class Burst:
    """Words that became frequent in the same records.

    Attributes:
        terms: Places of the terms, the clearest first.
        raised: Day at whose end it was first clear.
        window: Days of the window that showed it.
        p_value: Of the clearest term, in one window.
        up: Whether they became more frequent.
        seen: Records with the clearest term in the window.
        of: Records in the window.
        before: Records with it in the reference.
        of_before: Records in the reference.
        active: Last day of an excess.
    """

    terms: list[int]
    raised: int
    window: int
    p_value: float
    up: bool
    seen: int
    of: int
    before: int
    of_before: int
    active: int = 0
    later: list[int] = field(default_factory=list)


class BurstWatch:
    """All terms of a stream, day by day.

    Args:
        days: The terms by period.
        period: Period of each record, ascending, shape (records,).
        grid: The periods.
        yearly: Expected number of false bursts in a year.
        start: First period that is judged.
        down: Whether things that are gone are looked for too.
        windows: Lengths of the windows, in periods.
    """

    def __init__(
        self,
        days: TermDays,
        period: Ints,
        grid: Grid,
        *,
        yearly: float,
        start: int,
        down: bool = False,
        windows: tuple[int, ...] = (1, 3, 7),
    ) -> None:
        self.terms = days.terms
        self.rows = days.rows
        self.period = period
        self.grid = grid
        self.start = start
        self.down = down
        day = 1 if grid.edges is not None else DAY_S // grid.period_s
        self.windows = tuple(window * day for window in windows)
        self.stride = day
        self.looks = grid.plan.year // day * len(windows)
        self.yearly = yearly
        inside = (period >= 0) & (period < grid.periods)
        self.records = np.bincount(period[inside], minlength=grid.periods).astype(np.float64)
        counts = days.counts
        self.added = np.zeros((grid.periods + 1, counts.shape[1]), dtype=np.float32)
        np.cumsum(counts, axis=0, out=self.added[1:])
        self.records_added = np.concatenate([[0.0], self.records.cumsum()])
        self.irregular = self._irregularity(counts)
        self.since = np.zeros(counts.shape[1], dtype=np.int64)
        self.bursts: list[Burst] = []
        self._limits: dict[tuple[int, int], float] = {}
        self._releases = self._release_peaks()

    def _release_peaks(self) -> tuple[Ints, Floats]:
        """Version numbers that came after the first weeks, and how far such ones had risen.

        Returns:
            Places of the version terms; the largest share of a week's records that held one new
            version, up to the end of each period, shape (periods,).
        """
        versions = np.array(
            [i for i, term in enumerate(self.terms) if is_version(term)], dtype=np.int64
        )
        first = min(28 * self.stride, self.grid.periods)
        early = self.added[first, versions] / max(self.records_added[first], 1.0)
        new = versions[early < 0.01]
        peak = np.zeros(self.grid.periods)
        window = self.windows[-1]
        ends = np.arange(window, self.grid.periods + 1)
        if new.size and ends.size:
            seen = self.added[np.ix_(ends, new)] - self.added[np.ix_(ends - window, new)]
            of = np.maximum(self.records_added[ends] - self.records_added[ends - window], 20.0)
            peak[window - 1 :] = np.maximum.accumulate((seen / of[:, None]).max(1))

        return new, peak

    def _irregularity(
        self,
        counts: NDArray[np.float32],
    ) -> float:
        """How much more variable the terms' counts by week are than independent records."""
        weeks = self.start // (7 * self.stride)
        if weeks < 4:
            return 1.2
        width = 7 * self.stride
        weekly = counts[: weeks * width].reshape(weeks, width, -1).sum(1).T
        records = self.records[: weeks * width].reshape(weeks, width).sum(1)
        even = weekly * (records.mean() / np.maximum(records, 1.0))[None]

        return pooled_irregularity(even, least=2.0)

    def look(self) -> list[Burst]:
        """Every burst, oldest first."""
        for end in range(self.start, self.grid.periods, self.stride):
            last = min(end + self.stride - 1, self.grid.periods - 1)
            self._day(last)
        return self.bursts

    def _day(
        self,
        end: int,
    ) -> None:
        """Look at the windows that end with one day."""
        found: dict[int, tuple[float, int, bool]] = {}
        for window in self.windows:
            for term, p, up in self._window(end, window):
                if term not in found or p < found[term][0]:
                    found[term] = (p, window, up)
        ordered = sorted(found.items(), key=lambda item: item[1][0])
        for term, (p, window, up) in ordered:
            self._take(term, p, window, up, end)

    def _window(
        self,
        end: int,
        window: int,
    ) -> list[tuple[int, float, bool]]:
        """Terms of one window that are beyond its limit: place, p-value, direction."""
        begin = end + 1 - window
        if begin <= 0:
            return []
        of = self.records_added[end + 1] - self.records_added[begin]
        first = np.maximum(self.since, begin - MOST_REFERENCE_DAYS * self.stride)
        first = np.minimum(first, begin)
        known = self.records_added[begin] - self.records_added[first]
        inside = self.added[end + 1] - self.added[begin]
        outside = self.added[begin] - self.added[first, np.arange(first.size)]
        new, peak = self._releases
        if new.size:
            # A new version is a burst only where it goes beyond what new versions have done before.
            usual = peak[begin - 1] * known[new]
            outside[new] = np.maximum(outside[new], usual)
        ready = begin - first >= 7 * self.stride
        rate = outside / np.maximum(known, 1.0)
        likely = ready & (inside >= FEWEST) & (inside > TIMES * rate * of)
        picked = np.flatnonzero(likely)
        out = self._judged(picked, inside, outside, known, of, (end, window), up=True)
        if self.down:
            gone = np.flatnonzero(ready & (rate * of >= 8) & (inside < rate * of / TIMES))
            out += self._judged(gone, inside, outside, known, of, (end, window), up=False)

        return out

    def _judged(
        self,
        picked: Ints,
        inside: Floats,
        outside: Floats,
        known: Floats,
        of: float,
        place: tuple[int, int],
        *,
        up: bool,
    ) -> list[tuple[int, float, bool]]:
        """Of the terms that may be a burst, those whose p-value is within the limit."""
        if not picked.size or of <= 0:
            return []
        part = of / (of + known[picked])
        test = burst_p if up else lull_p
        p = test(inside[picked], outside[picked], part, irregular=self.irregular)
        limit = self._limit(place, of)
        hits = np.flatnonzero(p <= limit)

        return [(int(picked[i]), float(p[i]), up) for i in hits.tolist()]

    def _limit(
        self,
        place: tuple[int, int],
        of: float,
    ) -> float:
        """The largest p-value that is a burst, from the frequencies of all terms; by the month."""
        end, window = place
        key = (end // (28 * self.stride), window)
        if key not in self._limits:
            first = max(end + 1 - MOST_REFERENCE_DAYS * self.stride, 0)
            totals = (self.added[end + 1] - self.added[first]).astype(np.int64)
            records = self.records_added[end + 1] - self.records_added[first]
            part = min(max(of / max(records, 1.0), 1e-6), 0.5)
            allowed = self.yearly / self.looks / (2 if self.down else 1)
            self._limits[key] = burst_limit(totals, part, allowed=allowed, irregular=self.irregular)

        return self._limits[key]

    def _take(
        self,
        term: int,
        p: float,
        window: int,
        up: bool,
        end: int,
    ) -> None:
        """A new burst, or a word more of one that is open."""
        begin = end + 1 - window
        for burst in reversed(self.bursts):
            if end - burst.active > FORGOTTEN_DAYS * self.stride or burst.up != up:
                continue
            if term in burst.terms:
                if end - burst.active <= 7 * self.stride:
                    burst.active = end
                    return
                continue
            if up and self._alike(term, burst.terms[0], min(begin, burst.raised), end):
                if term not in burst.terms:
                    burst.terms.append(term)
                burst.active = end
                self.since[term] = begin
                return
        first = int(max(self.since[term], begin - MOST_REFERENCE_DAYS * self.stride))
        self.bursts.append(
            Burst(
                terms=[term],
                raised=end,
                window=window,
                p_value=p,
                up=up,
                seen=int(self.added[end + 1, term] - self.added[begin, term]),
                of=int(self.records_added[end + 1] - self.records_added[begin]),
                before=int(self.added[begin, term] - self.added[first, term]),
                of_before=int(self.records_added[begin] - self.records_added[first]),
                active=end,
            )
        )
        self.since[term] = begin

    def _alike(
        self,
        term: int,
        other: int,
        begin: int,
        end: int,
    ) -> bool:
        """Whether two words are in the same records of a window."""
        mine = self.records_of(term, begin, end)
        theirs = self.records_of(other, begin, end)
        few = min(mine.size, theirs.size)
        many = max(mine.size, theirs.size)
        both = np.intersect1d(mine, theirs).size
        of = self.records_added[end + 1] - self.records_added[begin]
        by_chance = few * many / max(of, 1.0)

        return bool(both >= max(ALIKE * few, 2.5 * by_chance, 3))

    def records_of(
        self,
        term: int,
        begin: int,
        end: int,
    ) -> Ints:
        """Records with a term in some periods."""
        first, last = np.searchsorted(self.period, [begin, end + 1]).tolist()
        return self.rows.between(term, first, last)
