"""Figures of a classifier with intervals: F1 of a class, balanced accuracy."""

from __future__ import annotations

import numpy as np

from tunewell.types import Estimate


def f1_of_overlap(overlap: Estimate) -> Estimate:
    """F1 of a class from its overlap (Jaccard index) J: F1 = 2J / (1 + J).

    The transformation rises throughout, so the interval's ends are transformed alike and keep their
    level.

    Args:
        overlap: Of the rows that are of the class or are named so, the share that is both.

    Example:
        >>> str(f1_of_overlap(Estimate(value=0.5, low=0.25, high=1.0, n=9, method="Wilson")))
        '0.667 [0.4, 1]'
    """
    ends = {
        "value": _f1(overlap.value),
        "low": _f1(overlap.low),
        "high": _f1(overlap.high),
    }
    method = f"{overlap.method}, F1 = 2J / (1 + J)"
    return overlap.model_copy(update={**ends, "method": method})


def _f1(overlap: float) -> float:
    return 2 * overlap / (1 + overlap)


def balanced_accuracy(
    sensitivity: Estimate,
    specificity: Estimate,
    *,
    n: int,
) -> Estimate:
    """Mean of two independent shares, their limits joined by squaring and adding.

    Args:
        sensitivity: Share of the positive rows that is found.
        specificity: Share of the negative rows that is left alone.
        n: Rows of both together.

    Source:
        Zou & Donner 2008, Statistics in Medicine 27 (method of variance estimates recovery).

    Example:
        >>> from tunewell.stats import proportion
        >>> str(balanced_accuracy(proportion(45, 50), proportion(40, 50), n=100))
        '0.85 [0.764, 0.902]'
    """
    value = (sensitivity.value + specificity.value) / 2
    down = np.hypot(sensitivity.value - sensitivity.low, specificity.value - specificity.low)
    up = np.hypot(sensitivity.high - sensitivity.value, specificity.high - specificity.value)
    return Estimate(
        value=value,
        low=max(0.0, value - float(down) / 2),
        high=min(1.0, value + float(up) / 2),
        level=sensitivity.level,
        n=n,
        method="mean of two Wilson intervals",
    )
