"""The mean of clustered values with a variance that holds for few clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tunewell.stats.inputs import Floats, Ints, tally


@dataclass(frozen=True)
class ClusterMean:
    """A mean with its variance and the degrees of freedom of that variance.

    Attributes:
        value: The mean over rows.
        variance: Bias-reduced cluster-robust variance of the mean (CR2); NaN with a single cluster.
        df: Satterthwaite degrees of freedom; clusters minus one when they are of one size.
        units: How many clusters.
        design_effect: Variance against that of as many independent rows, between 1 and the mean
            cluster size's bound.
    """

    value: float
    variance: float
    df: float
    units: int
    design_effect: float


PSEUDO_WEIGHT = 0.25
"""Weight of the two pseudo-clusters at the ends of the range.

The design effect of a share is shrunk from them. Without them intervals for a share of .95 with an
intraclass correlation of .3 cover 93.6 % at 40 clusters; with them no cell of {10, 20, 40, 67}
clusters × {.5, .8, .9, .95, .98} × {0, .3} covers less than 95.1 %.
"""


def cluster_mean(
    x: Floats,
    groups: Ints,
    ends: tuple[float, float] | None = None,
) -> ClusterMean:
    """Mean of ``x``, rows of one group being dependent in any way.

    Args:
        x: Shape (n,).
        groups: Codes 0 … G-1, shape (n,).
        ends: Least and greatest value, where the design effect is wanted for a score interval.

    Source:
        Bell & McCaffrey 2002, Survey Methodology 28 (CR2 and its degrees of freedom), here for a
        mean alone, where the adjustment matrices have a closed form.

    Example:
        >>> import numpy as np
        >>> m = cluster_mean(np.array([1.0, 2.0, 3.0, 4.0]), np.arange(4))
        >>> m.value, round(m.variance, 4), round(m.df, 6), m.design_effect
        (2.5, 0.4167, 3.0, 1.0)
    """
    n = x.size
    sizes = tally(groups)
    value = float(x.mean())
    if sizes.size < 2:
        return ClusterMean(value, float("nan"), 0.0, 1, float(n))
    sums = tally(groups, x - value)
    variance, df = sums_variance(sums, sizes)
    units = int(sizes.size)
    if units == n:
        return ClusterMean(value, variance, df, units, 1.0)
    effect = _design_effect(x, sums + value * sizes, sizes, ends)
    return ClusterMean(value, variance, df, units, effect)


def _design_effect(
    x: Floats,
    sums: Floats,
    sizes: Floats,
    ends: tuple[float, float] | None,
) -> float:
    """Variance of the mean against that of independent rows.

    At least 1, at most that of identical rows.
    """
    ceiling = float((sizes**2).sum() / sizes.sum())
    low, high = ends or (float(x.min()), float(x.max()))

    typical = float(sizes.mean())
    weights = np.append(np.ones(sizes.size), [PSEUDO_WEIGHT, PSEUDO_WEIGHT])
    sums = np.append(sums, [low * typical, high * typical])
    sizes = np.append(sizes, [typical, typical])

    rows = float((weights * sizes).sum())
    units = float(weights.sum())
    centre = float((weights * sums).sum()) / rows
    residuals = sums - centre * sizes
    between = float((weights * residuals**2).sum()) / rows**2 * units / (units - 1)

    squares = float((x**2).sum())
    squares += PSEUDO_WEIGHT * typical * (low**2 + high**2)
    within = (squares / rows - centre**2) / (rows - 1)
    if within <= 0:
        return ceiling
    return min(max(between / within, 1.0), ceiling)


def sums_variance(sums: Floats, sizes: Floats) -> tuple[float, float]:
    """CR2 variance of a mean and its degrees of freedom.

    Args:
        sums: Centred sums of the clusters.
        sizes: Of the clusters.
    """
    p = sizes / sizes.sum()
    if (p >= 1).any():
        return float("nan"), 0.0
    variance = float((sums**2 / (1 - p)).sum() / sizes.sum() ** 2)
    # Off-diagonal entries of the working-independence quadratic form:
    # (p_g p_h)^2 / ((1 - p_g)(1 - p_h)).
    q = p**2 / (1 - p)
    off = float(q.sum() ** 2 - (q**2).sum())
    df = float(1.0 / ((p**2).sum() + off))
    return variance, df


def shared_variance(influence: Floats, groups: Ints) -> tuple[float, float]:
    """Variance of a statistic from the influence of each row, summed by cluster.

    Df is clusters minus one.
    """
    sums = tally(groups, influence)
    units = sums.size
    if units < 2:
        return float("nan"), 0.0
    variance = float((sums**2).sum() * units / (units - 1))
    return variance, float(units - 1)
