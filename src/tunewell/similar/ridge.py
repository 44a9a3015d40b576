"""A small classifier over vectors: ridge regression on two classes, fitted and cross-fitted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tunewell.similar.arrays import Floats, Points

FOLDS = 5
_PENALTY = 1.0


@dataclass(frozen=True)
class Ridge:
    """A linear classifier.

    Attributes:
        weights: Shape (width,).
        shift: Added to every score.
    """

    weights: Floats
    shift: float

    def scores(self, points: Points) -> Floats:
        """Above 0 for the first class, below for the second, shape (n,)."""
        scores: Floats = points @ self.weights + self.shift
        return scores


def classes(first: int, second: int) -> Floats:
    """1 for each row of the first class, then -1 for each of the second, shape (rows,)."""
    return np.concatenate([np.ones(first), -np.ones(second)])


def fit_ridge(points: Points, truth: Floats) -> Ridge:
    """Ridge regression on ±1 with classes of equal weight.

    Args:
        points: Shape (n, width).
        truth: 1 or -1 for each point, shape (n,).
    """
    positive = truth > 0
    of_positive = 1 / max(positive.sum(), 1)
    of_negative = 1 / max((truth < 0).sum(), 1)
    weight = np.where(positive, of_positive, of_negative)
    weight = weight * len(truth) / weight.sum()

    total = weight.sum()
    centre = (points * weight[:, None]).sum(0) / total
    middle = float((truth * weight).sum() / total)
    x = (points - centre) * np.sqrt(weight)[:, None]
    y = (truth - middle) * np.sqrt(weight)
    penalised = x.T @ x + _PENALTY * np.eye(x.shape[1])
    weights = np.linalg.solve(penalised, x.T @ y)
    return Ridge(weights, middle - float(centre @ weights))


def held_out_scores(
    points: Points,
    truth: Floats,
    *,
    seed: int = 0,
) -> Floats:
    """Scores of every point by a classifier that has not seen it, shape (n,).

    Args:
        points: Shape (n, width).
        truth: 1 or -1 for each point, shape (n,).
        seed: Of the folds.
    """
    fold = np.random.default_rng(seed).permutation(len(truth)) % FOLDS
    scores = np.zeros(len(truth))
    for k in range(FOLDS):
        held = fold == k
        ridge = fit_ridge(points[~held], truth[~held])
        scores[held] = ridge.scores(points[held])
    return scores
