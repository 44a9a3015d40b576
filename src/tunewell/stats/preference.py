"""Which of two arms people prefer: intervals that hold at every look, and the raters needed.

Verdicts of one rater are alike, and so are verdicts on one question. An interval that ignores it
declares winners where there are none.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from tunewell.stats.boundaries import crossing, group_boundaries
from tunewell.stats.inputs import Floats, Ints, codes, positive, share, vector
from tunewell.stats.sequential import Look, look_of
from tunewell.stats.special import ndtr, stdtrit
from tunewell.types import Estimate, Value

_HALVINGS = 60

AFTER_EVERY_VERDICT: Final = 0
"""In the place of a number of looks."""

BALANCED: Final = 2 / 3
"""A rater counts towards a look with at least this share of the busiest rater's verdicts."""

LEAST_SHARE_OF_INDEPENDENT: Final = 0.5
"""The variance is never taken to be less than this share of that of independent verdicts.

Six raters who happen to agree exactly would otherwise give an interval without width. Without it
5.7 % of comparisons of equal arms find a winner at an intraclass correlation of 0, with it 1.9 %
(10,000 simulated comparisons of 6 raters with 20 verdicts each).
"""

_LEAST_TAIL: Final = 1e-15
_MOST_RATERS: Final = 10_000
_AT_ONCE: Final = 256


def continuous_boundary(fraction: float, *, alpha: float = 0.05) -> float:
    """Critical value of z at a fraction of the planned verdicts, for a look after every verdict.

    Args:
        fraction: Of the planned verdicts, in (0, 1]; above 1 nothing is left to spend.
        alpha: Two-sided error over all looks, however many there are.

    Returns:
        The O'Brien-Fleming boundary of a Brownian motion that is watched all the time.

    Source:
        O'Brien & Fleming 1979; the crossing probability: Billingsley 1968, equation 11.12.

    Example:
        >>> round(continuous_boundary(1.0), 3), round(continuous_boundary(0.25), 3)
        (2.241, 4.483)
    """
    positive(fraction, "fraction")
    return _brownian_bound(share(alpha, "alpha")) / math.sqrt(min(fraction, 1.0))


def _brownian_bound(alpha: float) -> float:
    """The value that a Brownian motion's modulus exceeds before time 1 with this probability."""
    low, high = 0.5, 8.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _ever_beyond(middle) > alpha:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _ever_beyond(bound: float) -> float:
    """Probability that a Brownian motion's modulus exceeds this before time 1."""
    inside = 0.0
    for k in range(-20, 21):
        at = ndtr((2 * k + 1) * bound) - ndtr((2 * k - 1) * bound)
        inside += (-1) ** k * float(at)
    return max(0.0, 1.0 - inside)


def fewest_raters(alpha: float = 0.05) -> int:
    """Raters with fewer than which no preference can be found.

    If raters' own preferences are as likely to go one way as the other, all of so many go the same
    way with probability 2 ** (1 - raters), whatever the arms.

    Example:
        >>> fewest_raters()
        6
    """
    return 1 + math.ceil(-math.log2(share(alpha, "alpha")))


@dataclass(frozen=True)
class _Path:
    """The mean of verdicts at every look, under both kinds of dependence.

    Attributes:
        value: Shape (looks,).
        variance: Of the value.
        df: Of the variance.
        raters: How many count by then.
    """

    value: Floats
    variance: Floats
    df: Floats
    raters: Ints


