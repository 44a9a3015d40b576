"""Subsets that cover a set: facility location, farthest first, and a share of every cluster."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np

from tunewell.similar.arrays import (
    Points,
    Positions,
    sample,
)
from tunewell.similar.clusters import clusters

Method = Literal["facility", "centers", "clusters", "random"]

_DEMAND = 2_000
"""Points that are to be served by facility location."""

_MOST_CLUSTERS = 200


def facility(
    points: Points,
    count: int,
    *,
    seed: int = 0,
) -> Positions:
    """Facility location: greedily the largest sum of likeness to the nearest chosen point.

    The greedy choice is within 1 − 1/e of the best (Nemhauser, Wolsey & Fisher 1978); gains are
    evaluated lazily (Minoux 1978), on a sample of at most 2,000 points to be served.

    Args:
        points: Unit vectors, shape (n, width).
        count: How many to choose.
        seed: Of the sample.

    Returns:
        Positions in the order of choice, shape (min(count, n),).

    Example:
        >>> points = np.eye(3, dtype=np.float32)[[0, 0, 0, 1, 1, 2]]
        >>> sorted(points[facility(points, 3)].argmax(axis=1).tolist())
        [0, 1, 2]
    """
    demand = sample(len(points), _DEMAND, np.random.default_rng(seed))
    likeness = points @ points[demand].T  # shape (n, demand)
    served = np.full(len(demand), -1.0, dtype=np.float32)

    gains = (likeness - served).sum(axis=1)
    heap = [(-gain, i, 0) for i, gain in enumerate(gains.tolist())]
    heapq.heapify(heap)
    chosen: list[int] = []
    while heap and len(chosen) < count:
        _, i, seen = heapq.heappop(heap)
        if seen == len(chosen):
            chosen.append(i)
            np.maximum(served, likeness[i], out=served)
        else:
            gained = np.maximum(likeness[i] - served, 0)
            gain = float(gained.sum())
            heapq.heappush(heap, (-gain, i, len(chosen)))
    return np.array(chosen, dtype=np.int64)


def farthest(
    points: Points,
    count: int,
    *,
    seed: int = 0,
) -> Positions:
    """k-center: each choice is the point farthest from all before (Gonzalez 1985).

    It likes what is odd.

    Example:
        >>> points = np.eye(3, dtype=np.float32)[[0, 0, 0, 1, 1, 2]]
        >>> sorted(points[farthest(points, 3)].argmax(axis=1).tolist())
        [0, 1, 2]
    """
    chosen = np.empty(min(count, len(points)), dtype=np.int64)
    nearest = np.full(len(points), -2.0, dtype=np.float32)
    if not len(points):
        return chosen
    random = np.random.default_rng(seed)
    at = int(random.integers(len(points)))
    for k in range(len(chosen)):
        chosen[k] = at
        nearest = np.maximum(nearest, points @ points[at])
        nearest[at] = np.inf
        at = int(np.argmin(nearest))
    return chosen


def stratified(
    points: Points,
    count: int,
    *,
    seed: int = 0,
) -> Positions:
    """Of every cluster its most typical points, in number by the root of its size.

    So small clusters are heard too.

    Example:
        >>> points = np.eye(3, dtype=np.float32)[[0, 0, 0, 1, 1, 2]]
        >>> sorted(points[stratified(points, 3)].argmax(axis=1).tolist())
        [0, 1, 2]
    """
    own, centres = clusters(points, min(count, _MOST_CLUSTERS), seed=seed)
    close = np.einsum("ij,ij->i", points, centres[own])
    places = np.arange(len(points))

    rank = np.empty(len(points), dtype=np.int64)
    size = np.zeros(len(centres), dtype=np.int64)
    for i in np.lexsort((places, -close)):
        cluster = own[i]
        rank[i] = size[cluster]
        size[cluster] += 1

    # The j-th row of a cluster of n is due when j / sqrt(n) is: every cluster is served in
    # proportion to its root.
    root = np.sqrt(np.maximum(size[own], 1))
    order = np.lexsort((places, (rank + 0.5) / root))
    return order[:count].astype(np.int64)


def drawn(
    points: Points,
    count: int,
    *,
    seed: int = 0,
) -> Positions:
    """A random subset."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(points))
    return order[:count].astype(np.int64)


METHODS: Mapping[str, Callable[..., Positions]] = {
    "facility": facility,
    "centers": farthest,
    "clusters": stratified,
    "random": drawn,
}
"""Ways of choosing, by name."""
