"""Which rows people should see: drawn with equal, known probability, spread evenly over slices and families."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence

from tunewell.errors import UserError
from tunewell.types import Value


class Candidate(Value):
    """A row that may be drawn.

    Attributes:
        id: Of the row.
        strata: Values that the sample should mirror (slices), most important first.
        family: Rows of one family lie side by side, so that few of them are drawn together.
    """

    id: str
    strata: tuple[str, ...] = ()
    family: str = ""


def draw(rows: Sequence[Candidate], count: int, *, seed: int = 0) -> list[str]:
    """A systematic sample of the rows sorted by strata and family: every row has probability ``count / len(rows)``.

    Each stratum gets its share to within one row, so slices are mirrored without being weighted, and a plain mean of
    what people say is an honest estimate for all rows. The order within strata is drawn by seed.

    Args:
        rows: To draw from.
        count: How many; all of them if there are no more.
        seed: Of the draw.

    Returns:
        Ids, in an order drawn by seed (so that a batch may be stopped at any time).

    Source:
        Cochran 1977, Sampling Techniques, chapter 8.

    Example:
        >>> rows = [Candidate(id=str(i), strata=("north" if i < 30 else "south",)) for i in range(40)]
        >>> drawn = draw(rows, 8, seed=1)
        >>> len(drawn), sum(int(i) < 30 for i in drawn)
        (8, 6)
    """
    if count < 1:
        raise UserError(f"at least one row has to be drawn, got {count}")
    generator = random.Random(f"draw {seed}")
    ordered = sorted(rows, key=lambda r: (r.strata, _rank(seed, r.family or r.id), _rank(seed, r.id)))
    if count >= len(ordered):
        chosen = [r.id for r in ordered]
    else:
        step = len(ordered) / count
        start = generator.random() * step
        chosen = [ordered[min(int(start + k * step), len(ordered) - 1)].id for k in range(count)]
    generator.shuffle(chosen)
    return chosen


def _rank(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed}\x1f{name}".encode("utf-8", "surrogatepass")).hexdigest()