def preference_looks(
    verdicts: ArrayLike,
    *,
    raters: Iterable[Hashable],
    questions: Iterable[Hashable] | None = None,
    planned: int,
    looks: int = AFTER_EVERY_VERDICT,
    alpha: float = 0.05,
    last_only: bool = False,
) -> tuple[Look, ...]:
    """What people prefer at every look so far, clustered by rater and by question.

    Args:
        verdicts: 1 (the first arm preferred), .5 (tie or both bad), 0 (the second), in order of
            arrival, shape (n,).
        raters: Who said it, shape (n,).
        questions: On which question, shape (n,); None where each was asked once.
        planned: Verdicts at which the comparison ends. The boundary is tuned to it; verdicts
            beyond it are not looked at.
        looks: Equally spaced looks; `AFTER_EVERY_VERDICT` = whenever one likes.
        alpha: Two-sided error over all looks together.
        last_only: Only the last look, which is all that a page needs.

    Returns:
        One `Look` for each at which something can be said; empty before the first. ``estimate`` is
        the win rate of the first arm, ``estimate.n`` the number of raters. Nothing is said while
        all raters who count could lean one way by chance more often than the error spent so far
        (2 ** (1 - raters)): no t distribution knows that.

    Source:
        Repeated intervals: Jennison & Turnbull 1989. Two-way clusters: Cameron, Gelbach & Miller
        2011, the larger of the one-way and two-way variances. Few clusters: Bell & McCaffrey 2002.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> said = (rng.random(198) < 0.8).astype(float)
        >>> look = preference_looks(said, raters=list(range(6)) * 33, planned=198)[-1]
        >>> look.favours, look.estimate.low > 0.6
        ('a', True)
    """
    x = vector(verdicts, "verdicts")
    if not np.isin(x, (0.0, 0.5, 1.0)).all():
        raise ValueError("'verdicts' must hold 1, .5 or 0.")
    if planned < 2:
        raise ValueError(f"'planned' must be 2 or more. Got {planned} instead.")
    people = codes(raters, x.size, "raters")
    asked = codes(questions, x.size, "questions")
    places = _places(x.size, planned, looks, alpha)
    if last_only:
        places = places[-1:]
    if not places:
        return ()
    spent = _spent_by(places, planned, looks, alpha)
    counts = np.array([count for count, _ in places], dtype=np.int64)
    path = _path(x, people, asked, counts)
    found = []
    for number, (count, boundary) in enumerate(places):
        by_chance = 2.0 ** (1 - int(path.raters[number]))
        if by_chance > spent[number]:
            continue
        rule = f"{count} of {planned} verdicts, boundary {boundary:.2f}"
        if looks:
            rule = f"look {number + 1} at {rule}"
        spread = _Spread(path, number)
        found.append(_look_at(spread, boundary, alpha, ended=count >= planned, rule=rule))
    return tuple(found)


def _places(n: int, planned: int, looks: int, alpha: float) -> list[tuple[int, float]]:
    """How many verdicts each look rests on, with its boundary."""
    reached = min(n, planned)
    if looks == AFTER_EVERY_VERDICT:
        bound = _brownian_bound(share(alpha, "alpha"))
        return [(k, bound / math.sqrt(k / planned)) for k in range(1, reached + 1)]
    boundaries = group_boundaries(looks, alpha=alpha)
    places = []
    for k, boundary in enumerate(boundaries, 1):
        count = math.ceil(planned * k / looks)
        if count <= reached:
            places.append((count, boundary))
    return places


def _spent_by(
    places: Sequence[tuple[int, float]],
    planned: int,
    looks: int,
    alpha: float,
) -> list[float]:
    """Error spent up to each look, the whole of it at the last."""
    if looks == AFTER_EVERY_VERDICT:
        return [alpha if n == planned else _ever_beyond(boundary) for n, boundary in places]
    boundaries = np.array(group_boundaries(looks, alpha=alpha))
    times = np.arange(1, looks + 1) / looks
    spent = []
    for count, _ in places:
        number = round(count * looks / planned)
        spent.append(crossing(boundaries[:number], times[:number]))
    return spent


def _path(x: Floats, people: Ints, asked: Ints, counts: Ints) -> _Path:
    """Mean and variance after each of these numbers of verdicts."""
    sums = np.cumsum(x)[counts - 1]
    value = sums / counts
    variance, df = _clustered(x, people, counts, value)
    if int(asked.max()) + 1 < x.size:
        by_question, df_questions = _clustered(x, asked, counts, value)
        cells = codes(zip(people.tolist(), asked.tolist(), strict=True), x.size)
        by_cell, _ = _clustered(x, cells, counts, value)
        together = variance + by_question - by_cell
        variance = np.fmax(np.fmax(variance, by_question), together)
        df = np.fmin(df, df_questions)
    least = LEAST_SHARE_OF_INDEPENDENT * _independent(sums, np.cumsum(x**2)[counts - 1], counts)
    return _Path(value, np.maximum(variance, least), df, _balanced(people, counts))


