"""Group-sequential boundaries by recursive integration."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, get_args

import numpy as np

from tunewell.stats.inputs import Floats, share
from tunewell.stats.special import ndtr, ndtri

Kind = Literal["obrien-fleming", "pocock", "kim-demets"]
"""Shape of the boundary.

``kim-demets`` spends with the square of the labels: fewer expected, more at the most.
"""
KINDS = get_args(Kind)
_POINTS = 96
_POWER = 2.0
_HIGHEST_Z = 12.0
_LEAST_SPENDING = 1e-15


def group_boundaries(
    looks: int, *, kind: Kind = "obrien-fleming", alpha: float = 0.05
) -> tuple[float, ...]:
    """Critical values of z at each of ``looks`` equally spaced looks.

    The two-sided error over all of them is ``alpha``.

    Source:
        O'Brien & Fleming 1979; Pocock 1977; integration: Armitage, McPherson & Rowe 1969.

    Example:
        >>> [round(z, 3) for z in group_boundaries(5)]
        [4.562, 3.226, 2.634, 2.281, 2.04]
        >>> round(group_boundaries(5, kind="pocock")[0], 3)
        2.413
    """
    if looks < 1 or looks > 200:
        raise ValueError(f"'looks' must lie between 1 and 200. Got {looks} instead.")
    share(alpha, "alpha")
    _check_kind(kind)
    if kind == "kim-demets":
        fractions = [i / looks for i in range(1, looks + 1)]
        return spending_boundaries(fractions, kind=kind, alpha=alpha)
    return _classical(looks, kind, alpha)


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise ValueError(
            f"'kind' must be obrien-fleming, pocock or kim-demets. Got {kind!r} instead."
        )


@lru_cache(maxsize=64)
def _classical(looks: int, kind: Kind, alpha: float) -> tuple[float, ...]:
    times = np.arange(1, looks + 1) / looks
    shape = 1 / np.sqrt(times) if kind == "obrien-fleming" else np.ones(looks)
    low = 0.5
    high = _HIGHEST_Z
    for _ in range(44):
        middle = (low + high) / 2
        if crossing(middle * shape, times) > alpha:
            low = middle
        else:
            high = middle
    return tuple(float(v) for v in high * shape)


def spending_boundaries(
    fractions: Sequence[float], *, kind: Kind = "obrien-fleming", alpha: float = 0.05
) -> tuple[float, ...]:
    """Critical values at any increasing fractions of the planned information.

    Looks need not be planned.

    Args:
        fractions: Labels so far over labels planned, increasing, above 0; the last may exceed 1
            (then counts as 1).
        kind: Shape of the spending function.
        alpha: Two-sided error over all looks.

    Source:
        Lan & DeMets 1983, Biometrika 70; Kim & DeMets 1987, Biometrika 74 (the power family).

    Example:
        >>> [round(z, 2) for z in spending_boundaries([0.2, 0.4, 0.6, 0.8, 1.0])]
        [4.88, 3.36, 2.68, 2.29, 2.03]
    """
    share(alpha, "alpha")
    return _spending(tuple(float(f) for f in fractions), kind, alpha)


@lru_cache(maxsize=1024)
def _spending(
    fractions: tuple[float, ...],
    kind: Kind,
    alpha: float,
) -> tuple[float, ...]:
    given = np.asarray(fractions, dtype=np.float64)
    steps = np.diff(given, prepend=0.0)
    if given.size == 0 or (steps <= 0).any():
        raise ValueError(
            f"'fractions' must be above 0 and increase. Got {list(fractions)} instead."
        )
    # Looks past the plan's end spend nothing and keep the last boundary.
    times = np.unique(np.minimum(given, 1.0))
    spent = _spent(times, kind, alpha)
    found: list[float] = []
    for i in range(times.size):
        before = spent[i - 1] if i else 0.0
        if spent[i] - before < _LEAST_SPENDING:
            found.append(_HIGHEST_Z)
        else:
            found.append(_next_boundary(found, times[: i + 1], float(spent[i])))
    past_the_end = given.size - times.size
    return (*found, *found[-1:] * past_the_end)


def _next_boundary(found: list[float], times: Floats, spent: float) -> float:
    """The critical value at the last of these times, up to which so much error is spent."""
    low = 0.0
    high = _HIGHEST_Z
    for _ in range(36):
        middle = (low + high) / 2
        if crossing(np.array([*found, middle]), times) > spent:
            low = middle
        else:
            high = middle
    return high


def _spent(times: Floats, kind: Kind, alpha: float) -> Floats:
    """Error spent up to each time."""
    _check_kind(kind)
    if kind == "obrien-fleming":
        z = ndtri(1 - alpha / 4)
        out: Floats = 4 * ndtr(-z / np.sqrt(times))
        return out
    if kind == "pocock":
        return np.asarray(alpha * np.log(1 + (math.e - 1) * times))
    return np.asarray(alpha * times**_POWER)


def crossing(z: Floats, times: Floats, drift: float = 0.0) -> float:
    """Probability that |z| exceeds its boundary at any look; ``drift`` is the mean of z at time 1.

    Example:
        >>> import numpy as np
        >>> round(crossing(np.full(5, 1.96), np.arange(1, 6) / 5), 3)
        0.142
    """
    nodes, weights = np.polynomial.legendre.leggauss(_POINTS)
    edges = z * np.sqrt(times)
    grid = np.zeros(1)
    mass = np.ones(1)
    stays = 1.0
    before = 0.0
    for b, t in zip(edges, times, strict=True):
        step = math.sqrt(t - before)
        shift = drift * (t - before)
        up = ndtr((b - grid - shift) / step)
        down = ndtr((-b - grid - shift) / step)
        stays = float((mass * (up - down)).sum())

        points = nodes * b
        off = (points[:, None] - grid[None, :] - shift) / step
        density = np.exp(-(off**2) / 2) / (step * math.sqrt(2 * math.pi))
        mass = (density * mass[None, :]).sum(1) * weights * b
        grid = points
        before = float(t)
    return 1.0 - stays


def power_of(boundary: Sequence[float], drift: float) -> tuple[float, float]:
    """Power and expected share of the planned labels, for equally spaced looks.

    Args:
        boundary: Critical value of z at each look.
        drift: Mean of the last z.

    Example:
        >>> power, labels = power_of(group_boundaries(5), 2.8)
        >>> round(power, 2), round(labels, 2)
        (0.79, 0.8)
    """
    k = len(boundary)
    z = np.asarray(boundary)
    times = np.arange(1, k + 1) / k
    stopped = [crossing(z[:i], times[:i], drift) for i in range(1, k + 1)]
    return stopped[-1], 1.0 - sum(stopped[:-1]) / k
