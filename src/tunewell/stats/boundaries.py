"""Group-sequential boundaries by recursive integration."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
from scipy.special import ndtr, ndtri

from tunewell.stats.inputs import Floats, share

Kind = Literal["obrien-fleming", "pocock", "kim-demets"]
"""Shape of the boundary; ``kim-demets`` spends with the square of the labels: fewer expected, more at the most."""
_POINTS = 96
_POWER = 2.0


def group_boundaries(
    looks: int, *, kind: Kind = "obrien-fleming", alpha: float = 0.05
) -> tuple[float, ...]:
    """Critical values of z at each of ``looks`` equally spaced looks, two-sided error ``alpha`` over all of them.

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
    if kind == "kim-demets":
        return spending_boundaries([i / looks for i in range(1, looks + 1)], kind=kind, alpha=alpha)
    if kind not in ("obrien-fleming", "pocock"):
        raise ValueError(
            f"'kind' must be obrien-fleming, pocock or kim-demets. Got {kind!r} instead."
        )
    return _classical(looks, kind, alpha)


@lru_cache(maxsize=64)
def _classical(looks: int, kind: Kind, alpha: float) -> tuple[float, ...]:
    times = np.arange(1, looks + 1) / looks
    shape = 1 / np.sqrt(times) if kind == "obrien-fleming" else np.ones(looks)
    low, high = 0.5, 12.0
    for _ in range(44):
        middle = (low + high) / 2
        low, high = (middle, high) if crossing(middle * shape, times) > alpha else (low, middle)
    return tuple(float(v) for v in high * shape)


def spending_boundaries(
    fractions: Sequence[float], *, kind: Kind = "obrien-fleming", alpha: float = 0.05
) -> tuple[float, ...]:
    """Critical values at any increasing fractions of the planned information: looks need not be planned.

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
def _spending(fractions: tuple[float, ...], kind: Kind, alpha: float) -> tuple[float, ...]:
    times = np.minimum(np.asarray(fractions, dtype=np.float64), 1.0)
    if times.size == 0 or (times <= 0).any() or (np.diff(np.asarray(fractions)) <= 0).any():
        raise ValueError(
            f"'fractions' must be above 0 and increase. Got {list(fractions)} instead."
        )
    kept = np.r_[True, np.diff(times) > 0]
    times = times[kept]
    spent = _spent(times, kind, alpha)
    found: list[float] = []
    for i in range(times.size):
        low, high = 0.0, 12.0
        if spent[i] - (spent[i - 1] if i else 0.0) < 1e-15:
            found.append(12.0)
            continue
        for _ in range(36):
            middle = (low + high) / 2
            over = crossing(np.array([*found, middle]), times[: i + 1]) > spent[i]
            low, high = (middle, high) if over else (low, middle)
        found.append(high)
    out = iter(found)
    last = 12.0
    result = []
    for keep in kept:
        last = next(out) if keep else last
        result.append(last)
    return tuple(result)


def _spent(times: Floats, kind: Kind, alpha: float) -> Floats:
    if kind == "obrien-fleming":
        out: Floats = 4 * ndtr(-ndtri(1 - alpha / 4) / np.sqrt(times))
        return out
    if kind == "pocock":
        return np.asarray(alpha * np.log(1 + (math.e - 1) * times))
    if kind == "kim-demets":
        return np.asarray(alpha * times**_POWER)
    raise ValueError(f"'kind' must be obrien-fleming, pocock or kim-demets. Got {kind!r} instead.")


def crossing(z: Floats, times: Floats, drift: float = 0.0) -> float:
    """Probability that |z| exceeds its boundary at any look; ``drift`` is the mean of z at time 1.

    Example:
        >>> import numpy as np
        >>> round(crossing(np.full(5, 1.96), np.arange(1, 6) / 5), 3)
        0.142
    """
    nodes, weights = np.polynomial.legendre.leggauss(_POINTS)
    edge = z * np.sqrt(times)
    grid, mass, stays = np.zeros(1), np.ones(1), 1.0
    before = 0.0
    for b, t in zip(edge, times, strict=True):
        step = math.sqrt(t - before)
        shift = drift * (t - before)
        up = ndtr((b - grid - shift) / step)
        stays = float((mass * (up - ndtr((-b - grid - shift) / step))).sum())
        points = nodes * b
        density = np.exp(-(((points[:, None] - grid[None, :] - shift) / step) ** 2) / 2) / (
            step * math.sqrt(2 * math.pi)
        )
        mass = (density * mass[None, :]).sum(1) * weights * b
        grid, before = points, float(t)
    return 1.0 - stays


def power_of(boundary: Sequence[float], drift: float) -> tuple[float, float]:
    """Power and expected share of the planned labels, for equally spaced looks and the mean ``drift`` of the last z.

    Example:
        >>> power, labels = power_of(group_boundaries(5), 2.8)
        >>> round(power, 2), round(labels, 2)
        (0.79, 0.8)
    """
    k = len(boundary)
    z, times = np.asarray(boundary), np.arange(1, k + 1) / k
    stopped = [crossing(z[:i], times[:i], drift) for i in range(1, k + 1)]
    return stopped[-1], 1.0 - sum(stopped[:-1]) / k