def _balanced(people: Ints, counts: Ints) -> Ints:
    """How many raters have spoken often enough to count, at each look."""
    numbers = np.arange(int(people.max()) + 1)
    said = np.cumsum(people[:, None] == numbers, axis=0)[counts - 1]
    enough = said >= BALANCED * said.max(axis=1, keepdims=True)
    out: Ints = (enough & (said > 0)).sum(axis=1)
    return out


def _clustered(
    x: Floats,
    groups: Ints,
    counts: Ints,
    value: Floats,
) -> tuple[Floats, Floats]:
    """Variance of the mean at each look and its degrees of freedom, as `sums_variance` has them.

    Groups are taken some at a time, so that memory stays bounded; all looks are done at once.
    """
    squares, weights, weight_squares, shares = (np.zeros(counts.size) for _ in range(4))
    for begin in range(0, int(groups.max()) + 1, _AT_ONCE):
        numbers = np.arange(begin, min(begin + _AT_ONCE, int(groups.max()) + 1))
        member = (groups[:, None] == numbers).astype(np.float64)
        size = np.cumsum(member, axis=0)[counts - 1]
        total = np.cumsum(member * x[:, None], axis=0)[counts - 1]
        share_of_all = size / counts[:, None]
        rest = np.where(share_of_all < 1, 1 - share_of_all, np.nan)
        squares += ((total - value[:, None] * size) ** 2 / rest).sum(axis=1)
        weight = share_of_all**2 / rest
        weights += weight.sum(axis=1)
        weight_squares += (weight**2).sum(axis=1)
        shares += (share_of_all**2).sum(axis=1)
    df = 1 / (shares + weights**2 - weight_squares)
    return squares / counts**2, df


def _independent(sums: Floats, squares: Floats, counts: Ints) -> Floats:
    """Variance of the mean of independent verdicts, two of each side added (Agresti & Coull)."""
    n = counts + 4
    centre = (sums + 2) / n
    out: Floats = ((squares + 2) / n - centre**2) / n
    return out


@dataclass(frozen=True)
class _Spread:
    """One look of a path."""

    path: _Path
    at: int

    @property
    def value(self) -> float:
        """The win rate."""
        return float(self.path.value[self.at])

    @property
    def raters(self) -> int:
        """How many count by then."""
        return int(self.path.raters[self.at])

    def half(self, tail: float) -> float:
        """Half the width of the interval that misses with this probability on each side."""
        quantile = -float(stdtrit(max(float(self.path.df[self.at]), 1.0), tail))
        return quantile * math.sqrt(float(self.path.variance[self.at]))


def _look_at(
    spread: _Spread,
    boundary: float,
    alpha: float,
    *,
    ended: bool,
    rule: str,
) -> Look:
    tail = max(float(ndtr(-boundary)), _LEAST_TAIL)
    half = spread.half(tail)
    estimate = Estimate(
        value=spread.value,
        low=max(0.0, spread.value - half),
        high=min(1.0, spread.value + half),
        level=1 - alpha,
        n=spread.raters,
        method="repeated interval, clustered by rater and question",
        unit="share",
    )
    return look_of(estimate, boundary=boundary, ended=ended, rule=rule)


def deciding_look(looks: Sequence[Look]) -> Look | None:
    """The first look that found a preference, else the last one; None before the first.

    What is found at a look stays found: the error of all looks together is what was planned.
    """
    for look in looks:
        if look.favours:
            return look
    return looks[-1] if looks else None


# --- the plan -------------------------------------------------------------------------------------


