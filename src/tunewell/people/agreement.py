"""How far people agree on the same things (D16, E04): chance-corrected, with an interval, or why it cannot be said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Literal

import numpy as np

from tunewell.stats import krippendorff_alpha
from tunewell.types import Estimate, Value

FLOOR = 0.667
"""Below this alpha, conclusions rest on sand (Krippendorff 2004, Content Analysis, section 11.4)."""


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
        >>> r = {("ann", "1"): 1, ("bob", "1"): 1, ("ann", "2"): 0, ("bob", "2"): 0, ("ann", "3"): 1, ("bob", "3"): 1}
        >>> found = agreement(r)
        >>> found.alpha.value, found.same, found.items
        (1.0, 1.0, 3)
        >>> agreement({("ann", "1"): 1, ("bob", "1"): 1, ("ann", "2"): 1, ("bob", "2"): 1}).why
        'everybody said the same throughout: agreement beyond chance is undefined'
    """
    values: dict[str, list[float]] = defaultdict(list)
    for (_, item), value in sorted(ratings.items()):
        values[item].append(value)
    twice = [given for given in values.values() if len(given) >= 2]
    # Alpha does not ask who said what: columns as high as the most ratings of an item, not as there
    # are people.
    shared = np.full((max(map(len, twice), default=0), len(twice)), np.nan)
    for n, given in enumerate(twice):
        shared[: len(given), n] = given
    if shared.size == 0:
        return None
    same = float(np.mean(np.nanmax(shared, axis=0) == np.nanmin(shared, axis=0)))
    count = shared.shape[1]
    if len(set(shared[~np.isnan(shared)])) < 2:
        why = "everybody said the same throughout: agreement beyond chance is undefined"
        return Agreement(alpha=None, same=same, items=count, why=why)
    if count < 2:
        return Agreement(
            alpha=None, same=same, items=count, why="only one item was rated by two people"
        )
    return Agreement(
        alpha=krippendorff_alpha(shared, scale=scale, level=level), same=same, items=count
    )
