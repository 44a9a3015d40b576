"""What a sample could have shown, and how many rows more would show it, from an interval alone."""

from __future__ import annotations

import math
from typing import Final

from tunewell.stats.inputs import critical
from tunewell.types import Estimate

POWER_Z: Final = 0.8416
"""Normal quantile of 80 % power."""


def detectable_by(estimate: Estimate) -> float:
    """The smallest true difference that a sample like this one would show with 80 % probability.

    Args:
        estimate: An interval of the difference; its half-width stands for the standard error.

    Returns:
        In the estimate's unit; infinite for an interval without bounds.

    Source:
        Cohen 1988, Statistical Power Analysis, section 2.4 (normal approximation).

    Example:
        >>> e = Estimate(value=0.05, low=-0.01, high=0.11, n=100, method="t")
        >>> round(detectable_by(e), 4)
        0.0858
    """
    z = critical(estimate.level)
    half_width = (estimate.high - estimate.low) / 2
    return half_width * (z + POWER_Z) / z


def rows_to_show(difference: float, estimate: Estimate, *, rows: int) -> float:
    """How many rows in all would show a true difference with 80 % probability.

    Args:
        difference: In the estimate's unit; its sign does not matter.
        estimate: Measured on ``rows`` rows.
        rows: Of the sample so far.

    Returns:
        Infinite for a difference of 0 or an interval without bounds.

    Example:
        >>> e = Estimate(value=0.05, low=-0.01, high=0.11, n=100, method="t")
        >>> round(rows_to_show(0.05, e, rows=100))
        294
    """
    smallest = detectable_by(estimate)
    if difference == 0 or not math.isfinite(smallest):
        return math.inf
    # A standard error falls with the square root of the number of rows.
    return rows * (smallest / abs(difference)) ** 2
