"""Shares and their differences by score intervals.

They hold at small counts, where Wald's do not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final, Literal

import numpy as np
from numpy.typing import ArrayLike

from tunewell.stats.inputs import Floats, are_counts, critical, matrix, share
from tunewell.stats.special import bdtr, betainc, betaincinv, chdtrc
from tunewell.types import Estimate, Value

ProportionMethod = Literal["wilson", "clopper-pearson", "jeffreys"]
NAMES: Final = {
    "wilson": "Wilson",
    "clopper-pearson": "Clopper-Pearson",
    "jeffreys": "Jeffreys",
}
_HALVINGS = 52
_TINY = 1e-300


def at_least(
    hits: int,
    of: int,
    chance: float,
) -> float:
    """Probability of so many hits or more among independent trials.

    Args:
        hits: How many.
        of: Trials.
        chance: Of a hit in each, from 0 to 1.

    Example:
        >>> at_least(0, 3, 0.5), round(at_least(2, 3, 0.5), 6), round(at_least(3, 3, 0.5), 6)
        (1.0, 0.5, 0.125)
    """
    if hits <= 0 or chance >= 1:
        return 1.0
    return float(betainc(hits, of - hits + 1, chance))


class Tested(Value):
    """A test: the effect with its interval, and the p-value.

    Attributes:
        estimate: The effect, never without its interval.
        p_value: Two-sided probability, under no effect, of data at least this far from it.
        statistic: What was referred to its distribution under no effect.
        method: How the p-value was made.
    """

    __test__: ClassVar[bool] = False  # pytest: the name begins like a test's, the class is none

    estimate: Estimate
    p_value: float
    statistic: float
    method: str


def wilson(
    successes: ArrayLike,
    n: ArrayLike,
    z: ArrayLike,
) -> tuple[Floats, Floats]:
    """Wilson's score interval, elementwise; counts may be fractional (divided by a design effect).

    Source: Wilson 1927, JASA 22; Brown, Cai & DasGupta 2001, Statistical Science 16.
    """
    x = np.asarray(successes, dtype=np.float64)
    m = np.asarray(n, dtype=np.float64)
    q = np.asarray(z, dtype=np.float64)
    centre = (x + q**2 / 2) / (m + q**2)
    variance = np.maximum(x * (m - x) / m, 0.0)
    half = q / (m + q**2) * np.sqrt(variance + q**2 / 4)
    low = np.where(x <= 0, 0.0, np.maximum(centre - half, 0.0))
    high = np.where(x >= m, 1.0, np.minimum(centre + half, 1.0))
    return low, high


def proportion(
    successes: float,
    n: float,
    *,
    method: ProportionMethod = "wilson",
    level: float = 0.95,
    missing: int = 0,
) -> Estimate:
    """The share of successes among independent trials, with an interval.

    Args:
        successes: How many succeeded, 0 … n.
        n: How many were tried and have a verdict, above 0.
        method: ``wilson`` (covers the level on average), ``clopper-pearson`` (covers at least the
            level, always), ``jeffreys`` (equal-tailed Beta posterior; average coverage, short).
        level: Probability of covering, in (0, 1).
        missing: Trials without a verdict. The interval is widened to hold whatever they might have
            been; the value is the share among those seen.

    Returns:
        The share, in [0, 1].

    Source:
        Wilson 1927; Clopper & Pearson 1934; Brown, Cai & DasGupta 2001 (Jeffreys, section 4.3).

    Example:
        >>> str(proportion(15, 148))
        '0.101 [0.0624, 0.16]'
        >>> str(proportion(0, 20, method="clopper-pearson"))
        '0 [0, 0.168]'
    """
    share(level, "level")
    if not (n > 0 and 0 <= successes <= n):
        raise ValueError(
            "'successes' must lie between 0 and 'n', and 'n' above 0. "
            f"Got {successes} of {n} instead."
        )
    if missing < 0:
        raise ValueError(f"'missing' must be 0 or more. Got {missing} instead.")
    if method not in NAMES:
        raise ValueError(
            f"'method' must be wilson, clopper-pearson or jeffreys. Got {method!r} instead."
        )
    total = n + missing
    low, _ = _bounds(successes, total, method, level)
    _, high = _bounds(successes + missing, total, method, level)
    name = NAMES[method]
    if missing:
        name += f", {missing} missing bounded"
    return Estimate(
        value=successes / n,
        low=low,
        high=high,
        level=level,
        n=int(n),
        method=name,
    )


def _bounds(
    x: float,
    n: float,
    method: ProportionMethod,
    level: float,
) -> tuple[float, float]:
    if method == "wilson":
        low, high = wilson(x, n, critical(level))
        return float(low), float(high)
    tail = (1.0 - level) / 2.0
    shift = 1.0 if method == "clopper-pearson" else 0.5
    bottom = 0.0
    top = 1.0
    if x != 0:
        bottom = float(betaincinv(x + 1 - shift, n - x + shift, tail))
    if x != n:
        top = float(betaincinv(x + shift, n - x + 1 - shift, 1 - tail))
    return bottom, top


def paired_score(
    b: ArrayLike,
    c: ArrayLike,
    n: ArrayLike,
    z: ArrayLike,
) -> tuple[Floats, Floats]:
    """Tango's score interval for the difference of paired shares, (b - c) / n, elementwise.

    Args:
        b: Pairs where only the first succeeded. May be fractional.
        c: Pairs where only the second succeeded.
        n: All pairs.
        z: Critical value.

    Source: Tango 1998, Statistics in Medicine 17, equations 6-9.
    """
    b_, c_, n_, z_ = _broadcast(b, c, n, z)

    def score(delta: Floats) -> Floats:
        linear = -b_ - c_ + (2 * n_ - b_ + c_) * delta
        constant = -c_ * delta * (1 - delta)
        discriminant = np.maximum(linear**2 - 8 * n_ * constant, 0.0)
        p21 = (np.sqrt(discriminant) - linear) / (4 * n_)
        variance = n_ * (2 * p21 + delta * (1 - delta))
        out: Floats = (b_ - c_ - n_ * delta) / np.sqrt(np.maximum(variance, _TINY))
        return out

    return _invert(score, (b_ - c_) / n_, z_)


def unpaired_score(
    x1: ArrayLike,
    n1: ArrayLike,
    x2: ArrayLike,
    n2: ArrayLike,
    z: ArrayLike,
) -> tuple[Floats, Floats]:
    """Miettinen and Nurminen's score interval for a difference of independent shares, elementwise.

    Source: Miettinen & Nurminen 1985, Statistics in Medicine 4; restricted estimate in closed form
    by Farrington & Manning 1990, Statistics in Medicine 9, appendix.
    """
    a1, m1, a2, m2, z_ = _broadcast(x1, n1, x2, n2, z)
    p1 = a1 / m1
    p2 = a2 / m2
    ratio = m2 / m1
    total = m1 + m2

    def score(delta: Floats) -> Floats:
        a = 1 + ratio
        b = -(1 + ratio + p1 + ratio * p2 + delta * (ratio + 2))
        c = delta**2 + delta * (2 * p1 + ratio + 1) + p1 + ratio * p2
        d = -p1 * delta * (1 + delta)
        third = b / (3 * a)
        v = third**3 - b * c / (6 * a**2) + d / (2 * a)
        root = np.sqrt(np.maximum(third**2 - c / (3 * a), 0.0))
        u = np.sign(v) * root
        u = np.where(u == 0, _TINY, u)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            angle = np.nan_to_num(v / u**3, nan=0.0, posinf=1.0, neginf=-1.0)
        w = (np.pi + np.arccos(np.clip(angle, -1.0, 1.0))) / 3

        q1 = np.clip(2 * u * np.cos(w) - third, 0.0, 1.0)
        q2 = np.clip(q1 - delta, 0.0, 1.0)
        variance = q1 * (1 - q1) / m1 + q2 * (1 - q2) / m2
        unbiased = variance * total / (total - 1)
        out: Floats = (p1 - p2 - delta) / np.sqrt(np.maximum(unbiased, _TINY))
        return out

    return _invert(score, p1 - p2, z_)


def _broadcast(*values: ArrayLike) -> tuple[Floats, ...]:
    arrays = [np.asarray(v, dtype=np.float64) for v in values]
    return np.broadcast_arrays(*arrays)


def _invert(
    score: Callable[[Floats], Floats],
    value: Floats,
    z: Floats,
) -> tuple[Floats, Floats]:
    """Where a falling score crosses +z (below the value) and -z (above it), by halving [-1, 1]."""

    def crossing(sign: float) -> Floats:
        inner = value.copy()
        outer = np.full_like(value, -sign)
        for _ in range(_HALVINGS):
            middle = (inner + outer) / 2
            inside = sign * score(middle) <= z
            inner = np.where(inside, middle, inner)
            outer = np.where(inside, outer, middle)
        return inner

    low = crossing(1.0)
    high = crossing(-1.0)
    return np.minimum(low, value), np.maximum(high, value)


def mcnemar(
    table: ArrayLike,
    *,
    method: Literal["mid-p", "exact", "asymptotic"] = "mid-p",
    level: float = 0.95,
) -> Tested:
    """Whether two paired arms succeed equally often.

    Args:
        table: Counts of pairs, shape (2, 2): ``[[both, only the first], [only the second,
            neither]]``.
        method: ``mid-p`` (keeps its level in practice and is not wasteful), ``exact`` (binomial,
            keeps it always), ``asymptotic`` (z² to chi-square with one degree of freedom, without
            continuity correction).
        level: Of the interval for the difference.

    Returns:
        The difference of shares, first minus second (Tango's interval), the p-value and z².

    Source:
        McNemar 1947; Fagerland, Lydersen & Laake 2013, BMC Medical Research Methodology 13:91
        (mid-p).

    Example:
        >>> t = mcnemar([[794, 86], [150, 570]])
        >>> str(t.estimate), round(t.statistic, 2), t.p_value < 1e-4
        ('-0.04 [-0.059, -0.0214]', 17.36, True)
    """
    counts = matrix(table, "table")
    if counts.shape != (2, 2) or not are_counts(counts) or counts.sum() == 0:
        raise ValueError(
            f"'table' must hold four counts, shape (2, 2). Got {counts.tolist()} instead."
        )
    b = float(counts[0, 1])
    c = float(counts[1, 0])
    n = float(counts.sum())
    discordant = b + c
    statistic = (b - c) ** 2 / discordant if discordant else 0.0
    if method == "asymptotic":
        p_value = float(chdtrc(1.0, statistic))
    elif method in ("exact", "mid-p"):
        p_value = _binomial_p(min(b, c), int(discordant), mid=method == "mid-p")
    else:
        raise ValueError(f"'method' must be mid-p, exact or asymptotic. Got {method!r} instead.")

    low, high = paired_score(b, c, n, critical(level))
    estimate = Estimate(
        value=(b - c) / n,
        low=float(low),
        high=float(high),
        level=level,
        n=int(n),
        method="Tango score, paired",
    )
    return Tested(
        estimate=estimate,
        p_value=p_value,
        statistic=statistic,
        method=f"McNemar {method}",
    )


def _binomial_p(
    fewer: float,
    n: int,
    *,
    mid: bool,
) -> float:
    """Two-sided p-value of the smaller of two equally likely counts.

    Args:
        fewer: The smaller count.
        n: Both together.
        mid: Whether the data at hand count half.
    """
    if n == 0:
        return 1.0
    tail = float(bdtr(fewer, n, 0.5))
    below = float(bdtr(fewer - 1, n, 0.5)) if fewer > 0 else 0.0
    at = tail - below if mid else 0.0
    return min(1.0, 2 * tail - at)
