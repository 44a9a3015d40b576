"""Intraclass correlations with their F intervals, and how many items or raters a width needs."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import fdtri

from tunewell.stats.inputs import matrix, positive, share
from tunewell.types import Estimate

Form = Literal["ICC(1,1)", "ICC(2,1)", "ICC(3,1)", "ICC(1,k)", "ICC(2,k)", "ICC(3,k)"]


def icc(ratings: ArrayLike, *, form: Form = "ICC(2,1)", level: float = 0.95) -> Estimate:
    """Intraclass correlation: how much of the variance of a rating is of the items.

    Args:
        ratings: Shape (items, raters), complete, 2 × 2 or more.
        form: ``ICC(1,·)`` raters differ from item to item; ``ICC(2,·)`` the raters are a sample of
            raters (absolute agreement); ``ICC(3,·)`` these raters alone matter (consistency). ``1``
            for one rating, ``k`` for the mean.
        level: Probability of covering, in (0, 1), for normal effects.

    Returns:
        The correlation, at most 1; may be negative.

    Source:
        Shrout & Fleiss 1979, Psychological Bulletin 86; intervals: McGraw & Wong 1996,
        Psychological Methods 1, table 7.

    Example:
        >>> table = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
        >>> round(icc(table).value, 2), round(icc(table, form="ICC(3,k)").value, 2)
        (0.29, 0.91)
    """
    x = matrix(ratings, "ratings")
    n, k = x.shape
    if n < 2 or k < 2:
        raise ValueError(f"'ratings' must hold 2 items and 2 raters or more. Got shape {x.shape}.")
    if form not in ("ICC(1,1)", "ICC(2,1)", "ICC(3,1)", "ICC(1,k)", "ICC(2,k)", "ICC(3,k)"):
        raise ValueError(
            f"'form' must be ICC(1,1), (2,1), (3,1), (1,k), (2,k) or (3,k). Got {form!r} instead."
        )
    rows = k * float(((x.mean(1) - x.mean()) ** 2).sum()) / (n - 1)
    columns = n * float(((x.mean(0) - x.mean()) ** 2).sum()) / (k - 1)
    within = float(((x - x.mean(1, keepdims=True)) ** 2).sum()) / (n * (k - 1))
    error = max((within * n * (k - 1) - columns * (k - 1)) / ((n - 1) * (k - 1)), 0.0)
    if rows == 0 and within == 0:
        raise ValueError("'ratings' are all equal: the correlation is undefined.")
    alpha = 1 - share(level, "level")
    if form in ("ICC(1,1)", "ICC(1,k)"):
        single = _one(rows, within, n, k, alpha, n * (k - 1))
    elif form in ("ICC(3,1)", "ICC(3,k)"):
        single = _one(rows, error, n, k, alpha, (n - 1) * (k - 1))
    else:
        single = _two(rows, columns, error, n, k, alpha)
    value, low, high = single if form.endswith(",1)") else tuple(_mean_of(r, k) for r in single)
    low, high = min(low, value), max(high, value)
    return Estimate(value=value, low=low, high=high, level=level, n=n, method=f"{form}, F")


def raters_needed(
    items: int | None,
    raters: int | None,
    width: float,
    *,
    agreement: float = 0.6,
    level: float = 0.95,
) -> Estimate:
    """How many items (or raters) make the interval of an agreement as narrow as ``width``.

    Give one of ``items`` and ``raters`` and None for the other, which is answered. The width is
    that of ICC(1,1), which interval alpha equals but for a factor of about 1 - 1/(items × raters);
    see ``bench/results/statistics_agreement.json`` for the planned against the simulated width.

    Args:
        items: Items rated, or None.
        raters: Ratings an item, or None.
        width: Upper minus lower end wanted, in (0, 2).
        agreement: What is expected, in [0, 1).
        level: Of the interval.

    Returns:
        The number of raters (or items).

    Raises:
        ValueError: Where no number of raters (up to 1,000) suffices for so few items.

    Source:
        Bonett 2002, Statistics in Medicine 21 (sample size for an intraclass correlation), here by
        the F interval.

    Example:
        >>> raters_needed(None, 3, 0.2, agreement=0.7).value
        67.0
        >>> raters_needed(60, None, 0.25, agreement=0.7).value
        3.0
    """
    positive(width, "width")
    if not 0 <= agreement < 1:
        raise ValueError(f"'agreement' must be 0 or more and below 1. Got {agreement} instead.")
    if (items is None) == (raters is None):
        raise ValueError("Exactly one of 'items' and 'raters' must be None.")
    alpha = 1 - share(level, "level")
    if items is None:
        assert raters is not None
        low, high, fixed, unit = 3, 1_000_000, raters, "items"
    else:
        low, high, fixed, unit = 2, 1000, items, "raters"
    if fixed < 2:
        raise ValueError(f"'items' and 'raters' must be 2 or more. Got {fixed} instead.")

    def narrow(count: int) -> bool:
        n, k = (count, fixed) if items is None else (fixed, count)
        return expected_width(n, k, agreement, alpha) <= width

    if not narrow(high):
        raise ValueError(
            f"No number of {unit} up to {high} gives a width of {width:g}: more items are needed."
        )
    while high - low > 1 and not narrow(low):
        middle = (low + high) // 2
        low, high = (low, middle) if narrow(middle) else (middle, high)
    answer = low if narrow(low) else high
    return Estimate.exact(float(answer), n=0, unit=unit)


def expected_width(items: int, raters: int, agreement: float, alpha: float = 0.05) -> float:
    """Width of the interval for ICC(1,1) at the F ratio expected for this agreement.

    Example:
        >>> round(expected_width(100, 3, 0.7), 3)
        0.163
    """
    ratio = (1 + (raters - 1) * agreement) / (1 - agreement)
    _, low, high = _one(ratio, 1.0, items, raters, alpha, items * (raters - 1))
    return high - low


def _one(
    rows: float, error: float, n: int, k: int, alpha: float, df: int
) -> tuple[float, float, float]:
    """ICC(1,1) with its error mean square within items, ICC(3,1) with that of the interaction."""
    if error <= 0:
        return 1.0, 1.0, 1.0
    ratio = rows / error
    down = ratio / float(fdtri(n - 1, df, 1 - alpha / 2))
    up = ratio * float(fdtri(df, n - 1, 1 - alpha / 2))
    value, low, high = ((f - 1) / (f + k - 1) for f in (ratio, down, up))
    return value, low, high


def _two(
    rows: float, columns: float, error: float, n: int, k: int, alpha: float
) -> tuple[float, float, float]:
    """ICC(2,1) with Satterthwaite's degrees of freedom for the raters' share."""
    value = (rows - error) / (rows + (k - 1) * error + k * (columns - error) / n)
    if error <= 0 and columns <= 0:
        return 1.0, 1.0, 1.0
    a = k * value / (n * (1 - value)) if value < 1 else math.inf
    b = 1 + k * value * (n - 1) / (n * (1 - value)) if value < 1 else math.inf
    top = (a * columns + b * error) ** 2
    bottom = (a * columns) ** 2 / (k - 1) + (b * error) ** 2 / ((n - 1) * (k - 1))
    df = max(top / bottom, 1.0) if bottom > 0 and math.isfinite(top) else 1.0
    f1, f2 = float(fdtri(n - 1, df, 1 - alpha / 2)), float(fdtri(df, n - 1, 1 - alpha / 2))
    spread = k * columns + (k * n - k - n) * error
    low = n * (rows - f1 * error) / (f1 * spread + n * rows)
    high = n * (f2 * rows - error) / (spread + n * f2 * rows)
    return value, low, high


def _mean_of(single: float, k: int) -> float:
    """Spearman-Brown: the reliability of the mean of k ratings."""
    floor = -1 / (k - 1) + 1e-12
    r = max(single, floor)
    return float(np.clip(k * r / (1 + (k - 1) * r), -1e6, 1.0))
