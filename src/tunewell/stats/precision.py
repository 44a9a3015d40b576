"""How often a rule is right, from how often it calls what it should not."""

from __future__ import annotations

from tunewell.stats.proportions import proportion
from tunewell.types import Estimate


def observed_share(hits: int, n: int) -> Estimate:
    """A share with Wilson's interval, 95 %; the whole range where there is nothing to count.

    Source: Wilson 1927, JASA 22.

    Example:
        >>> str(observed_share(8, 10)), str(observed_share(0, 0))
        ('0.8 [0.49, 0.943]', '0 [0, 1]')
    """
    if n == 0:
        return Estimate(value=0.0, low=0.0, high=1.0, n=0, method="Wilson", unit="share")
    return proportion(hits, n).model_copy(update={"unit": "share"})


def precision_from_mistakes(called: int, n: int, mistakes: Estimate) -> Estimate:
    """Share of the rows called that are called rightly, from the rate of mistakes.

    All n rows at the rate of mistakes is the most that can be wrong; the rows that the rule is for
    cannot be, so it is a lower estimate.

    Args:
        called: How many of the rows were called.
        n: How many rows were judged.
        mistakes: Share of rows that should not be called and are, from examples.

    Returns:
        The share, in [0, 1]; its ends come from the ends of the rate of mistakes.

    Source:
        The rate's interval carried over by a monotone function, so it keeps the rate's level.

    Example:
        >>> str(precision_from_mistakes(50, 1000, observed_share(2, 400)))
        '0.9 [0.639, 0.973]'
    """
    method = f"mistakes among {mistakes.n} examples that belong, Wilson"
    if not called:
        return Estimate(value=0.0, low=0.0, high=1.0, n=0, method=method, unit="share")

    def right(rate: float) -> float:
        return min(1.0, max(0.0, 1 - rate * n / called))

    return Estimate(
        value=right(mistakes.value),
        low=right(mistakes.high),
        high=right(mistakes.low),
        level=mistakes.level,
        n=called,
        method=method,
        unit="share",
    )
