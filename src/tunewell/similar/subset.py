"""Subsets that cover a set: facility location, farthest first, and a share of every cluster."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tunewell.similar.vectors import clusters

Method = Literal["facility", "centers", "clusters", "random"]
Points = NDArray[np.float32]

_DEMAND = 2_000
_MOST_CLUSTERS = 200


def facility(points: Points, count: int, *, seed: int = 0) -> NDArray[np.int64]:
    """Facility location: the sum over all points of the likeness to their nearest chosen one, greedily the largest.

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
    demand = points[np.sort(np.random.default_rng(seed).permutation(len(points))[:_DEMAND])]
    served = np.full(len(demand), -1.0, dtype=np.float32)
    likeness = points @ demand.T  # shape (n, demand)
    heap = [(-float(gain), i, 0) for i, gain in enumerate((likeness - served).sum(axis=1).tolist())]
    heapq.heapify(heap)
    chosen: list[int] = []
    while heap and len(chosen) < count:
        _, i, seen = heapq.heappop(heap)
        if seen == len(chosen):
            chosen.append(i)
            np.maximum(served, likeness[i], out=served)
        else:
            gain = float(np.maximum(likeness[i] - served, 0).sum())
            heapq.heappush(heap, (-gain, i, len(chosen)))
    return np.array(chosen, dtype=np.int64)


def farthest(points: Points, count: int, *, seed: int = 0) -> NDArray[np.int64]:
    """k-center: each choice is the point farthest from all before (Gonzalez 1985).

    It likes what is odd.

    Example:
        >>> points = np.eye(3, dtype=np.float32)[[0, 0, 0, 1, 1, 2]]
        >>> sorted(points[farthest(points, 3)].argmax(axis=1).tolist())
        [0, 1, 2]
    """
    count = min(count, len(points))
    chosen = np.empty(count, dtype=np.int64)
    nearest = np.full(len(points), -2.0, dtype=np.float32)
    at = int(np.random.default_rng(seed).integers(len(points))) if len(points) else 0
    for k in range(count):
        chosen[k] = at
        nearest = np.maximum(nearest, points @ points[at])
        nearest[at] = np.inf
        at = int(np.argmin(nearest))
    return chosen


def stratified(points: Points, count: int, *, seed: int = 0) -> NDArray[np.int64]:
    """Of every cluster its most typical points, in number by the root of its size: small clusters are heard too.

    Example:
        >>> points = np.eye(3, dtype=np.float32)[[0, 0, 0, 1, 1, 2]]
        >>> sorted(points[stratified(points, 3)].argmax(axis=1).tolist())
        [0, 1, 2]
    """
    own, centres = clusters(points, min(count, _MOST_CLUSTERS), seed=seed)
    close = np.einsum("ij,ij->i", points, centres[own])
    order = np.lexsort((np.arange(len(points)), -close))
    rank = np.empty(len(points), dtype=np.int64)
    seen = np.zeros(len(centres), dtype=np.int64)
    for i in order:
        rank[i] = seen[own[i]]
        seen[own[i]] += 1
    # The j-th row of a cluster of n is due when j / sqrt(n) is: every cluster is served in
    # proportion to its root.
    due = (rank + 0.5) / np.sqrt(np.maximum(seen[own], 1))
    return np.lexsort((np.arange(len(points)), due))[:count].astype(np.int64)


def drawn(points: Points, count: int, *, seed: int = 0) -> NDArray[np.int64]:
    """A random subset."""
    return np.random.default_rng(seed).permutation(len(points))[:count].astype(np.int64)


METHODS: Mapping[str, Callable[..., NDArray[np.int64]]] = {
    "facility": facility,
    "centers": farthest,
    "clusters": stratified,
    "random": drawn,
}
"""Ways of choosing, by name."""
