"""Looking at any time.

Intervals that hold over whole trajectories, and A/B tests that may be stopped early.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from tunewell.stats.boundaries import Kind, group_boundaries, power_of, spending_boundaries
from tunewell.stats.corrected_pairs import corrected_win_rate
from tunewell.stats.inputs import Floats, critical, share, value_range, vector
from tunewell.stats.special import ndtr, stdtrit
from tunewell.types import Estimate, Value

_GRID = 1000
_LARGE = 8.0


@dataclass(frozen=True)
class ConfidenceSequence:
    """Intervals after each observation; with probability ``level`` all of them hold at once.

    Attributes:
        low: Lower ends, shape (n,), never falling.
        high: Upper ends, shape (n,), never rising.
        last: The interval after the last observation, with the running mean.
    """

    low: Floats
    high: Floats
    last: Estimate


def confidence_sequence(
    values: ArrayLike,
    *,
    low: float,
    high: float,
    other: ArrayLike | None = None,
    level: float = 0.95,
) -> ConfidenceSequence:
    """An interval for a bounded mean (or paired difference of means) after every observation.

    Looking after each one and stopping whenever one likes leaves the error at most 1 - ``level``,
    exactly, for whatever distribution within the bounds, as long as the conditional mean stays the
    same.

    Args:
        values: In order of arrival, shape (n,), within [low, high].
        low: Least possible value.
        high: Greatest possible value.
        other: If given, the sequence is for the mean of ``values - other``, paired, both within
            [low, high].
        level: Probability that no interval ever misses, in (0, 1).

    Source:
        Waudby-Smith & Ramdas 2024, JRSS B 86, theorem 3 (hedged capital) with predictable plug-in
        bets.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).random(400) < 0.7
        >>> s = confidence_sequence(x.astype(float), low=0, high=1)
        >>> s.last.low < 0.7 < s.last.high, s.last.high - s.last.low < 0.2
        (True, True)
    """
    x = vector(values, "values")
    span = value_range(low, high)
    assert span is not None
    bottom, top = span
    if other is not None:
        y = vector(other, "other")
        if y.size != x.size:
            raise ValueError(
                f"'values' and 'other' must be of one length. Got {x.size} and {y.size} instead."
            )
        x = x - y
        bottom, top = bottom - top, top - bottom
    if x.min() < bottom or x.max() > top:
        raise ValueError(f"'values' must lie in [{low:g}, {high:g}].")

    share(level, "level")
    width = top - bottom
    lows, highs = _unit_sequence((x - bottom) / width, 1 - level)
    lows = bottom + width * lows
    highs = bottom + width * highs
    last = Estimate(
        value=float(np.clip(x.mean(), lows[-1], highs[-1])),
        low=float(lows[-1]),
        high=float(highs[-1]),
        level=level,
        n=x.size,
        method="betting, any time",
    )
    return ConfidenceSequence(low=lows, high=highs, last=last)


def _unit_sequence(u: Floats, alpha: float) -> tuple[Floats, Floats]:
    """Lower and upper ends after each observation in [0, 1], on a grid of means."""
    grid = (np.arange(_GRID) + 0.5) / _GRID
    capital = log_capital(u[None], grid[:, None], alpha)
    alive = np.logical_and.accumulate(capital < math.log(1 / alpha), axis=1)
    some = alive.any(axis=0)
    first = alive.argmax(axis=0)
    last = _GRID - 1 - alive[::-1].argmax(axis=0)
    # A mean between two grid points is kept if either neighbour is: half a step is added on both
    # sides.
    lowest = np.maximum(grid[first] - 1 / _GRID, 0.0)
    highest = np.minimum(grid[last] + 1 / _GRID, 1.0)
    bottom = np.where(some, lowest, 0.0)
    top = np.where(some, highest, 1.0)
    if not some.all():
        # No mean is left: what was last known stays.
        stop = int(some.argmin())
        bottom[stop:] = bottom[stop - 1] if stop else 0.0
        top[stop:] = top[stop - 1] if stop else 1.0
    return np.maximum.accumulate(bottom), np.minimum.accumulate(top)


def log_capital(u: Floats, mean: Floats, alpha: float) -> Floats:
    """Log of the hedged capital of a bettor against ``mean`` after each observation.

    Args:
        u: Observations in [0, 1], shape (runs, n).
        mean: In (0, 1), broadcast against (runs, n) on its first axis.
        alpha: Error that the bets are tuned to.
    """
    n = u.shape[1]
    t = np.arange(1, n + 1)
    running = (0.5 + np.cumsum(u, axis=1)) / (t + 1)
    squares = np.cumsum((u - running) ** 2, axis=1)
    spread = (0.25 + squares) / (t + 1)
    first = np.full((len(u), 1), 0.25)
    past = np.concatenate([first, spread[:, :-1]], axis=1)
    growth = past * t * np.log(t + 1)
    bet = np.sqrt(2 * math.log(2 / alpha) / growth)

    gain = u - mean
    bet_up = np.minimum(bet, 0.5 / mean)
    bet_down = np.minimum(bet, 0.5 / (1 - mean))
    up = np.cumsum(np.log1p(bet_up * gain), axis=1)
    down = np.cumsum(np.log1p(-bet_down * gain), axis=1)
    out: Floats = np.maximum(up, down) - math.log(2)
    return out


class Look(Value):
    """One look at a running A/B test.

    Attributes:
        estimate: Win rate of a over b with its repeated interval: over all looks it misses with
            probability alpha.
        stop: Whether the test may be ended here.
        favours: ``a``, ``b``, or empty while open.
        boundary: The critical value of z at this look (0 for any-time-valid).
        why: One sentence.
    """

    estimate: Estimate
    stop: bool
    favours: Literal["a", "b", ""]
    boundary: float
    why: str


def sequential_ab(
    *,
    human: ArrayLike,
    planned: int | None = None,
    looks: ArrayLike | None = None,
    judge: ArrayLike | None = None,
    kind: Kind = "obrien-fleming",
    clusters: Iterable[Hashable] | None = None,
    alpha: float = 0.05,
) -> Look:
    """Whether people prefer a or b, judged now, after any number of earlier looks.

    Two ways. With ``planned``: group-sequential, an error-spending boundary at the fractions of the
    planned labels where one looked; needs fewer labels. Without: any-time-valid, whenever one
    likes, for ever.

    Args:
        human: 1 (a preferred), .5 (tie), 0 (b preferred), NaN where no person has spoken, in order,
            shape (n,).
        planned: Labels at which the test ends at the latest; see `sample_size_ab`.
        looks: Number of labels at each look so far, this one last, increasing. None: this is the
            only one.
        judge: A judge's verdict on every pair, shape (n,); it corrects the estimate and saves
            labels.
        kind: Shape of the boundary.
        clusters: Cluster of each pair, group-sequential only.
        alpha: Two-sided error over all looks.

    Returns:
        The look. Past the plan's end the boundary stays spent: the last look decides.

    Source:
        Jennison & Turnbull 1989 (repeated intervals); Lan & DeMets 1983; Waudby-Smith & Ramdas
        2024.

    Example:
        >>> import numpy as np
        >>> human = np.where(np.random.default_rng(0).random(100) < 0.75, 1.0, 0.0)
        >>> look = sequential_ab(human=human, planned=190, looks=[50, 100])
        >>> look.stop, look.favours, round(look.boundary, 2)
        (True, 'a', 2.88)
    """
    y = vector(human, "human", missing=True)
    labels = y[~np.isnan(y)]
    if not np.isin(labels, (0.0, 0.5, 1.0)).all():
        raise ValueError("'human' must hold 0, .5, 1 or NaN.")
    f = None if judge is None else vector(judge, "judge", missing=True)
    if planned is None:
        estimate = _any_time(y, f, 1 - share(alpha, "alpha"))
        return look_of(estimate, boundary=0.0, ended=False, rule="any-time-valid")

    n = labels.size
    seen = np.asarray([n] if looks is None else looks, dtype=np.float64)
    if seen[-1] != n or planned < 2:
        raise ValueError(f"'looks' must end with the {n} labels given and 'planned' be 2 or more.")
    boundary = spending_boundaries(list(seen / planned), kind=kind, alpha=alpha)[-1]
    estimate = corrected_win_rate(
        judge=np.zeros(y.size) if f is None else f,
        human=y,
        clusters=clusters,
        level=look_level(boundary, n, judged=f is not None),
    )
    rule = f"look {seen.size} at {n} of {planned} labels, boundary {boundary:.2f}"
    return look_of(estimate, boundary=boundary, ended=n >= planned, rule=rule)


def look_of(
    estimate: Estimate,
    *,
    boundary: float,
    ended: bool,
    rule: str,
) -> Look:
    """A look from its interval for the win rate: whether it ends the test, and for whom.

    Args:
        estimate: The win rate with its repeated interval.
        boundary: The critical value of z.
        ended: Whether nothing more is planned.
        rule: By which rule it was looked, in words.
    """
    favours: Literal["a", "b", ""] = ""
    if estimate.low > 0.5:
        favours = "a"
    elif estimate.high < 0.5:
        favours = "b"
    says = "excludes" if favours else "holds"
    return Look(
        estimate=estimate,
        stop=bool(favours) or ended,
        favours=favours,
        boundary=boundary,
        why=f"{rule}: the interval {says} one half",
    )


def look_level(boundary: float, labels: int, *, judged: bool) -> float:
    """Level of the interval at a look.

    Student's t stands in for z: few labels know their own spread badly.

    Example:
        >>> many = look_level(1.96, 1_000_000, judged=False)
        >>> few = look_level(1.96, 20, judged=False)
        >>> round(many, 3), round(few, 3)
        (0.95, 0.964)
    """
    df = max(labels - (2 if judged else 1), 1)
    t = math.inf
    if boundary < _LARGE:
        t = float(stdtrit(df, float(ndtr(boundary))))
    return min(float(2 * ndtr(t) - 1), 1 - 1e-12)


def sample_size_ab(
    win_rate: float,
    *,
    looks: int = 5,
    kind: Kind = "obrien-fleming",
    saved: float = 0.0,
    power: float = 0.8,
    alpha: float = 0.05,
) -> tuple[Estimate, Estimate]:
    """Labels to plan for a sequential A/B test, and labels expected when the win rate is as given.

    Args:
        win_rate: The win rate to be seen, in (0, 1), not one half.
        looks: Equally spaced looks.
        kind: Shape of the boundary.
        saved: Share of labels that the judge saves, in [0, 1): the square of its correlation with
            people.
        power: Probability of seeing it.
        alpha: Two-sided error over all looks.

    Example:
        >>> plan, expected = sample_size_ab(0.6, saved=0.36)
        >>> plan.value > 120, expected.value < plan.value
        (True, True)
    """
    share(win_rate, "win_rate")
    share(power, "power")
    if win_rate == 0.5 or not 0 <= saved < 1:
        raise ValueError(
            f"'win_rate' must not be .5, 'saved' in [0, 1). Got {win_rate} and {saved}."
        )
    boundary = group_boundaries(looks, kind=kind, alpha=alpha)
    drift = _drift_for(boundary, power)
    sd = math.sqrt(win_rate * (1 - win_rate) * (1 - saved))
    n = (drift * sd / (win_rate - 0.5)) ** 2
    _, expected_share = power_of(boundary, drift)

    def labels(count: float) -> Estimate:
        return Estimate(
            value=count,
            low=count,
            high=count,
            level=1 - alpha,
            n=0,
            method=f"group-sequential, {looks} {kind} looks",
            unit="labels",
        )

    return labels(n), labels(n * expected_share)


def _drift_for(boundary: tuple[float, ...], power: float) -> float:
    """Mean of the last z at which a boundary is crossed with this probability."""
    low = 0.0
    high = 20.0
    for _ in range(40):
        middle = (low + high) / 2
        reached, _ = power_of(boundary, middle)
        if reached < power:
            low = middle
        else:
            high = middle
    return high


def _any_time(y: Floats, f: Floats | None, level: float) -> Estimate:
    """The interval that holds at any time.

    Without a judge the bets are on people's verdicts, with one on the verdicts less a predictable
    share of it. A tenth of the error goes to the judge's mean over all pairs, which is estimated
    and not known.
    """
    seen = ~np.isnan(y)
    v = y[seen]
    if f is None:
        return confidence_sequence(v, low=0.0, high=1.0, level=level).last

    g = _to_unit(np.where(np.isnan(f), np.nanmean(f), f))
    off = (g - g.mean())[seen]
    taken_off = _predictable_share(v, off) * off
    alpha = 1 - level
    sequence = confidence_sequence(v - taken_off, low=-1.0, high=2.0, level=1 - 0.9 * alpha)
    e = sequence.last
    slack = critical(1 - alpha / 10) * float(g.std()) / math.sqrt(f.size)
    value = min(max(e.value, 0.0), 1.0)
    return Estimate(
        value=value,
        low=min(max(e.low - slack, 0.0), value),
        high=max(min(e.high + slack, 1.0), value),
        level=level,
        n=v.size,
        method="betting, any time, judge taken off",
    )


def _to_unit(scores: Floats) -> Floats:
    """Scores on [0, 1]; zeros where all are equal."""
    width = float(np.ptp(scores))
    if width <= 0:
        return np.zeros(scores.size)
    return np.asarray((scores - scores.min()) / width)


def _predictable_share(v: Floats, off: Floats) -> Floats:
    """The share of the judge that is taken off each label, learnt from earlier labels only."""
    products = np.cumsum((v - 0.5) * off)
    squares = np.cumsum(off**2)
    product = np.concatenate([[0.0], products[:-1]])
    square = np.concatenate([[0.0], squares[:-1]])
    t = np.arange(1, v.size + 1)
    ridge = 5.0 / np.sqrt(t)
    return np.clip(product / (square + ridge), -1.0, 1.0)
