"""A map of what texts speak of: islands of meaning, near ones alike, each with its telling words and what is missing.

The islands are clusters of word vectors. Their places come from classical scaling (Torgerson 1952)
of the ranks of the distances between their centres; a row lies near the middle of its island if it
is typical, on the rim if it is odd.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tunewell.similar.shown_families import Island, Map
from tunewell.similar.vectors import clusters, vectors

MOST_ISLANDS = 14
_WORD = re.compile(r"[^\W\d_]{3,}")
_LEAST = 20


def make_map(
    ids: Sequence[str],
    texts: Sequence[str],
    fates: Sequence[str],
    *,
    seed: int = 0,
    most: int = 4_000,
) -> Map | None:
    """Make a map of texts.

    Args:
        ids: Of the rows.
        texts: What is looked at.
        fates: ``kept``, ``test`` or a pitfall code, for each row.
        seed: Of the sample and of the clusters.
        most: Rows that are looked at; a sample by seed beyond.

    Returns:
        None with fewer than 20 texts that have words.

    Raises:
        MissingExtraError: ``vectors`` is not installed.
    """
    chosen = np.sort(np.random.default_rng(seed).permutation(len(texts))[:most])
    points = vectors([texts[i] for i in chosen])
    told = np.flatnonzero(np.abs(points).sum(axis=1) > 0)
    chosen, points = chosen[told], points[told]
    if len(chosen) < _LEAST:
        return None
    own, centres = islands(points, seed=seed)
    fate = [fates[i] for i in chosen]
    words = telling_words([texts[i] for i in chosen], own, len(centres))
    at = _scaled(centres)
    made = []
    for k in range(len(centres)):
        members = np.flatnonzero(own == k)
        x, y, order = _inside(points[members], centres[k])
        rows = [
            (
                ids[chosen[members[i]]],
                round(float(x[i]), 3),
                round(float(y[i]), 3),
                fate[members[i]],
            )
            for i in order
        ]
        made.append(
            Island(
                at=(round(float(at[k, 0]), 4), round(float(at[k, 1]), 4)),
                words=words[k],
                counts=dict(sorted(Counter(row[3] for row in rows).items())),
                rows=tuple(rows),
            )
        )
    apart = np.round(1 - centres @ centres.T, 4)
    return Map(
        islands=tuple(made),
        apart=tuple(tuple(row) for row in apart.tolist()),
        shown=len(chosen),
        of=len(texts),
    )


def islands(
    points: NDArray[np.float32], *, seed: int = 0, most: int = MOST_ISLANDS
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Clusters of at least three points and one in a hundred, the largest first.

    Args:
        points: Unit vectors, shape (n, width).
        seed: Of the start.
        most: How many at most; about the root of n / 8 otherwise.

    Returns:
        The cluster of each point, shape (n,), and unit centres, shape (clusters, width).
    """
    n = len(points)
    own, centres = clusters(
        points, int(np.clip(round(math.sqrt(n / 8)), min(4, n), most)), seed=seed
    )
    least = max(3, n // 100)
    while True:
        counts = np.bincount(own, minlength=len(centres))
        small = int(np.argmin(counts))
        if len(centres) == 1 or counts[small] >= least:
            break
        centres = np.delete(centres, small, axis=0)
        own = np.argmax(points @ centres.T, axis=1).astype(np.int64)
    order = np.argsort(-counts, kind="stable")
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return place[own], centres[order]


def telling_words(
    texts: Sequence[str], own: NDArray[np.int64], groups: int, *, most: int = 3
) -> tuple[tuple[str, ...], ...]:
    """The words that tell each group of texts from the others, the most telling first.

    Example:
        >>> telling_words(["pay the bill", "the bill is high", "read the meter", "the old meter"],
        ...               np.array([0, 0, 1, 1]), 2, most=1)
        (('bill',), ('meter',))
    """
    inside = [Counter[str]() for _ in range(groups)]
    for text, group in zip(texts, own.tolist(), strict=True):
        inside[group].update({word.lower() for word in _WORD.findall(text[:2_000])})
    everywhere = sum(inside, Counter[str]())
    sizes = np.bincount(own, minlength=groups)
    found = []
    for k in range(groups):
        n, others = int(sizes[k]), len(texts) - int(sizes[k])
        scored = [
            (
                a / n * math.log((a + 0.5) / (n + 1) * (others + 1) / (everywhere[word] - a + 0.5)),
                word,
            )
            for word, a in inside[k].items()
            if a >= max(2, 0.05 * n)
        ]
        found.append(
            tuple(
                word
                for score, word in sorted(scored, key=lambda s: (-s[0], s[1]))[:most]
                if score > 0
            )
        )
    return tuple(found)


def _scaled(centres: NDArray[np.float32]) -> NDArray[np.float64]:
    """Places in the plane whose distances are like those of the centres, shape (k, 2)."""
    k = len(centres)
    apart = 1 - (centres @ centres.T).astype(np.float64)
    # Ranks instead of distances: one far cluster must not press all others together.
    upper = np.triu_indices(k, 1)
    ranked = np.zeros((k, k))
    ranked[upper] = (np.argsort(np.argsort(apart[upper], kind="stable"), kind="stable") + 1) / max(
        len(upper[0]), 1
    )
    squared = (0.25 + ranked + ranked.T) ** 2 * (1 - np.eye(k))
    middle = np.eye(k) - 1 / k
    values, axes = np.linalg.eigh(-0.5 * middle @ squared @ middle)
    at = np.zeros((k, 2))
    for i in range(min(2, k)):
        axis = axes[:, -1 - i] * np.sqrt(max(float(values[-1 - i]), 0))
        at[:, i] = axis * (np.sign(axis[np.argmax(np.abs(axis))]) or 1)
    return at


def _inside(
    points: NDArray[np.float32], centre: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Places in a disc of radius 1, evenly filled: typical rows in the middle.

    And the order of typicality.
    """
    off = points - centre
    spread = off - off.mean(axis=0)
    _, axes = np.linalg.eigh(spread.T @ spread)
    flat = np.zeros((len(points), 2))
    for i in range(2):
        axis = axes[:, -1 - i]
        flat[:, i] = off @ (axis * (np.sign(axis[np.argmax(np.abs(axis))]) or 1))
    order = np.argsort(np.linalg.norm(off, axis=1), kind="stable")
    radius = np.empty(len(points))
    radius[order] = np.sqrt((np.arange(len(points)) + 0.5) / len(points))
    # Rows of equal texts have one place: the golden ratio spreads them over a patch instead of
    # along a line.
    scattered = np.empty(len(points))
    scattered[order] = np.arange(len(points)) * 0.6180339887498949 % 1.0
    turn = np.empty(len(points))
    angle = np.round(np.arctan2(flat[:, 1], flat[:, 0]), 3)
    turn[np.lexsort((scattered, angle))] = np.arange(len(points)) / len(points)
    return radius * np.cos(2 * np.pi * turn), radius * np.sin(2 * np.pi * turn), order
