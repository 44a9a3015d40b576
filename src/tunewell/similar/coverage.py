"""How wide a set of rows is (D13), and whether it covers another (D02), by meaning."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tunewell.similar.arrays import Points, sample
from tunewell.similar.clusters import clusters
from tunewell.similar.gaps import largest_first
from tunewell.similar.meaning_map import islands, telling_words
from tunewell.similar.ridge import classes, held_out_scores
from tunewell.similar.vectors import vectors
from tunewell.stats.auc import auc
from tunewell.stats.diversity import effective_number_of
from tunewell.stats.precision import observed_share
from tunewell.stats.shortfall import shortfalls
from tunewell.types import Estimate

SAMPLE = 5_000
"""Rows of a set that are looked at for its width."""

_WORD = re.compile(r"[^\W\d_]{3,}")
_MOST_KINDS = 40
_READ = 20_000
"""Training rows that are searched for words: a word that none of so many uses is missing."""

_RARER = 20
"""A word is missing where it is so many times rarer in training."""


@dataclass(frozen=True)
class Width:
    """How many kinds of thing rows really speak of.

    Attributes:
        number: Effective number of clusters.
        clusters: How many clusters were made.
        largest: Share of the rows in the largest one.
        typical: Position of a row of that cluster.
    """

    number: Estimate
    clusters: int
    largest: float
    typical: int


def width_of(texts: Sequence[str], *, seed: int = 0) -> Width:
    """Cluster texts by meaning and count the clusters by how evenly they are filled.

    Args:
        texts: Two or more.
        seed: Of the sample, the clusters and the interval.

    Raises:
        MissingExtraError: ``vectors`` is not installed.
    """
    random = np.random.default_rng(seed)
    chosen = sample(len(texts), SAMPLE, random)
    points = vectors([texts[i] for i in chosen])
    wanted = np.sqrt(len(chosen) / 2)
    k = int(np.clip(wanted, 8, 64))
    own, _ = clusters(points, k, seed=seed)

    counts = np.bincount(own, minlength=k)
    largest = int(np.argmax(counts))
    number = effective_number_of(own, k, random)
    named = {"method": "clusters of word vectors, bootstrap", "unit": "clusters"}
    return Width(
        number=number.model_copy(update=named),
        clusters=k,
        largest=counts[largest] / len(chosen),
        typical=int(chosen[np.argmax(own == largest)]),
    )


@dataclass(frozen=True)
class SetFit:
    """How well a set covers another.

    Attributes:
        told_apart: Probability that a classifier tells a row of one set from a row of the other
            (AUC, cross-fitted): 0.5 = the same kind of text, 1 = nothing in common.
        uncovered: Share of the target's rows whose nearest row in the set is farther than nearly
            all of its own rows are from each other.
        rows: Positions of those rows of the target, the farthest first.
        missing: Words that many rows of the target use and the set (nearly) never does, the most
            frequent first.
        kinds: Kinds of row (by meaning) that the set has too few of, with how many rows are
            missing, the most first.
    """

    told_apart: Estimate
    uncovered: Estimate
    rows: tuple[int, ...]
    missing: tuple[str, ...]
    kinds: tuple[str, ...] = ()


def fit(
    training: Sequence[str],
    target: Sequence[str],
    *,
    seed: int = 0,
    most: int = 2_000,
) -> SetFit:
    """Hold a training set against the traffic that the model will meet.

    Args:
        training: Inputs of the training rows, one or more.
        target: Inputs of a production sample or of the validation set, one or more.
        seed: Of the sample.
        most: Rows of each that are looked at.

    Raises:
        MissingExtraError: ``vectors`` is not installed.
    """
    random = np.random.default_rng(seed)
    train_at = random.permutation(len(training))[:most]
    target_at = sample(len(target), most, random)
    sets = _TwoSets.of(
        [training[i] for i in train_at],
        [target[i] for i in target_at],
    )

    nearest = (sets.target_points @ sets.training_points.T).max(axis=1)
    far = np.flatnonzero(nearest < _usual_likeness(sets.target_points))
    farthest_first = target_at[far[np.argsort(nearest[far])]]
    return SetFit(
        told_apart=sets.told_apart(seed),
        uncovered=observed_share(len(far), len(target_at)),
        rows=tuple(farthest_first.tolist()),
        missing=missing_terms(training, target),
        kinds=sets.kinds_lacking(seed, of=len(training)),
    )


def _usual_likeness(points: Points) -> float:
    """Likeness of a point to its nearest neighbour that 95 % of the points exceed."""
    if len(points) < 2:
        return 0.5
    likeness = points @ points.T
    np.fill_diagonal(likeness, -1)
    return float(np.quantile(likeness.max(axis=1), 0.05))


@dataclass(frozen=True)
class _TwoSets:
    """Texts of a training set and of a target, with their vectors, training first."""

    texts: list[str]
    points: Points
    training: int

    @classmethod
    def of(cls, training: Sequence[str], target: Sequence[str]) -> _TwoSets:
        """Both sets, looked up by meaning."""
        points = np.vstack([vectors(training), vectors(target)])
        return cls([*training, *target], points, len(training))

    @property
    def training_points(self) -> Points:
        return self.points[: self.training]

    @property
    def target_points(self) -> Points:
        return self.points[self.training :]

    def told_apart(self, seed: int) -> Estimate:
        """How well a classifier tells the two sets apart."""
        truth = classes(self.training, len(self.texts) - self.training)
        scores = held_out_scores(self.points, truth, seed=seed)
        return auc(scores[: self.training], scores[self.training :])

    def kinds_lacking(self, seed: int, *, of: int) -> tuple[str, ...]:
        """Clusters in which training has less than half of the target's share, in words.

        Args:
            seed: Of the clusters.
            of: Rows of the whole training set, of which these are a sample.
        """
        own, centres = islands(self.points, seed=seed, most=_MOST_KINDS)
        has = np.bincount(own[: self.training], minlength=len(centres))
        due = np.bincount(own[self.training :], minlength=len(centres))
        words = telling_words(self.texts, own, len(centres))

        lacks = shortfalls(has.tolist(), due.tolist())
        lacking = largest_first(lacks, words)

        more = of / self.training
        lines = []
        for lack, name in lacking:
            low, high = lack.low * more, lack.high * more
            rows = f"{lack.value * more:,.0f} rows [{low:,.0f}, {high:,.0f}]"
            lines.append(f"{name} (about {rows})")
        return tuple(lines)


def missing_terms(
    training: Sequence[str],
    target: Sequence[str],
    *,
    most: int = 20,
) -> tuple[str, ...]:
    """Words of at least 1 % (and two) of the target's rows that are 20 times rarer in training.

    Example:
        >>> missing_terms(["pay the bill"] * 9,
        ...               ["pay the bill", "read the meter", "the meter is old"])
        ('meter',)
    """
    training = training[:: max(1, len(training) // _READ)]
    known = _frequency(training)
    wanted = _frequency(target)
    least = max(2, len(target) // 100)

    found = []
    for word, n in wanted.items():
        share_known = known[word] / max(len(training), 1)
        if n >= least and share_known * _RARER < n / len(target):
            found.append((-n, word))
    return tuple(word for _, word in sorted(found)[:most])


def _frequency(texts: Sequence[str]) -> Counter[str]:
    """In how many texts each word stands."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update({word.lower() for word in _WORD.findall(text)})
    return counts
