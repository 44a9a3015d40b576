"""False alarms a year and delays of detectors on the same streams: ours, ADWIN, Page-Hinkley, z.

Counts a day with weekdays and an irregular level, sixteen weeks of reference, then a year without
change (false alarms) or with a lasting step (delay). The peers are river's and Evidently's where
they are installed, and written here from their papers, with river's defaults; they are fed the
deseasonalised figure of each day, in standard deviations of the reference. ``weekly test`` is what
drift reports do: each week's days against the reference by Kolmogorov-Smirnov at 5 %.
Usage: ``python -m bench.monitor.delays [streams]``.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from bench.machine import keep
from tunewell.stats.steps import (
    DAYS,
    QuietModel,
    YearlyMaximum,
    fit_quiet,
    running_sums,
    surprises,
    without_season,
)

Floats = NDArray[np.float64]
REFERENCE, YEAR, STEP_AT = 112, 365, 120
WEEK = np.array([1.1, 1.15, 1.15, 1.1, 1.0, 0.75, 0.75])
PEERS = ("river", "evidently")
Detector = Callable[[Floats, Floats], Iterator[int]]


class Adwin:
    """Adaptive windowing, all cuts of the window checked.

    Source:
        Bifet & Gavaldà 2007, SIAM Data Mining, figure 1 and theorem 3.1 (variance form).
    """

    def __init__(self, delta: float = 0.002) -> None:
        self.delta = delta
        self.window: list[float] = []

    def update(self, x: float) -> bool:
        """Whether a cut was made."""
        self.window.append(x)
        cut = False
        while self._cuts():
            cut = True
        return cut

    def _cuts(self) -> bool:
        w = np.array(self.window)
        n = w.size
        if n < 10:
            return False
        left = np.arange(5, n - 4)
        sums = w.cumsum()
        first = sums[left - 1] / left
        second = (sums[-1] - sums[left - 1]) / (n - left)
        m = 1 / (1 / left + 1 / (n - left))
        log = math.log(2 * math.log(n) / self.delta)
        bound = np.sqrt(2 / m * w.var() * log) + 2 / (3 * m) * log
        over = np.flatnonzero(np.abs(first - second) > bound)
        if not over.size:
            return False
        self.window = self.window[int(left[over[-1]]) :]
        return True


class PageHinkley:
    """Cumulative deviation from the running mean.

    Source:
        Page 1954, Biometrika 41; in the two-sided form of river with its defaults.
    """

    def __init__(self, delta: float = 0.005, threshold: float = 50.0, least: int = 30) -> None:
        self.delta = delta
        self.threshold = threshold
        self.least = least
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self.n = 0
        self.mean = 0.0
        self.up = 0.0
        self.low = 0.0
        self.down = 0.0
        self.high = 0.0

    def update(self, x: float) -> bool:
        """Whether a change is called."""
        self.n += 1
        self.mean += (x - self.mean) / self.n
        self.up += x - self.mean - self.delta
        self.down += x - self.mean + self.delta
        self.low = min(self.low, self.up)
        self.high = max(self.high, self.down)
        rise = self.up - self.low
        fall = self.high - self.down
        called = self.n >= self.least and max(rise, fall) > self.threshold
        if called:
            self.reset()
        return called


def standardised(total: Floats) -> Floats:
    """Days without their weekday, in standard deviations of the reference."""
    places = np.arange(total.size) % 7
    means = np.array([total[:REFERENCE][places[:REFERENCE] == p].mean() for p in range(7)])
    flat = total / means[places]
    before = flat[:REFERENCE]
    out: Floats = (flat - before.mean()) / before.std(ddof=1)
    return out


def ours(total: Floats, yearly: float) -> list[int]:
    """Days of our alarms at a yearly budget; the reference begins anew after each."""
    places = np.arange(total.size) % 7
    base = np.ones(total.size)
    part = slice(0, REFERENCE)
    model: QuietModel = fit_quiet(total[part], base[part], places[part], kind="count")
    limit = YearlyMaximum(model).threshold(yearly)
    sums = running_sums(*without_season(total, base, places, model.season, "count"))
    found = []
    since = 0
    at = REFERENCE
    while at < total.size:
        ends = np.arange(at, total.size)
        z = np.array(
            [
                surprises(sums, ends, w, kind="count", since=since).standardised(model, w)
                for w in DAYS.windows
            ]
        )
        over = np.flatnonzero(np.abs(z).max(0) >= limit)
        if not over.size:
            break
        day = int(ends[over[0]])
        found.append(day)
        since = day - DAYS.windows[int(np.argmax(np.abs(z[:, over[0]])))] + 1
        at = day + 1
    return found


def peer(make: Callable[[], Any], total: Floats) -> list[int]:
    """Days on which a detector called a change after the reference."""
    detector = make()
    days = []
    for day, x in enumerate(standardised(total).tolist()):
        called = detector.update(x)
        if not isinstance(called, bool):
            called = bool(detector.drift_detected)
        if called and day >= REFERENCE:
            days.append(day)
    return days


def weekly_test(total: Floats) -> list[int]:
    """Last days of the weeks that differ from the reference at 5 %."""
    x = standardised(total)
    ends = range(REFERENCE + 6, total.size, 7)
    return [end for end in ends if ks_2samp(x[end - 6 : end + 1], x[:REFERENCE]).pvalue < 0.05]


def evidently_weekly() -> Callable[[Floats], list[int]]:
    """Evidently's own choice of a drift test for a number, each week against the reference."""
    import pandas as pd
    from evidently.legacy.calculations.stattests import get_stattest

    def weeks(total: Floats) -> list[int]:
        """Last days of the weeks that it calls drifted."""
        x = standardised(total)
        before = pd.Series(x[:REFERENCE])
        found = []
        for end in range(REFERENCE + 6, total.size, 7):
            week = pd.Series(x[end - 6 : end + 1])
            test = get_stattest(before, week, "num", None)
            if test(before, week, "num", None).drifted:
                found.append(end)
        return found

    return weeks