class PreferencePlan(Value):
    """Whether a panel can show a preference, and what it takes if not.

    Attributes:
        raters: How many people rate.
        each: Verdicts of each.
        icc: Intraclass correlation of one rater's verdicts that is assumed.
        win_rate: The preference to be shown.
        power: Probability of showing it with this panel.
        wanted: The power asked for.
        needed: Raters that reach it at so many verdicts each; 0 where no number does.
    """

    raters: int
    each: int
    icc: float
    win_rate: float
    power: float
    wanted: float
    needed: int

    @property
    def enough(self) -> bool:
        """Whether the panel reaches the power asked for."""
        return self.power >= self.wanted


def preference_power(
    raters: int,
    each: int,
    *,
    win_rate: float,
    icc: float,
    ties: float = 0.0,
    looks: int = AFTER_EVERY_VERDICT,
    alpha: float = 0.05,
) -> float:
    """Probability that a panel shows a preference by its last look.

    Args:
        raters: How many people rate, at least `fewest_raters`.
        each: Verdicts of each.
        win_rate: The true win rate, ties counting one half, in (0, 1).
        icc: Intraclass correlation of one rater's verdicts, in [0, 1].
        ties: Share of ties, in [0, 1).
        looks: As in `preference_looks`; 1 = a single look at the end.
        alpha: Two-sided error over all looks.

    Returns:
        The power of the last look, by the noncentral t distribution; earlier looks add a little.

    Example:
        >>> round(preference_power(6, 33, win_rate=0.65, icc=0.0), 2)
        0.84
        >>> round(preference_power(6, 33, win_rate=0.65, icc=0.2, looks=1), 2)
        0.26
    """
    from tunewell.stats.special import nctdtr

    share(win_rate, "win_rate")
    if raters < 2 or each < 1 or not 0 <= icc <= 1:
        raise ValueError(
            "'raters' must be 2 or more, 'each' 1 or more and 'icc' in [0, 1]. "
            f"Got {raters}, {each} and {icc} instead."
        )
    if raters < fewest_raters(alpha):
        return 0.0
    variance = win_rate * (1 - win_rate) - ties / 4
    if variance <= 0:
        raise ValueError(f"'ties' of {ties:g} leave no room for a win rate of {win_rate:g}.")
    design_effect = 1 + (each - 1) * icc
    error = math.sqrt(variance * design_effect / (raters * each))
    if looks == AFTER_EVERY_VERDICT:
        boundary = continuous_boundary(1.0, alpha=alpha)
    else:
        boundary = group_boundaries(looks, alpha=alpha)[-1]
    df = raters - 1
    quantile = float(-stdtrit(df, ndtr(-boundary)))
    return 1.0 - float(nctdtr(df, abs(win_rate - 0.5) / error, quantile))


def plan_preference(
    raters: int,
    each: int,
    *,
    win_rate: float,
    icc: float,
    ties: float = 0.0,
    looks: int = AFTER_EVERY_VERDICT,
    alpha: float = 0.05,
    power: float = 0.8,
) -> PreferencePlan:
    """Whether so many raters can show a preference, and how many can.

    Args:
        raters: How many people rate.
        each: Verdicts of each.
        win_rate: The smallest win rate worth finding, not one half.
        icc: Intraclass correlation of one rater's verdicts.
        ties: Share of ties expected.
        looks: As in `preference_looks`.
        alpha: Two-sided error over all looks.
        power: Wanted.

    Example:
        >>> plan = plan_preference(6, 33, win_rate=0.65, icc=0.2)
        >>> plan.enough, plan.needed
        (False, 25)
    """
    if win_rate == 0.5:
        raise ValueError("'win_rate' must differ from one half.")

    def reached(count: int) -> float:
        return preference_power(
            count, each, win_rate=win_rate, icc=icc, ties=ties, looks=looks, alpha=alpha
        )

    share(power, "power")
    needed = fewest_raters(alpha)
    while reached(needed) < power and needed <= _MOST_RATERS:
        needed += max(1, needed // 100)
    return PreferencePlan(
        raters=raters,
        each=each,
        icc=icc,
        win_rate=win_rate,
        power=reached(raters) if raters > 1 else 0.0,
        wanted=power,
        needed=needed if needed <= _MOST_RATERS else 0,
    )
