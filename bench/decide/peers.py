"""Two published ways to decide when to retrain, beside fixed cadences.

Both are built from summaries of their papers, not from the authors' code: figures of theirs are
those of our reading.

Both know the first periods of a stream whole (how a version of every period does on every later
one) and tune themselves on it; a policy then sees one period after the other.

* CARA: Mahadevan and Mathioudakis, Cost-aware retraining for machine learning, Knowledge-Based
  Systems 293 (2024), arXiv 2310.04216. Staleness of a version: its losses on labelled data,
  weighted by their likeness to the questions asked. Three rules, whose parameters are chosen on
  the first periods by the cost of their strategy: a threshold on the staleness, one on its sum
  since the last retraining, and a period.
* UPF: Regol et al., When to retrain a machine learning model, ICML 2025, arXiv 2505.14903. How a
  version of period i does in period j is forecast with its uncertainty from i, j, the time between
  and the shift of the inputs; the version is retrained where the schedule of least cost, at a
  quantile of the forecasts, begins with a retraining.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Stream:
    """How every version does in every period.

    Attributes:
        name: Of the stream.
        wrong: Share of wrong answers of the version of period i in period j >= i, shape (T, T).
        stale: The same weighted by likeness to the questions, shape (T, T); for CARA.
        shift: Distance of the mean inputs of two periods, shape (T, T); for UPF.
        rows: Answers in a period.
        known: Periods that are known whole at the beginning.
    """

    name: str
    wrong: Floats
    stale: Floats
    shift: Floats
    rows: int
    known: int

    @property
    def periods(self) -> int:
        """How many there are."""
        return len(self.wrong)


Policy = Callable[[Stream, float, int, int], bool]
"""Whether to retrain after a period: stream, price of a retraining in periods of which every answer
is wrong, the period in which the version was trained, the period that is over."""


def cost_of(stream: Stream, price: float, decide: Policy) -> tuple[float, int]:
    """Errors and retrainings from the first period that is not known; and how many retrainings."""
    trained = stream.known - 1
    cost, count = 0.0, 0
    for period in range(stream.known, stream.periods):
        cost += stream.wrong[trained, period]
        if period < stream.periods - 1 and decide(stream, price, trained, period):
            trained = period
            count += 1
            cost += price
    return cost, count


def best_of(stream: Stream, price: float) -> float:
    """The cost of the best schedule in hindsight."""
    last = stream.periods
    best = {(last, i): 0.0 for i in range(last)}
    for period in range(last - 1, stream.known - 1, -1):
        anew = price + best[period + 1, period]
        for trained in range(stream.known - 1, period):
            on = stream.wrong[trained, period]
            keep = best[period + 1, trained]
            best[period, trained] = on + (min(keep, anew) if period < last - 1 else keep)
    return best[stream.known, stream.known - 1]


def every(periods: int) -> Policy:
    """A fixed rhythm; 0 = never."""

    def decide(stream: Stream, price: float, trained: int, period: int) -> bool:
        del stream, price
        return bool(periods) and period - trained >= periods

    return decide


# --- CARA -----------------------------------------------------------------------------------------


def cara(rule: str) -> Policy:
    """CARA with its threshold on the staleness, on its sum, or with its period."""
    tuned: dict[tuple[int, float], float] = {}

    def decide(stream: Stream, price: float, trained: int, period: int) -> bool:
        key = (id(stream), price)
        if key not in tuned:
            tuned[key] = _tuned(stream, price, rule)
        return _fires(stream.stale, rule, tuned[key], trained, period)

    return decide


def _fires(stale: Floats, rule: str, limit: float, trained: int, period: int) -> bool:
    if rule == "threshold":
        return bool(stale[trained, period] >= limit)
    if rule == "cumulative":
        return bool(stale[trained, trained + 1 : period + 1].sum() >= limit)
    return period - trained >= limit


def _tuned(stream: Stream, price: float, rule: str) -> float:
    """The limit under which the first periods would have cost the least."""
    costs = []
    limits = [*_limits(stream, rule), np.inf]
    for limit in limits:
        trained, cost = 0, 0.0
        for period in range(1, stream.known):
            cost += stream.stale[trained, period]
            if _fires(stream.stale, rule, limit, trained, period):
                trained = period
                cost += price
        costs.append(cost)
    return float(limits[int(np.argmin(costs))])


def _limits(stream: Stream, rule: str) -> Iterator[float]:
    known = stream.stale[: stream.known, : stream.known]
    seen = known[np.triu_indices(stream.known, 1)]
    if rule == "period":
        yield from map(float, range(1, stream.known))
    elif rule == "threshold":
        yield from np.quantile(seen, np.linspace(0, 1, 60)).tolist()
    else:
        yield from np.geomspace(max(seen.min(), 1e-3), seen.mean() * stream.known, 60).tolist()


# --- UPF ------------------------------------------------------------------------------------------


def upf(level: float = 0.95) -> Policy:
    """UPF: a forecast with its uncertainty, and the schedule of least cost at a quantile of it."""
    z = float(ndtri(level))

    def decide(stream: Stream, price: float, trained: int, period: int) -> bool:
        seen = _seen(stream, trained, period)
        forecast = _forecast(stream, seen, period, z)
        last = stream.periods
        later = np.zeros((last + 1, last))
        for at in range(last - 1, period, -1):
            anew = price + later[at + 1, at]
            for by in (trained, *range(period, at)):
                keep = later[at + 1, by]
                later[at, by] = forecast(by, at) + (min(keep, anew) if at < last - 1 else keep)
        return bool(price + later[period + 1, period] < later[period + 1, trained])

    return decide


def _seen(stream: Stream, trained: int, period: int) -> list[tuple[int, int]]:
    """Pairs of version and period whose performance is known by now."""
    known = [(i, j) for i in range(stream.known) for j in range(i + 1, stream.known)]
    return known + [(trained, j) for j in range(max(trained + 1, stream.known), period + 1)]


def _forecast(
    stream: Stream, seen: list[tuple[int, int]], period: int, z: float
) -> Callable[[int, int], float]:
    """Linear in version, period, time between and shift of the inputs; Gaussian."""
    gaps = np.array([max(stream.shift[i, j], 0.0) for i, j in seen])
    rows = np.array([[1.0, i, j, j - i] for i, j in seen])
    design = np.column_stack([rows, gaps])
    target = np.array([stream.wrong[i, j] for i, j in seen])
    ridge = np.diag([1e-6, 1e-2, 1e-2, 1e-2, 1e-2])
    weight = np.linalg.solve(design.T @ design + ridge, design.T @ target)
    spread = float(np.std(target - design @ weight))

    # The shift of periods to come is the mean shift at that distance so far.
    by_gap = {}
    for (i, j), gap in zip(seen, gaps, strict=True):
        by_gap.setdefault(j - i, []).append(gap)
    known = sorted(by_gap)
    means = [float(np.mean(by_gap[gap])) for gap in known]

    def forecast(version: int, at: int) -> float:
        gap = float(np.interp(at - version, known, means))
        mean = float(weight @ np.array([1.0, version, at, at - version, gap]))
        return min(max(mean + z * spread * (at > period), 0.0), 1.0)

    return forecast
