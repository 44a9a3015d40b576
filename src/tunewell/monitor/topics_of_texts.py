"""Clusters of what is asked, frozen on the reference: their shares, and what is in none of them.

Texts are weighed words (tf-idf, Salton & Buckley 1988), projected on the reference's main
directions (Deerwester et al. 1990) and grouped by spherical k-means (Dhillon & Modha 2001). What
comes later is held against these clusters and never moves them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from tunewell.monitor.channel import Floats
from tunewell.monitor.records import Categories, DatedRecords, Ints
from tunewell.monitor.words import NumberedTerms, TermTable

CLUSTERS: Final = 12
DIRECTIONS: Final = 24
FEWEST_TEXTS: Final = 300
"""Texts of a reference that clusters are made of."""

MOST_TEXTS: Final = 20_000
"""Texts of a reference that clusters are fitted to, evenly spread over it."""

MOST_SHARE: Final = 0.5
"""A word in more of the reference's texts than this says nothing of what they are about."""

OUTSIDE: Final = 0.05
"""Share of the reference's texts that is furthest from every cluster: as far is out of scope."""

ROUNDS: Final = 25
POWERS: Final = 5
NAMED: Final = 3
OUT: Final = "out of scope"
TOO_FEW_TEXTS: Final = f"fewer than {FEWEST_TEXTS} texts, or too few words, in its reference"
CLUSTER: Final = "cluster"


@dataclass(frozen=True)
class TextClusters:
    """Clusters of a reference.

    Attributes:
        weights: Of each term, 0 for those that do not count, shape (terms,).
        directions: Shape (terms, directions).
        centres: Unit vectors, shape (clusters, directions).
        names: The clusters' most telling words.
        unseen: Weight of a term that the reference does not hold.
    """

    weights: Floats
    directions: Floats
    centres: Floats
    names: tuple[str, ...]
    unseen: float

    def likeness(
        self,
        row: Ints,
        column: Ints,
        texts: int,
    ) -> Floats:
        """Cosine of each text to each centre, of its whole weight, shape (texts, clusters).

        Words that the reference's directions do not hold count as unlike everything.

        Args:
            row: Text of each word, shape (words,).
            column: Its term, -1 where the reference does not hold it, shape (words,).
            texts: Number of texts.
        """
        known = column >= 0
        weight = np.where(known, self.weights[column], self.unseen)
        length = np.sqrt(np.bincount(row, weight**2, minlength=texts))
        held = _Weighed(row[known], column[known], weight[known], (texts, self.weights.size))
        projected = held.times(self.directions)
        # Summed in one order for every text, however many there are: the same bits for each.
        like = np.einsum("td,cd->tc", projected, self.centres)
        out: Floats = like / np.maximum(length, 1e-12)[:, None]
        return out

    def places(
        self,
        row: Ints,
        column: Ints,
        texts: int,
    ) -> tuple[Ints, Floats]:
        """The nearest cluster of each text, -1 without a known word, and its likeness."""
        like = self.likeness(row, column, texts)
        nearest: Ints = np.argmax(like, axis=1).astype(np.int64)
        best = like.max(1)
        nearest[best <= 0] = -1
        return nearest, best


@dataclass(frozen=True)
class _Weighed:
    """A matrix of few entries.

    Attributes:
        row: Of each entry.
        column: Of each entry.
        value: Of each entry.
        shape: Rows and columns.
    """

    row: Ints
    column: Ints
    value: Floats
    shape: tuple[int, int]

    def times(
        self,
        other: Floats,
    ) -> Floats:
        """The product with a matrix, shape (rows, columns of the other)."""
        out = np.empty((self.shape[0], other.shape[1]))
        for place in range(other.shape[1]):
            parts = self.value * other[self.column, place]
            out[:, place] = np.bincount(self.row, parts, minlength=self.shape[0])
        return out

    @property
    def turned(self) -> _Weighed:
        """Rows as columns."""
        return _Weighed(self.column, self.row, self.value, self.shape[::-1])

    def directions(
        self,
        count: int,
        seed: int,
    ) -> Floats:
        """Its main directions among its columns, shape (columns, count).

        Source:
            Halko, Martinsson & Tropp 2011, SIAM Review 53, algorithm 4.4.
        """
        found = np.random.default_rng(seed).normal(size=(self.shape[1], count))
        for _ in range(POWERS):
            rows, _ = np.linalg.qr(self.times(found))
            found, _ = np.linalg.qr(self.turned.times(rows))
        out: Floats = found
        return out


