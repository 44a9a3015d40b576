"""Several claims at once: p-values and levels corrected for how many there are."""

from __future__ import annotations

from collections.abc import Sequence


def holm_adjusted(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number, in the order given.

    Reject those of at most alpha, and the probability of any false rejection is at most alpha.

    Source:
        Holm 1979, Scandinavian Journal of Statistics 6.

    Example:
        >>> holm_adjusted([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    count = len(p_values)
    adjusted = [0.0] * count
    largest = 0.0
    smallest_first = sorted(range(count), key=lambda i: p_values[i])
    for rank, i in enumerate(smallest_first):
        largest = max(largest, min(1.0, (count - rank) * p_values[i]))
        adjusted[i] = largest
    return adjusted


def bonferroni_level(level: float, claims: int) -> float:
    """The level of each of several intervals that hold together at ``level``.

    Args:
        level: Of all together, in (0, 1).
        claims: How many intervals; fewer than one count as one.

    Source:
        Dunn 1961, JASA 56.

    Example:
        >>> bonferroni_level(0.95, 1), round(bonferroni_level(0.95, 5), 12)
        (0.95, 0.99)
    """
    return 1 - (1 - level) / max(1, claims)
