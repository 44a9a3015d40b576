"""From a channel to its steps: level by level, each with its beginning and its size."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass

import numpy as np

from tunewell.monitor.channel import (
    DAY_S,
    Channel,
    Floats,
)
from tunewell.monitor.found import BandedChannel, ReferencePeriod
from tunewell.monitor.periods import FIRST_WEEKS, Grid
from tunewell.monitor.records import Bools, Ints
from tunewell.stats.steps import (
    LEAST_PERIODS,
    QuietModel,
    StepKind,
    YearlyMaximum,
    fit_quiet,
    running_sums,
    signed_root,
    surprises,
    without_season,
)
from tunewell.types import Estimate

OLD_WEEKS = 24
"""The first reference of a stream younger than these is a third of it."""
FURTHER = 0.05
"""Yearly probability of a further step while one is open: a false one needs a false first one."""
RECEDES = 3.0
"""Standard errors of a fall after a rise (or the reverse) that is read as its receding."""
BACK = 2.0
"""Standard errors from the old level within which a short episode counts as over."""
WITHIN = 3.84
"""Deviance below the best beginning that other beginnings may have: 95 %."""
FEWEST = 20
"""Records with and without what a share counts in its reference."""
_NORMAL = 1.959964


@dataclass(frozen=True)
class LevelStep:
    """A level that was left.

    Attributes:
        raised: Period at whose end it was first clear.
        since: Most likely first period of the new level.
        earliest: Earliest one that the records allow.
        latest: Latest one.
        surprise: In standard errors of a quiet series.
        p_value: Share of quiet years with so large a surprise in this channel.
        before: Figure before it.
        after: Figure since it.
        size: The difference.
        reference: First period that it was held against.
    """

    raised: int
    since: int
    earliest: int
    latest: int
    surprise: float
    p_value: float
    before: Estimate
    after: Estimate
    size: Estimate
    reference: int


@dataclass(frozen=True)
class _Open:
    """A step that has not receded yet.

    Attributes:
        up: Its direction.
        before: First period, and the first after it, of what it was held against.
        since: First period of it.
        raised: When it was seen.
    """

    up: bool
    before: tuple[int, int]
    since: int
    raised: int


def first_reference(grid: Grid, named: tuple[dt.datetime, dt.datetime] | None) -> tuple[int, int]:
    """First period of the first reference, and the first after it.

    Sixteen weeks (a third of a stream younger than 24 weeks), or as the user names it. It does not
    move as the stream goes on.
    """
    if named is not None:
        first = max(grid.number_of(named[0]), 0)
        return first, min(grid.number_of(named[1]), grid.periods)
    a_week = 7 * DAY_S
    first = grid.number_of(grid.first + dt.timedelta(weeks=FIRST_WEEKS))
    if grid.end_s - grid.start_s >= OLD_WEEKS * a_week:
        return 0, first

    return 0, min(first, max(grid.periods // 3, LEAST_PERIODS))


class LevelWatch:
    """One channel, looked at period by period.

    Args:
        channel: The channel.
        grid: Its periods.
        yearly: Its share of the yearly false-alarm budget.
        reference: First period of the first reference, and the first after it.
        leave_out: Periods that do not count, shape (periods,); None for none.
    """

    def __init__(
        self,
        channel: Channel,
        grid: Grid,
        *,
        yearly: float,
        reference: tuple[int, int],
        leave_out: Floats | None = None,
    ) -> None:
        kept = np.ones(channel.total.size) if leave_out is None else 1.0 - leave_out
        self.channel = channel
        self.grid = grid
        self.yearly = yearly
        self.reference = reference
        self.total = channel.total * kept
        self.weight = channel.weight * kept
        self.kind: StepKind = _step_kind(channel)
        self.spread = _spread(channel, reference)
        self.steps: list[LevelStep] = []
        self._open: _Open | None = None
        self._since = reference[0]
        self._since_at = np.full(grid.periods, reference[0])
        self._references: list[ReferencePeriod] = []

    @property
    def why_not(self) -> str:
        """Why the channel cannot be watched; empty where it can."""
        first, stop = self.reference
        weight = self.weight[first:stop]
        total = float(self.total[first:stop].sum())
        observed = int((weight > 0).sum())
        if observed < LEAST_PERIODS:
            return f"only {observed} {self.grid.unit} of its reference hold a record; 28 are needed"
        if self.kind == "count" and total < FEWEST:
            return f"only {total:.0f} records in its reference; {FEWEST} are needed"
        if self.kind == "share" and min(total, float(weight.sum()) - total) < FEWEST:
            return "it hardly varies in its reference"
        if self.kind == "mean" and self.spread <= 0:
            return "it does not vary in its reference"

        return ""

    def fit(self) -> QuietModel:
        """How the channel behaves while nothing happens, by its first reference."""
        part = slice(*self.reference)
        return fit_quiet(
            self.total[part],
            self.weight[part],
            self.grid.places()[part],
            kind=self.kind,
            plan=self.grid.plan,
            spread=self.spread,
        )

    def look(self) -> BandedChannel:
        """Find the steps and the band."""
        first, stop = self.reference
        plan = self.grid.plan
        places = self.grid.places()
        self.model = self.fit()
        self.maximum = YearlyMaximum(self.model, plan=plan)
        self.threshold = self.maximum.threshold(self.yearly)
        self.further = self.maximum.threshold(max(self.yearly, FURTHER))
        clean, base = without_season(self.total, self.weight, places, self.model.season, self.kind)
        self.clean = clean.copy()
        self.base = base.copy()
        self.sums = running_sums(self.clean, self.base)
        self._refer(first, stop, "first")

        at = stop
        while at < self.grid.periods:
            at = self._next(at)

        return self._banded(places)

    # --- period by period ------------------------------------------------------------------------

    def _next(self, start: int) -> int:
        """Look from a period on to the next step; the period to go on from."""
        ends = np.arange(start, self.grid.periods)
        z = self._standardised(ends)
        beyond = np.abs(z).max(0) >= self._limit
        over = np.zeros(ends.size, dtype=np.bool_)
        settled = np.zeros(ends.size, dtype=np.bool_)
        if self._open is not None:
            falls = -z if self._open.up else z
            beyond = beyond | (falls.max(0) >= RECEDES)
            over = self._over(ends)
            settled = self._settled(ends)
        something = beyond | over | settled
        if not something.any():
            return self.grid.periods

        place = int(np.argmax(something))
        end = int(ends[place])
        if over[place]:
            self._end_episode(end)
        elif beyond[place]:
            self._judge(end, z[:, place])
        else:
            self._close(end)
        self._since_at[end + 1 :] = self._since

        return end + 1

    @property
    def _limit(self) -> float:
        """What a surprise has to reach, given whether a step is open."""
        return self.threshold if self._open is None else self.further

    def _standardised(self, ends: Ints) -> Floats:
        """Surprises of all windows, shape (windows, ends)."""
        rows = [self._window(ends, window) for window in self.grid.plan.windows]
        return np.array(rows)

    def _window(self, ends: Ints, window: int) -> Floats:
        """Surprises of the windows of one length."""
        each = surprises(
            self.sums,
            ends,
            window,
            kind=self.kind,
            plan=self.grid.plan,
            spread=self.spread,
            since=self._since,
        )
        return each.standardised(self.model, window)

    def _judge(self, end: int, z: Floats) -> None:
        """What a surprise at the end of a period means, given what is open."""
        largest = float(z[np.argmax(np.abs(z))])
        since, earliest, latest = self._beginning(end)
        before = self._before(since)
        opened = self._open
        if opened is not None and (largest > 0) != opened.up:
            against_old = self._against(since, end, opened.before)
            beyond_old = (
                against_old <= -self.threshold if opened.up else (against_old >= self.threshold)
            )
            if not beyond_old:
                self._recede(since, end)
                return
        before_open = before if opened is None else opened.before
        self._open = _Open(largest > 0, before_open, since, end)
        self.steps.append(self._step(end, since, earliest, latest, before, largest))
        self._since = since
        self._refer(since, end + 1, "after an alarm")

    def _recede(self, since: int, end: int) -> None:
        """The open step is receding: further ones are held against the newest level."""
        self._since = since
        self._refer(since, end + 1, "an alarm recedes")

    def _settled(self, ends: Ints) -> Bools:
        """Whether the level before the open step is reached again, or the new one is old by now."""
        opened = self._open
        out = np.zeros(ends.size, dtype=np.bool_)
        if opened is None:
            return out
        for place, end in enumerate(ends.tolist()):
            if end - opened.raised >= 2 * self.grid.plan.memory:
                out[place] = True
            if self._since <= opened.since or end + 1 - self._since < self.grid.plan.young:
                continue
            apart = self._against(self._since, end, opened.before)
            out[place] |= (apart if opened.up else -apart) < BACK

        return out

    def _close(self, end: int) -> None:
        """Nothing is open any more."""
        opened = self._open
        aged = opened is not None and end - opened.raised >= 2 * self.grid.plan.memory
        self._open = None
        why = "the level of eight weeks" if aged else "back at the level before an alarm"
        self._refer(self._since, end + 1, why)

    def _over(self, ends: Ints) -> Bools:
        """Whether a step of at most three periods was followed by three at the old level."""
        opened = self._open
        out = np.zeros(ends.size, dtype=np.bool_)
        if opened is None:
            return out
        for place, end in enumerate(ends.tolist()):
            quiet = end - 2
            if not opened.raised < quiet or quiet - opened.since > self.grid.plan.young:
                continue
            out[place] = abs(self._against(quiet, end, opened.before)) < 1.0

        return out

    def _end_episode(self, end: int) -> None:
        """The old reference goes on; what was between does not count."""
        opened = self._open
        if opened is None:
            return
        between = slice(opened.since, end - 2)
        self.clean[between] = 0.0
        self.base[between] = 0.0
        self.sums = running_sums(self.clean, self.base)
        self._since = opened.before[0]
        self._open = None
        self._refer(opened.before[0], opened.before[1], "back at the level before an alarm")

    # --- figures ---------------------------------------------------------------------------------

    def _beginning(self, end: int) -> tuple[int, int, int]:
        """Most likely first period of the step that is seen at a period's end, and its interval."""
        plan = self.grid.plan
        least = self._since + plan.young
        begin = max(least, end + 1 - 3 * max(plan.windows))
        candidates = np.arange(min(begin, end), end + 1)
        score = np.array([self._split(int(s), end) for s in candidates])
        best = int(np.argmax(score))
        length = end + 1 - candidates[best]
        room = WITHIN * float(self.model.inflation(float(length)))
        near = candidates[score >= score[best] - room]

        return int(candidates[best]), int(near[0]), int(near[-1])

    def _split(self, since: int, end: int) -> float:
        """Deviance that a step at a period explains."""
        first = max(self._since, since - self.grid.plan.memory)
        root, leverage = self._root(since, end + 1, (first, since))
        return root**2 / (1 + leverage)

    def _root(self, start: int, stop: int, reference: tuple[int, int]) -> tuple[float, float]:
        """Signed root of the deviance of some periods from a reference, and their part of it."""
        total, base = self._sum(start, stop)
        known_total, known = self._sum(*reference)
        if base <= 0 or known <= 0:
            return 0.0, 0.0
        expected = known_total / known * base
        root = signed_root(
            np.array(total),
            np.array(expected),
            np.array(base),
            kind=self.kind,
            spread=self.spread,
        )

        return float(root), base / known

    def _against(self, start: int, end: int, reference: tuple[int, int]) -> float:
        """Standard errors of some periods from a reference."""
        root, leverage = self._root(start, end + 1, reference)
        own = float(self.model.inflation(float(end + 1 - start)))
        of_reference = float(self.model.inflation(float(reference[1] - reference[0])))
        return root / math.sqrt(own + of_reference * leverage)

    def _before(self, since: int) -> tuple[int, int]:
        """The periods that a step is held against."""
        return max(self._since, since - self.grid.plan.memory), since

    def _sum(self, start: int, stop: int) -> tuple[float, float]:
        """Total and base of some periods."""
        total = self.sums.total[stop] - self.sums.total[start]
        base = self.sums.base[stop] - self.sums.base[start]
        return float(total), float(base)

    def figure(self, start: int, stop: int) -> Estimate:
        """The channel's figure over some periods, with its season evened out."""
        total, base = self._sum(start, stop)
        inflation = float(self.model.inflation(float(max(stop - start, 1))))
        base = max(base, 1e-9)
        value = total / base
        error = math.sqrt(inflation * self._variance(value) / base)
        low = value - _NORMAL * error
        high = value + _NORMAL * error
        if self.kind != "mean":
            low = max(low, 0.0)
        if self.kind == "share":
            high = min(max(high, value), 1.0)

        return Estimate(
            value=value,
            low=low,
            high=high,
            n=int(total if self.kind == "count" else base),
            method="mean of periods, overdispersed",
            unit=self.channel.unit,
        )

    def _variance(self, value: float) -> float:
        """Of one record (of a count: per unit of base)."""
        if self.kind == "count":
            return max(value, 1e-9)
        if self.kind == "share":
            return max(value * (1 - value), 1e-9)
        return self.spread

    def _step(
        self,
        end: int,
        since: int,
        earliest: int,
        latest: int,
        reference: tuple[int, int],
        surprise: float,
    ) -> LevelStep:
        """A step as it is known at the end of a period."""
        before = self.figure(*reference)
        after = self.figure(since, end + 1)
        value = after.value - before.value
        half = math.hypot(after.high - after.value, before.value - before.low)
        size = Estimate(
            value=value,
            low=value - half,
            high=value + half,
            n=before.n + after.n,
            method="after less before, at the time of the alarm",
            unit=self.channel.unit,
        )

        return LevelStep(
            raised=end,
            since=since,
            earliest=earliest,
            latest=latest,
            surprise=surprise,
            p_value=self.maximum.p_value(surprise),
            before=before,
            after=after,
            size=size,
            reference=reference[0],
        )

    def _refer(self, start: int, stop: int, why: str) -> None:
        """A new reference is in force; the old ones are kept."""
        self._references.append(
            ReferencePeriod(
                version=len(self._references) + 1,
                start=self.grid.at(start),
                end=self.grid.at(stop),
                why=why,
                level=self.figure(start, stop).value,
            )
        )

    def _banded(self, places: Ints) -> BandedChannel:
        """The band beyond which a single period is an alarm."""
        ends = np.arange(self.grid.periods)
        first = np.maximum(self._since_at, ends - self.grid.plan.memory)
        known = self.sums.base[ends] - self.sums.base[first]
        totals = self.sums.total[ends] - self.sums.total[first]
        fresh = (ends >= self.reference[1]) & (known > 0)
        level = np.where(fresh, totals / np.maximum(known, 1e-9), np.nan)
        at = self.model.season[places]
        weight = np.maximum(self.weight, 1e-9)
        base = weight * at if self.kind == "count" else weight
        variance = np.array([self._variance(x) if np.isfinite(x) else np.nan for x in level])
        own = self.model.inflation(1.0)
        behind = self.model.inflation(np.maximum(ends - first, 1)) * base / np.maximum(known, 1e-9)
        half = self.threshold * np.sqrt((own + behind) * variance / base)
        if self.kind == "mean":
            expected = level + at
        else:
            expected = level * at
            half = half * at
        low = expected - half
        high = expected + half
        if self.kind != "mean":
            low = np.maximum(low, 0.0)
        if self.kind == "share":
            high = np.minimum(high, 1.0)

        return BandedChannel(
            channel=self.channel,
            expected=expected,
            low=low,
            high=high,
            references=tuple(self._references),
            yearly=self.yearly,
        )


def _step_kind(channel: Channel) -> StepKind:
    """How the channel's figure is made of its sums."""
    if channel.kind == "share":
        return "share"
    return "mean" if channel.kind == "mean" else "count"


def _spread(channel: Channel, reference: tuple[int, int]) -> float:
    """Variance of one value of a mean: within periods, or of the periods where each has one."""
    if channel.kind != "mean":
        return 1.0
    part = slice(*reference)
    total = channel.total[part]
    weight = channel.weight[part]
    seen = weight > 0
    inside = channel.squares[part][seen] - total[seen] ** 2 / weight[seen]
    free = float((weight[seen] - 1).sum())
    if free >= 2 * int(seen.sum()):
        return max(float(inside.sum()) / free, 0.0)
    figures = total[seen] / weight[seen]

    return float(np.var(figures)) if figures.size > 1 else 0.0