def text_clusters(
    table: TermTable,
    before: int,
    *,
    seed: int = 5,
) -> TextClusters | None:
    """The clusters of a reference; None where it holds too few texts.

    Args:
        table: Which terms each text holds.
        before: Texts of the reference, the first ones.
        seed: Of the first directions and centres.
    """
    rows = np.unique(np.linspace(0, before - 1, min(before, MOST_TEXTS)).astype(int))
    inside = np.isin(table.record, rows)
    texts, row = np.unique(table.record[inside], return_inverse=True)
    column = table.term[inside]
    size = int(texts.size)
    counts = np.bincount(column, minlength=len(table.terms))
    known = (counts >= 4) & (counts <= MOST_SHARE * size)
    if size < FEWEST_TEXTS or known.sum() <= 2 * DIRECTIONS:
        return None
    # Words that the reference hardly holds, or not at all, weigh most: they are what is new.
    weights = np.where(counts <= MOST_SHARE * size, np.log(size / np.maximum(counts, 1.0)), 0.0)
    weighed = np.where(known[column], weights[column], 0.0)
    length = np.sqrt(np.bincount(row, weighed**2, minlength=size))
    value = weighed / np.maximum(length, 1e-12)[row]
    unit = _Weighed(row, column, value, (size, len(table.terms)))
    directions = unit.directions(DIRECTIONS, seed)
    centres = _centres(unit.times(directions), seed)
    made = TextClusters(weights, directions, centres, (), float(np.log(size)))
    nearest, _ = made.places(row, column, size)
    return replace(made, names=_names(unit, nearest, table.terms))


def _centres(
    points: Floats,
    seed: int,
) -> Floats:
    """Centres of spherical k-means, begun with points far from each other."""
    rng = np.random.default_rng(seed)
    unit = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)
    centres = unit[rng.integers(len(unit))][None]
    while len(centres) < CLUSTERS:
        far = np.clip(1 - (unit @ centres.T).max(1), 1e-9, None) ** 2
        chosen = rng.choice(len(unit), p=far / far.sum())
        centres = np.vstack([centres, unit[chosen]])
    for _ in range(ROUNDS):
        nearest = np.argmax(unit @ centres.T, axis=1)
        sums = np.zeros_like(centres)
        np.add.at(sums, nearest, unit)
        length = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(length > 0, sums / np.maximum(length, 1e-12), centres)
    found: Floats = centres
    return found


def _names(
    unit: _Weighed,
    nearest: Ints,
    terms: tuple[str, ...],
) -> tuple[str, ...]:
    """Each cluster by the words that it holds most beyond their usual weight."""
    size, width = unit.shape
    usual = np.bincount(unit.column, unit.value, minlength=width) / size
    names = []
    for place in range(CLUSTERS):
        mine = nearest[unit.row] == place
        members = max(int((nearest == place).sum()), 1)
        held = np.bincount(unit.column[mine], unit.value[mine], minlength=width) / members
        telling = np.argsort(usual - held, kind="stable")[:NAMED]
        names.append(f"{place + 1} ({' '.join(terms[i] for i in telling)})")
    return tuple(names)


def with_clusters(
    records: DatedRecords,
    said: NumberedTerms,
    *,
    fitted: int,
    reference: int,
) -> DatedRecords | None:
    """The same records with the cluster of each text, and whether it is in scope, as fields.

    Texts are more like clusters that were made of them than others are. So the clusters are made of
    the first part of the reference, and what is usual is read from the rest of it.

    Args:
        records: The stream.
        said: The terms of its texts.
        fitted: Records that the clusters are made of, the first ones.
        reference: Records of the reference.

    Returns:
        None where there are too few texts.
    """
    if reference - fitted < FEWEST_TEXTS:
        return None
    inside = int(said.ends[reference])
    # Only what the reference holds has a place: nothing that comes later moves its clusters.
    used = np.flatnonzero(np.bincount(said.entries[:inside], minlength=len(said.names)))
    place = np.full(len(said.names), -1, dtype=np.int64)
    place[used] = np.arange(used.size)
    rows = said.rows
    asked = said.asked(rows)
    row = rows[asked]
    column = place[said.entries[asked]]
    known = row < reference
    names = tuple(said.names[i] for i in used.tolist())
    clusters = text_clusters(TermTable(names, row[known], column[known]), fitted)
    if clusters is None:
        return None
    nearest, best = clusters.places(row, column, len(records))
    return clustered(records, clusters, nearest, best, (fitted, reference))


def clustered(
    records: DatedRecords,
    clusters: TextClusters,
    nearest: Ints,
    best: Floats,
    rest: tuple[int, int],
) -> DatedRecords:
    """Records with their clusters as fields.

    Args:
        records: The stream.
        clusters: Of its reference.
        nearest: The nearest cluster of each record, shape (records,).
        best: Its likeness, shape (records,).
        rest: First record of the reference that the clusters are not made of, and the first after
            the reference: these say what is usual.
    """
    furthest = np.quantile(best[slice(*rest)], OUTSIDE)
    fields = {
        CLUSTER: Categories(clusters.names, nearest),
        OUT: Categories(("no", "yes"), (best < furthest).astype(np.int64)),
    }
    return replace(records, categories={**records.categories, **fields})
