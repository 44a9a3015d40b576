"""How far people agree (D16, E04): chance-corrected, with an interval, or why it is undefined."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tunewell.stats import krippendorff_alpha
from tunewell.types import Estimate, Value

FLOOR = 0.667
"""Below this alpha no conclusion is safe (Krippendorff 2004, Content Analysis, section 11.4)."""


class Agreement(Value):
    """Agreement of people who did not see each other's verdicts.

    Attributes:
        alpha: Krippendorff's alpha; None where it is undefined, then ``why`` says why.
        same: Share of items rated twice or more on which all agree.
        items: How many items were rated twice or more.
        why: Why there is no alpha; empty if there is.
    """

    alpha: Estimate | None
    same: float
    items: int
    why: str = ""


def agreement(
    ratings: Mapping[tuple[str, str], float],
    *,
    scale: Literal["nominal", "ordinal"] = "nominal",
    level: float = 0.95,
) -> Agreement | None:
    """Agreement of ratings by (person, item); None if no item was rated by two people.

    Example:
        >>> r = {("ann", "1"): 1, ("bob", "1"): 1, ("ann", "2"): 0, ("bob", "2"): 0,
        ...      ("ann", "3"): 1, ("bob", "3"): 1}
        >>> found = agreement(r)
        >>> found.alpha.value, found.same, found.items
        (1.0, 1.0, 3)
        >>> same = {("ann", "1"): 1, ("bob", "1"): 1, ("ann", "2"): 1, ("bob", "2"): 1}
        >>> agreement(same).why
        'everybody said the same throughout: agreement beyond chance is undefined'
    """
    shared = _rated_twice(ratings)
    if shared.size == 0:
        return None

    highest, lowest = np.nanmax(shared, axis=0), np.nanmin(shared, axis=0)
    same = float(np.mean(highest == lowest))
    items = shared.shape[1]

    why = ""
    if highest.max() == lowest.min():
        why = "everybody said the same throughout: agreement beyond chance is undefined"
    elif items < 2:
        why = "only one item was rated by two people"
    if why:
        return Agreement(alpha=None, same=same, items=items, why=why)

    alpha = krippendorff_alpha(shared, scale=scale, level=level)
    return Agreement(alpha=alpha, same=same, items=items)


def _rated_twice(ratings: Mapping[tuple[str, str], float]) -> NDArray[np.float64]:
    """Ratings of items that two people or more rated: shape (most ratings of an item, items).

    Alpha does not ask who said what, so that columns need only be as high as the most ratings of an
    item, not as there are people; what is missing is NaN.
    """
    by_item: dict[str, list[float]] = defaultdict(list)
    for (_, item), value in sorted(ratings.items()):
        by_item[item].append(value)

    twice = [values for values in by_item.values() if len(values) >= 2]
    height = max(map(len, twice), default=0)
    shared = np.full((height, len(twice)), np.nan)
    for n, values in enumerate(twice):
        shared[: len(values), n] = values
    return shared