def detectors() -> dict[str, Callable[[Floats], list[int]]]:
    """Every detector by name."""
    out: dict[str, Callable[[Floats], list[int]]] = {
        "ours, 5 % a year": lambda total: ours(total, 0.05),
        "ours, a thirtieth of 5 %": lambda total: ours(total, 0.05 / 30),
    }
    try:
        from river.drift import ADWIN
        from river.drift import PageHinkley as RiverPageHinkley

        out["river ADWIN"] = lambda total: peer(ADWIN, total)
        out["river PageHinkley"] = lambda total: peer(RiverPageHinkley, total)
    except ImportError:
        pass
    try:
        out["Evidently, weekly"] = evidently_weekly()
    except ImportError:
        pass
    out["ADWIN (paper)"] = lambda total: peer(Adwin, total)
    out["Page-Hinkley (paper)"] = lambda total: peer(PageHinkley, total)
    out["weekly test at 5 %"] = weekly_test
    return out


def streams(count: int, size: float, step: float, seed: int) -> Iterator[Floats]:
    """Counts a day, irregular from day to day, with a step of their level after the reference."""
    rng = np.random.default_rng(seed)
    days = REFERENCE + YEAR
    week = WEEK[np.arange(days) % 7] / WEEK.mean()
    factor = np.where(np.arange(days) >= REFERENCE + STEP_AT, step, 1.0)
    for _ in range(count):
        level = np.empty(days)
        level[0] = rng.normal()
        for day in range(1, days):
            level[day] = 0.4 * level[day - 1] + math.sqrt(1 - 0.4**2) * rng.normal()
        rate = size * week * factor * np.exp(0.07 * level - 0.0025)
        yield rng.poisson(rate).astype(float)


def main(count: int = 200) -> None:
    """All detectors on all streams, written to ``bench/results/monitor-delays.json``."""
    started = time.process_time()
    found: dict[str, Any] = {}
    for name, find in detectors().items():
        row: dict[str, Any] = {}
        false = [len(find(total)) for total in streams(count, 40.0, 1.0, 1)]
        row["quiet_years_with_alarm"] = float(np.mean(np.array(false) > 0))
        row["alarms_a_quiet_year"] = float(np.mean(false))
        for step in (1.2, 1.5, 2.0):
            delays = []
            early = 0
            for total in streams(count, 40.0, step, 2):
                days = [day - REFERENCE - STEP_AT for day in find(total)]
                early += any(day < 0 for day in days)
                delays.append(min((day + 1 for day in days if day >= 0), default=math.inf))
            missed = float(np.mean(np.isinf(delays)))
            row[f"x{step:g}"] = {
                "median_delay_days": float(np.median(delays)),
                "missed": missed,
                "alarm_before_the_step": early / count,
            }
        found[name] = row
        print(name, row, round(time.process_time() - started), flush=True)
    result = {
        "streams": count,
        "a_day": 40,
        "peers": {name: version(name) for name in PEERS},
        "processor_seconds": round(time.process_time() - started),
        "detectors": found,
    }
    keep("monitor-delays", result)


def version(name: str) -> str:
    """Of an installed package."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
