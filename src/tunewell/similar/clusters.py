"""Clusters of vectors: spherical k-means."""

from __future__ import annotations

import numpy as np

from tunewell.similar.arrays import Points, Positions


def clusters(
    points: Points,
    k: int,
    *,
    seed: int = 0,
    rounds: int = 12,
) -> tuple[Positions, Points]:
    """Spherical k-means (Dhillon and Modha 2001).

    Args:
        points: Unit vectors, shape (n, width).
        k: How many clusters; fewer come out where points coincide.
        seed: Of the start, which spreads the centres (k-means++).
        rounds: Most passes.

    Returns:
        The cluster of each point, shape (n,), and the centres, shape (k, width).
    """
    k = max(1, min(k, len(points)))
    centres = _spread_out(points, k, np.random.default_rng(seed))
    own = nearest_centre(points, centres)
    for _ in range(rounds - 1):
        centres = _moved(centres, points, own)
        before = own
        own = nearest_centre(points, centres)
        if np.array_equal(before, own):
            return own, centres
    return own, _moved(centres, points, own)


def nearest_centre(points: Points, centres: Points) -> Positions:
    """The nearest centre of each point, shape (n,)."""
    nearest: Positions = np.argmax(points @ centres.T, axis=1).astype(np.int64)
    return nearest


def _spread_out(
    points: Points,
    k: int,
    random: np.random.Generator,
) -> Points:
    """Centres to start from, far apart: k-means++ (Arthur and Vassilvitskii 2007) on a sample."""
    sample = points[random.permutation(len(points))[: 20 * k + 200]]
    centres = sample[:1]
    nearest = 1 - sample @ centres[0]
    for _ in range(k - 1):
        weight = np.maximum(nearest, 0) + 1e-9
        chosen = sample[random.choice(len(sample), p=weight / weight.sum())]
        centres = np.vstack([centres, chosen])
        nearest = np.minimum(nearest, 1 - sample @ chosen)
    return centres


def _moved(
    centres: Points,
    points: Points,
    own: Positions,
) -> Points:
    """Each centre in the middle of its points; one without points stays."""
    sums = np.zeros_like(centres)
    np.add.at(sums, own, points)
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    moved = np.where(norms > 0, sums / np.maximum(norms, 1e-9), centres)
    return moved.astype(np.float32)
