"""A map of what texts speak of: islands of meaning, near ones alike, each with its telling words.

The islands are clusters of word vectors. Their places come from classical scaling (Torgerson 1952)
of the ranks of the distances between their centres; a row lies near the middle of its island if it
is typical, on the rim if it is odd.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tunewell.similar.arrays import (
    Floats,
    Points,
    Positions,
    sample,
)
from tunewell.similar.clusters import clusters, nearest_centre
from tunewell.similar.shown_families import Island, Map
from tunewell.similar.vectors import vectors

MOST_ISLANDS = 14
_WORD = re.compile(r"[^\W\d_]{3,}")
_LEAST = 20
"""Fewer texts make no map."""

_GOLDEN = 0.6180339887498949


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
    chosen = sample(len(texts), most, np.random.default_rng(seed))
    points = vectors([texts[i] for i in chosen])
    told = np.flatnonzero(np.abs(points).sum(axis=1) > 0)
    chosen, points = chosen[told], points[told]
    if len(chosen) < _LEAST:
        return None

    own, centres = islands(points, seed=seed)
    words = telling_words([texts[i] for i in chosen], own, len(centres))
    places = _scaled(centres).round(4).tolist()
    made = []
    for k, centre in enumerate(centres):
        members = np.flatnonzero(own == k)
        disc = _Disc.of(points[members], centre)
        rows = []
        for place in disc.order.tolist():
            row = chosen[members[place]]
            x = round(float(disc.x[place]), 3)
            y = round(float(disc.y[place]), 3)
            rows.append((ids[row], x, y, fates[row]))
        at_x, at_y = places[k]
        made.append(_island((at_x, at_y), words[k], rows))

    apart = np.round(1 - centres @ centres.T, 4)
    return Map(
        islands=tuple(made),
        apart=tuple(tuple(row) for row in apart.tolist()),
        shown=len(chosen),
        of=len(texts),
    )


def _island(
    at: tuple[float, float],
    words: tuple[str, ...],
    rows: Sequence[tuple[str, float, float, str]],
) -> Island:
    counts = Counter(fate for *_, fate in rows)
    return Island(
        at=at,
        words=words,
        counts=dict(sorted(counts.items())),
        rows=tuple(rows),
    )


def islands(
    points: Points,
    *,
    seed: int = 0,
    most: int = MOST_ISLANDS,
) -> tuple[Positions, Points]:
    """Clusters of at least three points and one in a hundred, the largest first.

    Args:
        points: Unit vectors, shape (n, width).
        seed: Of the start.
        most: How many at most; about the root of n / 8 otherwise.

    Returns:
        The cluster of each point, shape (n,), and unit centres, shape (clusters, width).
    """
    n = len(points)
    root = round(math.sqrt(n / 8))
    wanted = int(np.clip(root, min(4, n), most))
    own, centres = clusters(points, wanted, seed=seed)

    least = max(3, n // 100)
    while True:
        counts = np.bincount(own, minlength=len(centres))
        small = int(np.argmin(counts))
        if len(centres) == 1 or counts[small] >= least:
            break
        centres = np.delete(centres, small, axis=0)
        own = nearest_centre(points, centres)

    order = np.argsort(-counts, kind="stable")
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return place[own], centres[order]


def telling_words(
    texts: Sequence[str],
    own: Positions,
    groups: int,
    *,
    most: int = 3,
) -> tuple[tuple[str, ...], ...]:
    """The words that tell each group of texts from the others, the most telling first.

    Example:
        >>> telling_words(["pay the bill", "the bill is high", "read the meter", "the old meter"],
        ...               np.array([0, 0, 1, 1]), 2, most=1)
        (('bill',), ('meter',))
    """
    inside = [Counter[str]() for _ in range(groups)]
    for text, group in zip(texts, own.tolist(), strict=True):
        words = _WORD.findall(text[:2_000])
        inside[group].update({word.lower() for word in words})
    everywhere = sum(inside, Counter[str]())

    sizes = np.bincount(own, minlength=groups).tolist()
    found = []
    for here, size in zip(inside, sizes, strict=True):
        scored = _scored(here, everywhere, size, len(texts) - size)
        found.append(tuple(word for _, word in scored[:most]))
    return tuple(found)


def _scored(
    inside: Counter[str],
    everywhere: Counter[str],
    size: int,
    others: int,
) -> list[tuple[float, str]]:
    """Words of a group that tell it, with their score below 0, the lowest first.

    The share of the group that uses the word, times the log of how many times more frequent it is
    there than elsewhere.
    """
    least = max(2, 0.05 * size)
    scored = []
    for word, count in inside.items():
        if count < least:
            continue
        # Half a text is added, so that no share is 0.
        here = (count + 0.5) / (size + 1)
        elsewhere = (everywhere[word] - count + 0.5) / (others + 1)
        score = count / size * math.log(here / elsewhere)
        if score > 0:
            scored.append((-score, word))
    return sorted(scored)


def _scaled(centres: Points) -> Floats:
    """Places in the plane whose distances are like those of the centres, shape (k, 2)."""
    k = len(centres)
    apart = 1 - (centres @ centres.T).astype(np.float64)

    # Ranks instead of distances: one far cluster must not press all others together.
    upper = np.triu_indices(k, 1)
    order = np.argsort(apart[upper], kind="stable")
    rank = np.argsort(order, kind="stable") + 1
    ranked = np.zeros((k, k))
    ranked[upper] = rank / max(len(rank), 1)
    squared = (0.25 + ranked + ranked.T) ** 2 * (1 - np.eye(k))

    middle = np.eye(k) - 1 / k
    values, axes = np.linalg.eigh(-0.5 * middle @ squared @ middle)
    at = np.zeros((k, 2))
    for i in range(min(2, k)):
        length = np.sqrt(max(float(values[-1 - i]), 0))
        at[:, i] = _signed(axes[:, -1 - i] * length)
    return at


def _signed(axis: Floats) -> Floats:
    """An axis whose largest entry is positive: eigenvectors come with either sign."""
    largest = axis[np.argmax(np.abs(axis))]
    return axis * (np.sign(largest) or 1)


@dataclass(frozen=True)
class _Disc:
    """Places of an island's rows in a disc of radius 1, evenly filled: typical rows in the middle.

    Attributes:
        x: Shape (rows,).
        y: Shape (rows,).
        order: Positions of the rows, the most typical first.
    """

    x: Floats
    y: Floats
    order: Positions

    @classmethod
    def of(cls, points: Points, centre: Points) -> _Disc:
        """Places of the points around their centre."""
        n = len(points)
        off = points - centre
        order = np.argsort(np.linalg.norm(off, axis=1), kind="stable")
        places = np.arange(n)

        radius = np.empty(n)
        radius[order] = np.sqrt((places + 0.5) / n)

        # Rows of equal texts have one place: the golden ratio spreads them over a patch instead of
        # along a line.
        scattered = np.empty(n)
        scattered[order] = places * _GOLDEN % 1.0
        turn = np.empty(n)
        turn[np.lexsort((scattered, _angles(off)))] = places / n
        x = radius * np.cos(2 * np.pi * turn)
        y = radius * np.sin(2 * np.pi * turn)
        return cls(x, y, order)


def _angles(off: Points) -> Floats:
    """Direction of each point on the two axes along which they spread most, in radians."""
    spread = off - off.mean(axis=0)
    _, axes = np.linalg.eigh(spread.T @ spread)
    flat = np.zeros((len(off), 2))
    for i in range(2):
        flat[:, i] = off @ _signed(axes[:, -1 - i])
    angle: Floats = np.arctan2(flat[:, 1], flat[:, 0])
    return np.round(angle, 3)
