"""Figures of a classifier with intervals: F1 of a class, their macro average, balanced accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from tunewell.stats.inputs import Floats, Ints
from tunewell.stats.means import bootstrap
from tunewell.types import Estimate

NO_CLASS: Final = -1
"""Code of an answer that names none of the classes."""


def f1_of_overlap(overlap: Estimate) -> Estimate:
    """F1 of a class from its overlap (Jaccard index) J: F1 = 2J / (1 + J).

    The transformation rises throughout, so the interval's ends are transformed alike and keep their
    level.

    Args:
        overlap: Of the rows that are of the class or are named so, the share that is both.

    Example:
        >>> str(f1_of_overlap(Estimate(value=0.5, low=0.25, high=1.0, n=9, method="Wilson")))
        '0.667 [0.4, 1]'
    """
    ends = {
        "value": _f1(overlap.value),
        "low": _f1(overlap.low),
        "high": _f1(overlap.high),
    }
    method = f"{overlap.method}, F1 = 2J / (1 + J)"
    return overlap.model_copy(update={**ends, "method": method})


def _f1(overlap: float) -> float:
    return 2 * overlap / (1 + overlap)


def macro_f1(
    gold: Ints,
    named: Ints,
    *,
    classes: int,
    clusters: Sequence[str] | None = None,
    level: float = 0.95,
    repeats: int = 500,
) -> Estimate:
    """F1 averaged over the classes that occur, by a bootstrap of families.

    Args:
        gold: Class of each row, from 0 to ``classes`` - 1, shape (n,).
        named: Class that was named, or `NO_CLASS`, shape (n,).
        classes: How many there are.
        clusters: Family of each row, shape (n,).
        level: Of the interval.
        repeats: Resamples.

    Source:
        Opitz & Burst 2019, arXiv 1911.03347 (the mean of F1s, not F1 of the means).

    Example:
        >>> import numpy as np
        >>> gold = np.tile([0, 1], 50)
        >>> named = np.where(np.arange(100) < 20, 1, gold)
        >>> found = macro_f1(gold, named, classes=2)
        >>> round(found.value, 3), found.low < 0.9 < found.high
        (0.899, True)
    """

    def average(rows: Floats) -> float:
        of = rows[:, 0].astype(np.int64)
        said = rows[:, 1].astype(np.int64)
        hits = np.bincount(of[of == said], minlength=classes)
        in_gold = np.bincount(of, minlength=classes)
        in_answers = np.bincount(said[said >= 0], minlength=classes)
        total = in_gold + in_answers
        seen = total > 0
        return float((2 * hits[seen] / total[seen]).mean())

    pairs = np.column_stack([gold, named]).astype(np.float64)
    return bootstrap(pairs, average, clusters=clusters, level=level, repeats=repeats)


def balanced_accuracy(sensitivity: Estimate, specificity: Estimate, *, n: int) -> Estimate:
    """Mean of two independent shares, their limits joined by squaring and adding.

    Args:
        sensitivity: Share of the positive rows that is found.
        specificity: Share of the negative rows that is left alone.
        n: Rows of both together.

    Source:
        Zou & Donner 2008, Statistics in Medicine 27 (method of variance estimates recovery).

    Example:
        >>> from tunewell.stats import proportion
        >>> str(balanced_accuracy(proportion(45, 50), proportion(40, 50), n=100))
        '0.85 [0.764, 0.902]'
    """
    value = (sensitivity.value + specificity.value) / 2
    down = np.hypot(sensitivity.value - sensitivity.low, specificity.value - specificity.low)
    up = np.hypot(sensitivity.high - sensitivity.value, specificity.high - specificity.value)
    return Estimate(
        value=value,
        low=max(0.0, value - float(down) / 2),
        high=min(1.0, value + float(up) / 2),
        level=sensitivity.level,
        n=n,
        method="mean of two Wilson intervals",
    )
