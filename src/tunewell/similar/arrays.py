"""Names for the arrays that texts and vectors are kept in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]

Codes = NDArray[np.uint32]
"""Hashes of words, and of the bands of sketches."""

Packed = NDArray[np.uint64]
"""A key and a row in one number."""

Positions = NDArray[np.int64]
"""Positions of rows, words, clusters; counts of them."""

Shares = NDArray[np.float32]
"""Similarities and shares, in [0, 1]."""

Points = NDArray[np.float32]
"""Vectors of texts, shape (n, width)."""

Floats = NDArray[np.float64]


def sample(
    n: int,
    most: int,
    random: np.random.Generator,
) -> Positions:
    """At most so many positions of n, drawn without doubles, in rising order."""
    drawn = random.permutation(n)[:most]
    return np.sort(drawn)


def distinct(values: Positions) -> Positions:
    """The different values in rising order, shape (m,); by sorting, which beats hashing here.

    Example:
        >>> distinct(np.array([3, 1, 3, 2])).tolist()
        [1, 2, 3]
    """
    ordered = np.sort(values)
    if not len(ordered):
        return ordered
    fresh = np.empty(len(ordered), dtype=np.bool_)
    fresh[0] = True
    np.not_equal(ordered[1:], ordered[:-1], out=fresh[1:])
    return ordered[fresh]
