"""How many of a kind there may be in all, when planted ones tell what share of them is found."""

from __future__ import annotations

import math

from tunewell.stats.inputs import critical, share
from tunewell.stats.proportions import wilson

LEAST_RECALL = 0.01
"""A search that finds fewer of the planted ones is taken to find one in a hundred."""


def most_present(
    found: int, *, planted: int, planted_found: int, limit: int, level: float = 0.95
) -> int:
    """Upper bound on how many there are, found and missed together.

    Of N as hard to find as the planted ones, the number found is binomial with the recall of the
    planted ones. Half of the error goes to the recall, whose lower end is Wilson's, and half to the
    count: the bound is the largest N that would give so few with at least that probability.

    Args:
        found: How many were found.
        planted: How many were planted, above 0.
        planted_found: How many of those were found.
        limit: How many there can be at most.
        level: Probability that the bound is high enough, in (0, 1).

    Returns:
        The bound, between ``found`` and the larger of ``found`` and ``limit``.

    Source:
        Wilson 1927, JASA 22 (recall); normal approximation of the binomial tail with continuity
        correction; exact where nothing was found.

    Example:
        >>> most_present(0, planted=200, planted_found=190, limit=1000)
        1
        >>> most_present(8, planted=200, planted_found=100, limit=1000)
        32
    """
    error = (1 - share(level, "level")) / 2
    low, _ = wilson(planted_found, planted, critical(1 - 2 * error))
    recall = max(LEAST_RECALL, float(low))

    present = found
    while present < limit:
        if _chance_of_so_few(found, present + 1, recall) < error:
            return present
        present += 1
    return max(found, limit)


def _chance_of_so_few(found: int, present: int, recall: float) -> float:
    """P(binomial(present, recall) <= found)."""
    if found == 0:
        return (1 - recall) ** present
    mean = present * recall
    spread = math.sqrt(present * recall * (1 - recall))
    return 0.5 * math.erfc((mean - found - 0.5) / (spread * math.sqrt(2) + 1e-12))


def most_missed(
    bad: int,
    audited: int,
    rest: int,
    *,
    unread: int = 0,
    level: float = 0.95,
) -> int:
    """Upper bound on how many bad ones there are among those that were not looked at.

    Some of the rest were drawn at random and read. The bound is the largest number of bad ones in
    the rest that would show so few in such a draw with at least the probability ``1 - level``.

    Args:
        bad: How many of those read were bad.
        audited: How many were read, above 0.
        rest: How many there are in all, those read among them.
        unread: How many were drawn and not read: each is taken for a bad one.
        level: Probability that the bound is high enough, in (0, 1).

    Returns:
        The bound, of all in the rest, those found among them.

    Source:
        Exact hypergeometric limit (Katz 1953, JASA 48).

    Example:
        >>> most_missed(0, 59, 1_000), most_missed(2, 59, 1_000)
        (48, 100)
    """
    share(level, "level")
    drawn = audited + unread
    seen = bad + unread
    if not 0 <= seen <= drawn <= rest or drawn < 1:
        raise ValueError(f"'bad' and 'audited' must fit into {rest}. Got {seen} of {drawn}.")
    low, high = seen, rest - (drawn - seen)
    while low < high:
        middle = (low + high + 1) // 2
        if _chance_of_at_most(seen, rest, middle, drawn) >= 1 - level:
            low = middle
        else:
            high = middle - 1
    return low


def _chance_of_at_most(seen: int, rest: int, bad: int, drawn: int) -> float:
    """Probability that a draw without replacement holds so few of the bad ones."""
    every = _log_choices(rest, drawn)
    fewest = max(0, drawn - (rest - bad))
    ways = [
        _log_choices(bad, k) + _log_choices(rest - bad, drawn - k)
        for k in range(fewest, min(seen, bad) + 1)
    ]
    return sum(math.exp(way - every) for way in ways)


def _log_choices(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
