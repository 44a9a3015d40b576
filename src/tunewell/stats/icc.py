"""Intraclass correlations with their F intervals, and how many items or raters a width needs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from tunewell.stats.inputs import Floats, matrix, positive, share
from tunewell.stats.special import fdtri
from tunewell.types import Estimate

Form = Literal["ICC(1,1)", "ICC(2,1)", "ICC(3,1)", "ICC(1,k)", "ICC(2,k)", "ICC(3,k)"]
FORMS = get_args(Form)
_MOST_ITEMS = 1_000_000
_MOST_RATERS = 1000


@dataclass(frozen=True)
class MeanSquares:
    """The analysis of variance of a table of items × raters.

    Attributes:
        n: Items.
        k: Raters.
        rows: Mean square between items.
        columns: Mean square between raters.
        within: Mean square within items.
        error: Mean square of the interaction.
    """

    n: int
    k: int
    rows: float
    columns: float
    within: float
    error: float

    @classmethod
    def of(cls, x: Floats) -> MeanSquares:
        """Those of a complete table, shape (items, raters)."""
        n, k = x.shape
        mean = x.mean()
        off_items = x.mean(1) - mean
        off_raters = x.mean(0) - mean
        off_cells = x - x.mean(1, keepdims=True)
        rows = k * float((off_items**2).sum()) / (n - 1)
        columns = n * float((off_raters**2).sum()) / (k - 1)
        within = float((off_cells**2).sum()) / (n * (k - 1))
        interaction = within * n * (k - 1) - columns * (k - 1)
        error = interaction / ((n - 1) * (k - 1))
        return cls(n, k, rows, columns, within, max(error, 0.0))


def icc(
    ratings: ArrayLike,
    *,
    form: Form = "ICC(2,1)",
    level: float = 0.95,
) -> Estimate:
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
        >>> table = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8],
        ...          [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
        >>> round(icc(table).value, 2), round(icc(table, form="ICC(3,k)").value, 2)
        (0.29, 0.91)
    """
    x = matrix(ratings, "ratings")
    n, k = x.shape
    if n < 2 or k < 2:
        raise ValueError(f"'ratings' must hold 2 items and 2 raters or more. Got shape {x.shape}.")
    if form not in FORMS:
        raise ValueError(
            f"'form' must be ICC(1,1), (2,1), (3,1), (1,k), (2,k) or (3,k). Got {form!r} instead."
        )
    squares = MeanSquares.of(x)
    if squares.rows == 0 and squares.within == 0:
        raise ValueError("'ratings' are all equal: the correlation is undefined.")

    alpha = 1 - share(level, "level")
    if form.startswith("ICC(1,"):
        ratio = _ratio(squares.rows, squares.within)
        single = _one(ratio, n, k, n * (k - 1), alpha)
    elif form.startswith("ICC(3,"):
        ratio = _ratio(squares.rows, squares.error)
        single = _one(ratio, n, k, (n - 1) * (k - 1), alpha)
    else:
        single = _two(squares, alpha)

    value, low, high = single
    if form.endswith(",k)"):
        value, low, high = (_mean_of(r, k) for r in single)
    return Estimate(
        value=value,
        low=min(low, value),
        high=max(high, value),
        level=level,
        n=n,
        method=f"{form}, F",
    )


def _ratio(rows: float, error: float) -> float:
    return rows / error if error > 0 else math.inf


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
        fixed, unit, low, high = raters, "items", 3, _MOST_ITEMS
    else:
        fixed, unit, low, high = items, "raters", 2, _MOST_RATERS
    if fixed < 2:
        raise ValueError(f"'items' and 'raters' must be 2 or more. Got {fixed} instead.")

    def narrow(count: int) -> bool:
        n, k = (count, fixed) if items is None else (fixed, count)
        return expected_width(n, k, agreement, alpha) <= width

    if not narrow(high):
        raise ValueError(
            f"No number of {unit} up to {high} gives a width of {width:g}: more items are needed."
        )
    # The least count that is narrow, which lies above `low` unless `low` itself is.
    if narrow(low):
        high = low
    while high - low > 1:
        middle = (low + high) // 2
        if narrow(middle):
            high = middle
        else:
            low = middle
    return Estimate.exact(float(high), n=0, unit=unit)


def expected_width(
    items: int,
    raters: int,
    agreement: float,
    alpha: float = 0.05,
) -> float:
    """Width of the interval for ICC(1,1) at the F ratio expected for this agreement.

    Example:
        >>> round(expected_width(100, 3, 0.7), 3)
        0.163
    """
    ratio = (1 + (raters - 1) * agreement) / (1 - agreement)
    _, low, high = _one(ratio, items, raters, items * (raters - 1), alpha)
    return high - low


def _one(
    ratio: float,
    n: int,
    k: int,
    df: int,
    alpha: float,
) -> tuple[float, float, float]:
    """ICC(1,1) or ICC(3,1) with its interval.

    Args:
        ratio: Mean square of the items over that within them, or over the interaction's; infinite
            without error.
        n: Items.
        k: Raters.
        df: Degrees of freedom of the error.
        alpha: One minus the level.
    """
    if math.isinf(ratio):
        return 1.0, 1.0, 1.0
    tail = 1 - alpha / 2
    down = ratio / float(fdtri(n - 1, df, tail))
    up = ratio * float(fdtri(df, n - 1, tail))

    def correlation(f: float) -> float:
        return (f - 1) / (f + k - 1)

    return correlation(ratio), correlation(down), correlation(up)


def _two(s: MeanSquares, alpha: float) -> tuple[float, float, float]:
    """ICC(2,1) with its interval."""
    n = s.n
    k = s.k
    raters_share = k * (s.columns - s.error) / n
    value = (s.rows - s.error) / (s.rows + (k - 1) * s.error + raters_share)
    if s.error <= 0 and s.columns <= 0:
        return 1.0, 1.0, 1.0
    df = _satterthwaite(s, value)
    tail = 1 - alpha / 2
    f1 = float(fdtri(n - 1, df, tail))
    f2 = float(fdtri(df, n - 1, tail))
    spread = k * s.columns + (k * n - k - n) * s.error
    low = n * (s.rows - f1 * s.error) / (f1 * spread + n * s.rows)
    high = n * (f2 * s.rows - s.error) / (spread + n * f2 * s.rows)
    return value, low, high


def _satterthwaite(s: MeanSquares, value: float) -> float:
    """Degrees of freedom of the raters' share and the error together (McGraw & Wong 1996)."""
    if value >= 1:
        return 1.0
    n = s.n
    k = s.k
    a = k * value / (n * (1 - value))
    b = 1 + k * value * (n - 1) / (n * (1 - value))
    of_raters = a * s.columns
    of_error = b * s.error
    top = (of_raters + of_error) ** 2
    bottom = of_raters**2 / (k - 1) + of_error**2 / ((n - 1) * (k - 1))
    return max(top / bottom, 1.0) if bottom > 0 else 1.0


def _mean_of(single: float, k: int) -> float:
    """Spearman-Brown: the reliability of the mean of k ratings."""
    floor = -1 / (k - 1) + 1e-12
    r = max(single, floor)
    reliability = k * r / (1 + (k - 1) * r)
    return float(np.clip(reliability, -1e6, 1.0))
