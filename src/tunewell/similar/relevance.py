"""What belongs to the task, by meaning (D01): learned from examples of what does and what not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tunewell.similar.arrays import Bools, Floats
from tunewell.similar.ridge import (
    classes,
    fit_ridge,
    held_out_scores,
)
from tunewell.similar.vectors import vectors
from tunewell.stats.precision import observed_share, precision_from_mistakes
from tunewell.types import Estimate

_DEVIATIONS = 2.326 / 0.6745
"""From the median to the 1 % quantile of a normal law, in distances from median to quartile."""

_LEAST = 8
"""Fewer examples of either side do not make a classifier."""


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
            so, and how many would be by mistake.
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
    seed: int = 0,
) -> Relevance | None:
    """Learn from examples what belongs to the task, and judge rows by it.

    A ridge classifier over word vectors, cross-fitted: the examples are judged by classifiers that
    have not seen them, so its precision and recall are honest.

    Args:
        rows: What is to be judged.
        positive: Texts that belong.
        negative: Texts that do not (memos, small talk …).
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
    held = held_out_scores(known, truth, seed=seed)
    cut = _bar(held[truth > 0])

    scores = fit_ridge(known, truth).scores(vectors(rows))
    off = scores < cut
    called = held < cut
    by_mistake = int((called & (truth > 0)).sum())
    found = int((called & (truth < 0)).sum())
    mistakes = observed_share(by_mistake, len(positive))
    return Relevance(
        belongs=1 / (1 + np.exp(-4 * scores)),
        off=off,
        precision=precision_from_mistakes(int(off.sum()), len(rows), mistakes),
        recall=observed_share(found, len(negative)),
    )


def _bar(scores: Floats) -> float:
    """Score below which a row is called off-task.

    The 1 % quantile of a normal law through the median and the quartile. The examples that belong
    may hold some that do not (in curation they are all rows that are left), so their own 1 %
    quantile would be the score of those.
    """
    quarter, half = np.quantile(scores, [0.25, 0.5])
    return min(0.0, float(half - _DEVIATIONS * (half - quarter)))
