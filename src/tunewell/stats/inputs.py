"""What the statistics accept: checked arrays, cluster codes, quantiles.

Everything here raises `ValueError` naming the parameter, the rule and the value; no I/O.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tunewell.stats.special import ndtri, stdtrit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
_SMALL = 1e-12


def vector(values: ArrayLike, name: str, *, missing: bool = False) -> Floats:
    """A one-dimensional array of finite floats; NaN only where ``missing`` allows it."""
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1:
        raise ValueError(f"'{name}' must have one dimension. Got shape {x.shape} instead.")
    if x.size == 0:
        raise ValueError(f"'{name}' must hold at least one value. Got none.")
    wrong = _not_numbers(x, missing)
    if wrong.size:
        rule = "finite numbers, NaN where missing" if missing else "finite numbers"
        raise ValueError(f"'{name}' must hold {rule}. Got {wrong[0]} instead.")
    return x


def matrix(values: ArrayLike, name: str, *, missing: bool = False) -> Floats:
    """A two-dimensional array of finite floats; NaN only where ``missing`` allows it."""
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 2 or x.size == 0:
        raise ValueError(
            f"'{name}' must have two dimensions and at least one value. "
            f"Got shape {x.shape} instead."
        )
    wrong = _not_numbers(x, missing)
    if wrong.size:
        raise ValueError(f"'{name}' must hold finite numbers. Got {wrong[0]} instead.")
    return x


def _not_numbers(x: Floats, missing: bool) -> Floats:
    """Values that are not allowed: infinities, and NaN unless ``missing`` allows it."""
    return x[np.isinf(x)] if missing else x[~np.isfinite(x)]


def are_counts(x: Floats) -> bool:
    """Whether all values are whole numbers, 0 or above."""
    return bool((x >= 0).all() and (x == np.round(x)).all())


def codes(clusters: Iterable[Hashable] | None, n: int, name: str = "clusters") -> Ints:
    """Cluster labels as 0 … G-1 in order of first appearance; every row its own cluster when None.

    Example:
        >>> codes(["b", "a", "b"], 3).tolist()
        [0, 1, 0]
    """
    if clusters is None:
        return np.arange(n, dtype=np.int64)
    labels = clusters.tolist() if isinstance(clusters, np.ndarray) else clusters
    seen: dict[Hashable, int] = {}
    numbers = (seen.setdefault(label, len(seen)) for label in labels)
    out = np.fromiter(numbers, dtype=np.int64)
    if out.size != n:
        raise ValueError(
            f"'{name}' must name a cluster for each of the {n} rows. Got {out.size} instead."
        )
    return out


def tally(at: Ints, weights: ArrayLike | None = None, length: int = 0) -> Floats:
    """Sums of weights (counts without) by code, as floats, at least ``length`` of them.

    Example:
        >>> import numpy as np
        >>> tally(np.array([0, 1, 1]), [0.5, 1.0, 2.0], 3).tolist()
        [0.5, 3.0, 0.0]
    """
    if weights is None:
        return np.bincount(at, None, length).astype(np.float64)
    w = np.asarray(weights, dtype=np.float64)
    return np.bincount(at, w, length).astype(np.float64)


def ratio(x: Floats, n: Floats) -> Floats:
    """``x / n`` elementwise, for n of 0 and above: 0 where both are 0."""
    out: Floats = x / np.maximum(n, _SMALL)
    return out


def share(value: float, name: str) -> float:
    """A number strictly between 0 and 1."""
    if not 0.0 < value < 1.0:
        raise ValueError(f"'{name}' must be above 0 and below 1. Got {value} instead.")
    return float(value)


def positive(value: float, name: str) -> float:
    """A finite number above 0."""
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"'{name}' must be a finite number above 0. Got {value} instead.")
    return float(value)


def value_range(low: float | None, high: float | None) -> tuple[float, float] | None:
    """Both ends of a metric's range, or None where neither is given."""
    if low is None and high is None:
        return None
    bottom = math.nan if low is None else float(low)
    top = math.nan if high is None else float(high)
    width = top - bottom  # NaN where an end is missing
    if not (math.isfinite(width) and width > 0):
        raise ValueError(
            f"'low' and 'high' must both be finite, low below high. Got {low} and {high} instead."
        )
    return bottom, top


def critical(level: float, df: float = math.inf) -> float:
    """The two-sided quantile of Student's t (of the normal for infinite ``df``) at ``level``.

    Example:
        >>> round(critical(0.95), 3), round(critical(0.95, 9), 3)
        (1.96, 2.262)
    """
    q = (1.0 + share(level, "level")) / 2.0
    if math.isinf(df):
        return float(ndtri(q))
    return float(stdtrit(max(df, 1.0), q))
