"""How many rows a question needs, and which difference a number of rows can show."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np

from tunewell.stats.inputs import critical, positive, share
from tunewell.stats.proportions import wilson
from tunewell.stats.special import ndtri, stdtrit
from tunewell.types import Estimate

Test = Literal["t", "z"]
_MOST = 10**9
_HALVINGS = 100


def _rows(
    value: float,
    method: str,
    unit: str = "rows",
    level: float = 0.95,
) -> Estimate:
    return Estimate(value=value, low=value, high=value, level=level, n=0, method=method, unit=unit)


def sample_size_proportion(p: float, *, width: float, level: float = 0.95) -> Estimate:
    """How many verdicts make Wilson's interval for a share as narrow as ``width``.

    Args:
        p: The share expected, in [0, 1]; .5 is the most demanding.
        width: Upper end minus lower end, in (0, 1).
        level: Of the interval.

    Returns:
        Verdicts needed (a whole number).

    Example:
        >>> sample_size_proportion(0.9, width=0.1).value
        141.0
    """
    if not 0 <= p <= 1:
        raise ValueError(f"'p' must lie in [0, 1]. Got {p} instead.")
    share(width, "width")
    z = critical(level)

    def enough(n: int) -> bool:
        low, high = wilson(p * n, n, z)
        return float(high - low) <= width

    return _rows(float(_least(enough)), "Wilson width", "verdicts", level)


def sample_size_share_against(
    p: float,
    *,
    against: float = 0.5,
    power: float = 0.8,
    level: float = 0.95,
) -> Estimate:
    """How many verdicts tell a share apart from a fixed one, such as a win rate from one half.

    Args:
        p: The true share, in (0, 1).
        against: The share under no effect, in (0, 1).
        power: Probability of seeing it, in (0, 1).
        level: One minus the two-sided error.

    Returns:
        Verdicts needed, not rounded; round up.

    Source:
        Fleiss, Levin & Paik 2003, section 2.5.

    Example:
        >>> import math
        >>> math.ceil(sample_size_share_against(0.6).value)
        194
    """
    share(p, "p")
    share(against, "against")
    if p == against:
        raise ValueError(f"'p' must differ from 'against'. Got {p} for both.")
    without_effect = critical(level) * math.sqrt(against * (1 - against))
    with_effect = _power_quantile(power) * math.sqrt(p * (1 - p))
    n = ((without_effect + with_effect) / (p - against)) ** 2
    return _rows(n, "normal approximation", "verdicts", level)


def _power_quantile(power: float) -> float:
    return float(ndtri(share(power, "power")))


def sample_size_difference(
    delta: float,
    *,
    sd: float,
    paired: bool = False,
    power: float = 0.8,
    level: float = 0.95,
    test: Test = "t",
    design_effect: float = 1.0,
) -> Estimate:
    """How many rows (an arm, if not paired) show a difference of means.

    Args:
        delta: The true difference, not 0.
        sd: Standard deviation: of the paired differences if paired, else within each arm
            (for a share p: the square root of p (1 - p)).
        paired: Whether both arms answer the same rows.
        power: Probability of seeing it, in (0, 1).
        level: One minus the two-sided error.
        test: ``t`` (noncentral t, exact for normal data) or ``z`` (the usual formula).
        design_effect: Variance against independent rows: 1 + (rows per cluster - 1) × intraclass
            correlation.

    Returns:
        Rows, or rows an arm; not rounded, round up.

    Source:
        Cohen 1988, section 2.4; Miller 2024 (arXiv 2411.00640), equation 9, for ``z`` and paired.

    Example:
        >>> round(sample_size_difference(0.5, sd=1).value, 2)
        63.77
        >>> round(sample_size_difference(0.03, sd=1 / 3, paired=True, test="z").value)
        969
    """
    if delta == 0 or not math.isfinite(delta):
        raise ValueError(f"'delta' must be finite and not 0. Got {delta} instead.")
    effect = abs(delta) / positive(sd, "sd")
    arms = 1 if paired else 2
    quantiles = critical(level) + _power_quantile(power)
    _check_test(test)
    n = arms * (quantiles / effect) ** 2
    if test == "t":

        def gap(m: float) -> float:
            return _power_t(m, effect, arms, level) - power

        n = _solve(gap, 2.0, max(4.0, 4 * n + 50))
    return _rows(
        n * positive(design_effect, "design_effect"),
        f"power of the two-sided {test} test",
        "rows" if paired else "rows per arm",
        level,
    )


def _check_test(test: str) -> None:
    if test not in ("t", "z"):
        raise ValueError(f"'test' must be t or z. Got {test!r} instead.")


def detectable_difference(
    n: float,
    *,
    sd: float,
    paired: bool = False,
    power: float = 0.8,
    level: float = 0.95,
    test: Test = "t",
    design_effect: float = 1.0,
) -> Estimate:
    """The smallest difference of means that ``n`` rows (an arm, if not paired) show.

    See `sample_size_difference`.

    Example:
        >>> round(detectable_difference(500, sd=0.5, test="z").value, 4)
        0.0886
    """
    m = positive(n, "n") / positive(design_effect, "design_effect")
    positive(sd, "sd")
    arms = 1 if paired else 2
    quantiles = critical(level) + _power_quantile(power)
    _check_test(test)
    effect = quantiles * math.sqrt(arms / m)
    if test == "t":
        if m < 2:
            raise ValueError(f"'n' must be 2 or more after the design effect. Got {m:g} instead.")

        def gap(e: float) -> float:
            return _power_t(m, e, arms, level) - power

        effect = _solve(gap, 1e-9, 20 * effect + 20)
    return _rows(effect * sd, f"power of the two-sided {test} test, {n:g} rows", "", level)


def sample_size_mcnemar(
    only_a: float,
    only_b: float,
    *,
    power: float = 0.8,
    level: float = 0.95,
) -> Estimate:
    """How many pairs show that two arms succeed unequally often on the same rows.

    Args:
        only_a: Share of rows on which only arm a succeeds, in [0, 1].
        only_b: Share on which only arm b succeeds; both together at most 1.
        power: Probability of seeing it, in (0, 1).
        level: One minus the two-sided error.

    Source:
        Miettinen 1968, Biometrics 24; Connor 1987, Biometrics 43, equation 3.

    Example:
        >>> round(sample_size_mcnemar(0.15, 0.05).value)
        155
    """
    apart = only_a - only_b
    either = only_a + only_b
    if min(only_a, only_b) < 0 or either > 1 or apart == 0:
        raise ValueError(
            f"'only_a' and 'only_b' must be shares of rows, unequal. Got {only_a} and {only_b}."
        )
    without_effect = critical(level) * math.sqrt(either)
    with_effect = _power_quantile(power) * math.sqrt(either - apart**2)
    n = ((without_effect + with_effect) / apart) ** 2
    return _rows(n, "McNemar, normal approximation", "rows", level)


def sample_size_equivalence(
    margin: float,
    *,
    sd: float,
    difference: float = 0.0,
    paired: bool = True,
    power: float = 0.8,
    level: float = 0.95,
    design_effect: float = 1.0,
) -> Estimate:
    """How many rows (an arm, if not paired) show non-inferiority by `equivalence` at this margin.

    Args:
        margin: The smallest difference that matters, above 0.
        sd: Of the paired differences if paired, else within each arm.
        difference: The true difference, above minus the margin.
        paired: Whether both arms answer the same rows.
        power: Probability of showing it.
        level: Of the interval that is held against the margin.
        design_effect: Variance against independent rows.

    Example:
        >>> round(sample_size_equivalence(0.05, sd=1 / 3).value)
        349
    """
    room = positive(margin, "margin") + difference
    if room <= 0:
        raise ValueError(
            f"'difference' must lie above minus the margin. Got {difference} with margin {margin}."
        )
    quantiles = critical(level) + _power_quantile(power)
    arms = 1 if paired else 2
    n = arms * (quantiles * positive(sd, "sd") / room) ** 2
    return _rows(
        n * positive(design_effect, "design_effect"),
        "normal approximation",
        "rows" if paired else "rows per arm",
        level,
    )


def sample_size_corrected(
    p: float,
    *,
    hit: float,
    correct: float,
    width: float,
    judged: int = 4000,
    level: float = 0.95,
) -> Estimate:
    """How many labels of people make `corrected_rate` as narrow as ``width``.

    Args:
        p: The rate expected, in (0, 1).
        hit: How often the judge passes what people pass, in [0, 1].
        correct: How often the judge fails what people fail, in [0, 1].
        width: Upper end minus lower end, in (0, 1).
        judged: Rows that the judge has seen.
        level: Of the interval.

    Raises:
        ValueError: Where even labels for all judged rows are too few.

    Notes:
        Taken at the counts expected; the mean width over samples is within a few percent of it.

    Example:
        >>> alone = sample_size_proportion(0.8, width=0.1).value
        >>> with_judge = sample_size_corrected(0.8, hit=0.95, correct=0.9, width=0.1).value
        >>> 0.3 < with_judge / alone < 0.45
        True
    """
    from tunewell.stats.stratified import Strata, share_limits

    share(p, "p")
    share(width, "width")
    if not (0 <= hit <= 1 and 0 <= correct <= 1):
        raise ValueError(f"'hit' and 'correct' must lie in [0, 1]. Got {hit} and {correct}.")
    passed = p * hit + (1 - p) * (1 - correct)
    good = np.array([[[p * (1 - hit), p * hit]]])
    shares = np.array([[1 - passed, passed]])

    def enough(n: int) -> bool:
        expected = Strata(
            successes=n * good,
            labels=n * shares[:, None],
            shares=shares,
            share_variance=np.array([1 / judged]),
            clustered=False,
        )
        limits = share_limits(expected, level)
        return float(limits.high[0] - limits.low[0]) <= width

    if not enough(judged):
        raise ValueError(f"'width' of {width:g} needs more than the {judged} rows judged.")
    return _rows(float(_least(enough)), "post-stratified, expected counts", "labels", level)


def _power_t(
    n: float,
    effect: float,
    arms: int,
    level: float,
) -> float:
    from tunewell.stats.special import nctdtr

    df = arms * (n - 1)
    shift = effect * math.sqrt(n / arms)
    t = float(stdtrit(df, (1 + level) / 2))
    not_above = float(nctdtr(df, shift, t))
    below = float(nctdtr(df, shift, -t))
    return 1.0 - not_above + below


def _solve(f: Callable[[float], float], low: float, high: float) -> float:
    """Where a rising function crosses zero; the lower end if it is above zero there already."""
    while f(high) < 0:
        high *= 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if f(middle) < 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _least(enough: Callable[[int], bool]) -> int:
    """The least whole number that is enough, for a predicate that stays true once true."""
    high = 1
    while not enough(high):
        high *= 2
        if high > _MOST:
            raise ValueError(f"more than {_MOST} would be needed")
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        if enough(middle):
            high = middle
        else:
            low = middle
    return high
