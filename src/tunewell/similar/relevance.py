"""What belongs to the task, by meaning (D01): learned from examples of what does and what not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tunewell.similar.arrays import Bools, Floats, Points
from tunewell.similar.ridge import FOLDS, classes, fit_ridge
from tunewell.similar.vectors import vectors
from tunewell.stats.precision import observed_share, precision_from_mistakes
from tunewell.types import Estimate

_DEVIATIONS = 2.326 / 0.6745
"""From the median to the 1 % quantile of a normal law, in distances from median to quartile."""

_LEAST = 8
"""Fewer examples of either side do not make a classifier."""

_WEIGHT_OF_WORDS = 3
"""As so many examples the description of the task counts."""

_FEWEST_TO_LEARN_FROM = 5
_MANY_EXAMPLES = 30
"""From so many examples on, learning from the rows costs more precision than it brings recall
(clinc150, 50 examples of each side: .66 instead of .78)."""

_SHARE_TO_LEARN_FROM = 0.03
"""Fewer rows than this share are called by mistake as well (1 % by design)."""


@dataclass(frozen=True)
class Relevance:
    """How far each row belongs to the task.

    Attributes:
        belongs: How surely the row belongs, in (0, 1): above one half it is nearer to the rows that
            do, shape (rows,).
        off: Rows that are called off-task: below all but about one in a hundred of the rows that
            belong, shape (rows,).
        precision: Share of the rows called off-task that are, in the rows judged (not in the
            examples, where rows that do not belong are far more frequent): from how many are called
            so, and how many would be by mistake; at most the share that is clear of the bar.
        recall: Share of the off-task examples that are found, by classifiers that have not seen
            them.
    """

    belongs: Floats
    off: Bools
    precision: Estimate
    recall: Estimate


def relevance(
    rows: Sequence[str],
    positive: Sequence[str],
    negative: Sequence[str],
    *,
    about: str = "",
    seed: int = 0,
) -> Relevance | None:
    """Learn from examples what belongs to the task, and judge rows by it.

    A ridge classifier over word vectors, cross-fitted: the examples are judged by classifiers that
    have not seen them. Where it calls more rows than it can by mistake, it learns once more, from
    the rows that it was surest of as well: a dozen examples do not show all that there is.

    Args:
        rows: What is to be judged.
        positive: Texts that belong.
        negative: Texts that do not (memos, small talk …).
        about: What the task is, in words: one more thing that belongs.
        seed: Of the folds.

    Returns:
        None with fewer than eight examples of either side.

    Raises:
        MissingExtraError: ``vectors`` is not installed.
    """
    if min(len(positive), len(negative)) < _LEAST:
        return None
    known = vectors([*positive, *negative])
    truth = classes(len(positive), len(negative))
    points = vectors(rows)
    words = [about] * _WEIGHT_OF_WORDS if about.strip() else []
    described = _Extra(vectors(words), np.ones(len(words)))

    held, scores = _fitted(known, truth, described, points, seed)
    cut = _bar(held[truth > 0])
    called = scores < cut
    are_few = min(len(positive), len(negative)) < _MANY_EXAMPLES
    if are_few and called.sum() >= max(_FEWEST_TO_LEARN_FROM, _SHARE_TO_LEARN_FROM * len(rows)):
        surest = described.with_rows(points, scores, called)
        held, scores = _fitted(known, truth, surest, points, seed)
        cut = _bar(scores[scores >= 0])

    off = scores < cut
    by_mistake = int(((held < cut) & (truth > 0)).sum())
    found = int(((held < cut) & (truth < 0)).sum())
    mistakes = observed_share(by_mistake, len(positive))
    others = np.concatenate([scores[~off], held[truth > 0]])
    clear = _share_clear_of(cut, scores[off], others)
    stated = precision_from_mistakes(int(off.sum()), len(rows), mistakes)
    return Relevance(
        belongs=1 / (1 + np.exp(-4 * scores)),
        off=off,
        precision=_no_surer_than(stated, clear),
        recall=observed_share(found, len(negative)),
    )


@dataclass(frozen=True)
class _Extra:
    """What is learned from beside the examples.

    Attributes:
        points: Shape (n, width).
        truth: 1 or -1 for each, shape (n,).
    """

    points: Points
    truth: Floats

    def with_rows(self, points: Points, scores: Floats, called: Bools) -> _Extra:
        """With the rows judged most surely: the upper half, and half of those called."""
        above = np.flatnonzero(scores >= np.median(scores))
        below = np.flatnonzero(called)
        below = below[np.argsort(scores[below])][: len(below) // 2 + 1]
        return _Extra(
            np.vstack([self.points, points[above], points[below]]),
            np.concatenate([self.truth, classes(len(above), len(below))]),
        )


def _fitted(
    known: Points,
    truth: Floats,
    extra: _Extra,
    points: Points,
    seed: int,
) -> tuple[Floats, Floats]:
    """Scores of the examples by classifiers that have not seen them, and those of the rows."""
    fold = np.random.default_rng(seed).permutation(len(truth)) % FOLDS
    held = np.zeros(len(truth))
    for k in range(FOLDS):
        rest = fold != k
        ridge = fit_ridge(
            np.vstack([known[rest], extra.points]),
            np.concatenate([truth[rest], extra.truth]),
        )
        held[~rest] = ridge.scores(known[~rest])
    whole = fit_ridge(
        np.vstack([known, extra.points]),
        np.concatenate([truth, extra.truth]),
    )
    return held, whole.scores(points)


def _share_clear_of(cut: float, called: Floats, others: Floats) -> float:
    """Share of the rows called off-task that are farther below the bar than others vary.

    A dozen examples hardly show a mistake. Where many rows lie close below the bar, it cuts through
    rows that belong: with nothing off-task in a set, six in ten of those called lie so.
    """
    if not len(called):
        return 0.0
    quarter, half = np.quantile(others, [0.25, 0.5])
    return float(np.mean(called < cut - (half - quarter)))


def _no_surer_than(stated: Estimate, most: float) -> Estimate:
    """A precision, and its lower end, held to a largest value."""
    if stated.value <= most:
        return stated
    return stated.model_copy(
        update={
            "value": most,
            "low": min(stated.low, most),
            "method": f"{stated.method}; at most the share that is clear of the bar",
        }
    )


def _bar(scores: Floats) -> float:
    """Score below which a row is called off-task.

    The 1 % quantile of a normal law through the median and the quartile. The examples that belong
    may hold some that do not (in curation they are all rows that are left), so their own 1 %
    quantile would be the score of those.
    """
    quarter, half = np.quantile(scores, [0.25, 0.5])
    return min(0.0, float(half - _DEVIATIONS * (half - quarter)))
