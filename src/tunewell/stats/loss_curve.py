"""What a logged loss curve says by itself: its noise, and whether it rose after its lowest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from tunewell.stats.inputs import critical
from tunewell.stats.many_claims import bonferroni_level
from tunewell.types import Estimate

FEWEST_POINTS: Final = 4
"""Fewer points than this do not show their own noise."""
UNIT: Final = "nats/token"


def curve_noise(losses: Sequence[float]) -> float | None:
    """Standard deviation of the noise of a smooth curve; None with fewer than four points.

    Args:
        losses: In order, shape (points,).

    Source:
        Gasser, Sroka & Jennen-Steinmetz 1986, Biometrika 73 (second differences: their variance is
        six times that of the noise).

    Example:
        >>> curve_noise([3.0, 2.5, 2.2, 2.1, 2.05]) < 0.1, curve_noise([3.0, 2.0])
        (True, None)
    """
    if len(losses) < FEWEST_POINTS:
        return None
    second = np.diff(np.asarray(losses, np.float64), 2)
    return float(np.sqrt((second**2).mean() / 6))


def rise_since_lowest(losses: Sequence[float], *, level: float = 0.95) -> Estimate | None:
    """By how much the last loss lies above the lowest one; None with fewer than four points.

    Args:
        losses: In order, shape (points,).
        level: Of the interval.

    Example:
        >>> str(rise_since_lowest([2.4, 2.2, 2.1, 2.15, 2.3, 2.5, 2.8]))
        '0.7 [0.232, 1.17]'
    """
    noise = curve_noise(losses)
    if noise is None:
        return None
    points = len(losses)
    rise = losses[-1] - min(losses)

    # The lowest was picked among all, and the noise is an estimate too: Bonferroni, and Student's t
    # for its few points.
    strict = bonferroni_level(level, points - 1)
    t = critical(strict, max(1.0, (points - 2) / 2))
    half_width = t * math.sqrt(2) * noise
    return Estimate(
        value=rise,
        low=rise - half_width,
        high=rise + half_width,
        level=level,
        n=points,
        method="last minus lowest, noise from second differences",
        unit=UNIT,
    )


def gap_to_training(
    held_out: float,
    recent: Sequence[float],
    *,
    level: float = 0.95,
) -> Estimate:
    """Held-out loss minus the mean of the last training losses; unbounded for a single one.

    Args:
        held_out: The last held-out loss.
        recent: Training losses logged last, shape (points,), at least one.
        level: Of the interval: Student's t on ``recent``; the held-out loss counts as known.

    Example:
        >>> str(gap_to_training(2.0, [1.0, 1.1, 0.9, 1.0]))
        '1 [0.87, 1.13]'
    """
    points = len(recent)
    gap = held_out - float(np.mean(recent))
    half_width = math.inf
    if points > 1:
        error = float(np.std(recent, ddof=1)) / math.sqrt(points)
        half_width = critical(level, points - 1) * error
    return Estimate(
        value=gap,
        low=gap - half_width,
        high=gap + half_width,
        level=level,
        n=points,
        method="held-out minus training loss",
        unit=UNIT,
    )
