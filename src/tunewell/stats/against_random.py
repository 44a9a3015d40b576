"""A chosen subset against random subsets of the same size."""

from __future__ import annotations

import math

from numpy.typing import ArrayLike

from tunewell.stats.inputs import critical, matrix, positive, vector
from tunewell.types import Estimate


def against_random_subsets(
    chosen: ArrayLike, random: ArrayLike, *, measures: int = 1, level: float = 0.95
) -> Estimate:
    """Mean difference between a chosen subset and one more random subset.

    A prediction interval: it holds the chance of the rows set aside and that of the random subset,
    so a random subset drawn anew lies inside it where the choice is no better.

    Args:
        chosen: What the chosen subset gives on each row set aside, shape (rows,).
        random: The same of each random subset, shape (subsets, rows), two subsets or more.
        measures: How many such intervals are to hold together (Bonferroni's correction).
        level: Probability that all of them cover, in (0, 1).

    Returns:
        Chosen minus random. ``n`` counts the rows set aside, ``level`` is that of this interval
        alone.

    Source:
        Student's t prediction interval for one more draw: Hahn & Meeker 1991, Statistical
        Intervals, section 4.7; variance of the rows added.

    Example:
        >>> found = against_random_subsets([1, 1, 0, 1], [[0, 1, 0, 1], [1, 0, 0, 0], [0, 0, 0, 1]])
        >>> round(found.value, 3), found.low < 0
        (0.417, True)
    """
    values = vector(chosen, "chosen")
    others = matrix(random, "random")
    subsets = len(others)
    if subsets < 2:
        raise ValueError(f"'random' must hold two subsets or more. Got {subsets} instead.")

    apart = values - others.mean(axis=0)
    of_the_rows = apart.var(ddof=1) / len(apart)
    of_one_more_subset = others.mean(axis=1).var(ddof=1) * (1 + 1 / subsets)

    own_level = 1 - (1 - level) / positive(measures, "measures")
    error = math.sqrt(of_the_rows + of_one_more_subset)
    half = critical(own_level, subsets - 1) * error

    value = float(apart.mean())
    return Estimate(
        value=value,
        low=value - half,
        high=value + half,
        level=own_level,
        n=len(apart),
        method=f"{subsets} random subsets, t; {100 * level:g} % over {measures} measures",
    )
