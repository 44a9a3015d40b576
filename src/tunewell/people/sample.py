"""Which rows people should see: drawn with known probability, evenly over slices and families."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tunewell.errors import UserError
from tunewell.types import Value


class SampleCandidate(Value):
    """A row that may be drawn.

    Attributes:
        id: Of the row.
        strata: Values that the sample should mirror (slices), most important first.
        family: Rows of one family lie side by side, so that few of them are drawn together.
    """

    id: str
    strata: tuple[str, ...] = ()
    family: str = ""


def draw(
    rows: Sequence[SampleCandidate],
    count: int,
    *,
    seed: int = 0,
) -> list[str]:
    """A systematic sample of the rows sorted by strata and family.

    Every row has probability ``count / len(rows)``. Each stratum gets its share to within one row,
    so slices are mirrored without being weighted, and a plain mean of what people say is an honest
    estimate for all rows. The order within strata is drawn by seed.

    Args:
        rows: To draw from.
        count: How many; all of them if there are no more.
        seed: Of the draw.

    Returns:
        Ids, in an order drawn by seed (so that a batch may be stopped at any time).

    Source:
        Cochran 1977, Sampling Techniques, chapter 8.

    Example:
        >>> rows = [SampleCandidate(id=str(i), strata=("north" if i < 30 else "south",))
        ...         for i in range(40)]
        >>> drawn = draw(rows, 8, seed=1)
        >>> len(drawn), sum(int(i) < 30 for i in drawn)
        (8, 6)
    """
    _check_count(count)
    generator = random.Random(f"draw {seed}")
    ordered = _ordered(rows, seed)
    chosen = [row.id for row in ordered]
    if count < len(ordered):
        step = len(ordered) / count
        start = generator.random() * step
        last = len(ordered) - 1
        chosen = []
        for k in range(count):
            place = min(int(start + k * step), last)
            chosen.append(ordered[place].id)
    generator.shuffle(chosen)
    return chosen


def draw_unequal(
    rows: Sequence[SampleCandidate],
    count: int,
    *,
    sizes: Mapping[str, float],
    share: float,
    seed: int = 0,
) -> dict[str, float]:
    """A systematic sample in which rows of greater size are likelier, each with its probability.

    A row's probability is ``(1 - share) / len(rows)`` plus ``share`` times its part of all sizes,
    times ``count`` and at most 1. No row's is 0, so what people say, weighted by 1 / probability,
    is an honest estimate for all rows.

    Args:
        rows: To draw from.
        count: How many; all of them if there are no more.
        sizes: At least 0 by row; rows without one have 0.
        share: Of the sample that goes by size, in [0, 1); the rest is drawn evenly.
        seed: Of the draw.

    Returns:
        Probability by id, in an order drawn by seed, so that a batch may be stopped at any time:
        its first m rows had the fraction m / count of their probability.

    Source:
        Madow 1949, On the theory of systematic sampling II.

    Example:
        >>> rows = [SampleCandidate(id=str(i)) for i in range(40)]
        >>> drawn = draw_unequal(rows, 8, sizes={"7": 1.0, "8": 1.0}, share=0.5, seed=1)
        >>> len(drawn), drawn["7"], round(min(drawn.values()), 3)
        (8, 1.0, 0.158)
    """
    _check_count(count)
    if not 0 <= share < 1:
        raise UserError(
            f"the share drawn by size must be at least 0 and below 1, got {share}",
            hint="0.3",
        )
    ordered = _ordered(rows, seed)
    count = min(count, len(ordered))
    size = [sizes.get(row.id, 0.0) for row in ordered]
    probability = _probabilities(size, count, share)

    generator = random.Random(f"draw unequal {seed}")
    steps = generator.random() + np.arange(count)
    places = np.searchsorted(np.cumsum(probability), steps, "right")
    chosen = [int(place) for place in np.minimum(places, len(ordered) - 1)]
    generator.shuffle(chosen)
    found = {}
    for place in chosen:
        row = ordered[place]
        found[row.id] = float(min(probability[place], 1.0))
    return found


def _check_count(count: int) -> None:
    if count < 1:
        raise UserError(f"at least one row has to be drawn, got {count}")


def _probabilities(
    sizes: Sequence[float],
    count: int,
    share: float,
) -> NDArray[np.float64]:
    """Each row's probability: evenly for ``1 - share`` of the sample, by size for the rest."""
    rows = len(sizes)
    if count >= rows:
        return np.ones(rows)

    size = np.maximum(np.array(sizes, np.float64), 0.0)
    total = size.sum()
    by_size = size / total if total > 0 else np.full(rows, 1 / rows)
    return _capped((1 - share) / rows + share * by_size, count)


def _capped(part: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Probabilities that add up to ``count``: in proportion to ``part``, those above 1 cut to 1."""
    certain = np.zeros(len(part), bool)
    while True:
        left = part[~certain].sum()
        scaled = np.ones(len(part))
        if left > 0:
            scaled = part * (count - certain.sum()) / left
        probability = np.where(certain, 1.0, scaled)

        over = (probability > 1) & ~certain
        if not over.any():
            return probability
        certain |= over


def _ordered(rows: Sequence[SampleCandidate], seed: int) -> list[SampleCandidate]:
    """Rows by stratum; within it families, and rows of a family, in an order drawn by seed."""

    def place(row: SampleCandidate) -> tuple[tuple[str, ...], str, str]:
        family = row.family or row.id
        return row.strata, _rank(seed, family), _rank(seed, row.id)

    return sorted(rows, key=place)


def _rank(seed: int, name: str) -> str:
    text = f"{seed}\x1f{name}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
