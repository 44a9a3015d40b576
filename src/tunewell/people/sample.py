"""Which rows people should see: drawn with equal, known probability, spread evenly over slices and families."""

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


def draw(rows: Sequence[SampleCandidate], count: int, *, seed: int = 0) -> list[str]:
    """A systematic sample of the rows sorted by strata and family: every row has probability ``count / len(rows)``.

    Each stratum gets its share to within one row, so slices are mirrored without being weighted,
    and a plain mean of what people say is an honest estimate for all rows. The order within strata
    is drawn by seed.

    Args:
        rows: To draw from.
        count: How many; all of them if there are no more.
        seed: Of the draw.

    Returns:
        Ids, in an order drawn by seed (so that a batch may be stopped at any time).

    Source:
        Cochran 1977, Sampling Techniques, chapter 8.

    Example:
        >>> rows = [SampleCandidate(id=str(i), strata=("north" if i < 30 else "south",)) for i in range(40)]
        >>> drawn = draw(rows, 8, seed=1)
        >>> len(drawn), sum(int(i) < 30 for i in drawn)
        (8, 6)
    """
    if count < 1:
        raise UserError(f"at least one row has to be drawn, got {count}")
    generator = random.Random(f"draw {seed}")
    ordered = _ordered(rows, seed)
    if count >= len(ordered):
        chosen = [r.id for r in ordered]
    else:
        step = len(ordered) / count
        start = generator.random() * step
        chosen = [ordered[min(int(start + k * step), len(ordered) - 1)].id for k in range(count)]
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
    if count < 1:
        raise UserError(f"at least one row has to be drawn, got {count}")
    if not 0 <= share < 1:
        raise UserError(f"the share drawn by size lies from 0 to below 1, got {share}", hint="0.3")
    ordered = _ordered(rows, seed)
    if count >= len(ordered):
        probability = np.ones(len(ordered))
    else:
        size = np.array([max(sizes.get(r.id, 0.0), 0.0) for r in ordered])
        part = size / size.sum() if size.sum() > 0 else np.full(len(ordered), 1 / len(ordered))
        probability = _capped((1 - share) / len(ordered) + share * part, count)
    generator = random.Random(f"draw unequal {seed}")
    places = np.searchsorted(
        np.cumsum(probability), generator.random() + np.arange(min(count, len(ordered))), "right"
    )
    chosen = [int(n) for n in np.minimum(places, len(ordered) - 1)]
    generator.shuffle(chosen)
    return {ordered[n].id: float(min(probability[n], 1.0)) for n in chosen}


def _capped(part: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Probabilities that add up to ``count``: in proportion to ``part``, those above 1 cut to it."""
    certain = np.zeros(len(part), bool)
    while True:
        left = part[~certain].sum()
        out = np.where(certain, 1.0, part * (count - certain.sum()) / left if left > 0 else 1.0)
        over = (out > 1) & ~certain
        if not over.any():
            return np.asarray(out)
        certain |= over


def _ordered(rows: Sequence[SampleCandidate], seed: int) -> list[SampleCandidate]:
    return sorted(rows, key=lambda r: (r.strata, _rank(seed, r.family or r.id), _rank(seed, r.id)))


def _rank(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed}\x1f{name}".encode("utf-8", "surrogatepass")).hexdigest()
