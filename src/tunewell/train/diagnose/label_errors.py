"""D10: rows whose target is probably wrong."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunewell.plurals import plural
from tunewell.stats import proportion
from tunewell.train.arrays import Floats
from tunewell.train.diagnose.losses import held_out_loss
from tunewell.types import Finding, FoldTrace, Threshold

NEIGHBOURS = 10
DOUBT = 3.5
"""D10: robust standard deviations above its neighbours from which a row is doubtful.

Iglewicz and Hoaglin 1993.
"""

NORMAL = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""

DAMPING = 0.02
"""Nats a token added to both losses, so that targets that are certain either way say little."""

EARLY = 1
"""D10: the evaluation that ranks wrong targets, the first after training began.

Networks learn what rows have in common before what is particular to one, wrong labels among it
(Arpit and others 2017, ICML; Liu and others 2020, NeurIPS): later epochs rank worse, also on
held-out rows (`bench.training.label_errors`).
"""

WITH_QUESTION = "with its own question than with none, or with another row's"

SHOWN = 200
BLOCK = 1024
"""Rows whose similarities to all others are held at once."""


def label_errors(
    trace: FoldTrace,
    evaluation: int,
    *,
    vectors: NDArray[np.floating[Any]] | None = None,
    prior: Floats | None = None,
    asked: str = WITH_QUESTION,
) -> Finding:
    """D10: rows whose target the held-out folds find improbable, the worst first.

    Args:
        trace: Of the folds.
        evaluation: Which evaluation.
        vectors: Of the inputs, for `doubt_of_neighbours`; not used where the prior is given.
        prior: Of the targets, for `doubt`.
        asked: What a target is likelier with, and than with what, in words.
    """
    if prior is not None:
        doubts = _against_prior(trace, evaluation, prior, asked)
    elif vectors is not None:
        doubts = _against_neighbours(trace, evaluation, vectors)
    else:
        raise ValueError("label_errors takes the inputs' vectors or the targets' prior losses.")

    known = np.isfinite(doubts.score)
    count = int(known.sum())
    order = np.argsort(-np.where(known, doubts.score, -np.inf))
    above = known & (doubts.score > doubts.limit)
    doubtful = [i for i in order.tolist() if above[i]]
    why = f"For {len(doubtful)} of {plural(count, 'row')}, {doubts.against}: possible label errors."
    return Finding(
        code="D10",
        status="found" if doubtful else "clear",
        stage="train",
        why=why,
        estimate=proportion(len(doubtful), count),
        threshold=Threshold(value=0.0, origin="built-in"),
        rows=tuple(trace.examples[i] for i in doubtful[:SHOWN]),
        remedy="send them to review, the most doubtful first" if doubtful else "",
    )


class _Doubts(NamedTuple):
    """How doubtful each row is, from where on it is named, and what it was held against."""

    score: Floats
    limit: float
    against: str


def _against_prior(
    trace: FoldTrace,
    evaluation: int,
    prior: Floats,
    asked: str,
) -> _Doubts:
    return _Doubts(
        score=doubt(trace, evaluation, prior=prior),
        limit=0.0,
        against=(f"models that never saw the row find its answer no likelier {asked}"),
    )


def _against_neighbours(
    trace: FoldTrace,
    evaluation: int,
    vectors: NDArray[np.floating[Any]],
) -> _Doubts:
    score = doubt_of_neighbours(trace, evaluation, vectors=vectors)
    known = score[np.isfinite(score)]
    middle = float(np.median(known))
    spread = NORMAL * float(np.median(np.abs(known - middle)))
    return _Doubts(
        score=score,
        limit=middle + DOUBT * spread if spread > 0 else np.inf,
        against=(
            "models that never saw the row find its answer much less likely than the answers of "
            f"similar rows (by more than {DOUBT:g} robust standard deviations)"
        ),
    )


def doubt(
    trace: FoldTrace,
    evaluation: int,
    *,
    prior: Floats,
) -> Floats:
    """How little a row's own input helps to find its target: the higher, the more doubtful.

    A row is measured by the adapter that never saw it: the logarithm of its loss over the loss of
    the same target without its input. A rare or long-winded target is as improbable without the
    input as with it; a wrong one is not made more probable by its input.

    Args:
        trace: Of the folds.
        evaluation: Which evaluation.
        prior: From `tunewell.train.diagnose.target_prior.prior_losses`, shape (examples,).

    Returns:
        Shape (examples,); 0 = the input tells nothing, below 0 = it helps.
    """
    loss = held_out_loss(trace, evaluation)
    return np.asarray(np.log((loss + DAMPING) / (prior + DAMPING)))


def doubt_of_neighbours(
    trace: FoldTrace,
    evaluation: int,
    *,
    vectors: NDArray[np.floating[Any]],
    neighbours: int = NEIGHBOURS,
) -> Floats:
    """How much less probable a row's target is than its neighbours' are, held out.

    The score where no prior is known. What is subtracted is what makes a row hard and has nothing
    to do with its label: the mean held-out loss of the rows with the most similar inputs.

    Args:
        trace: Of the folds.
        evaluation: Which evaluation.
        vectors: Of the inputs, shape (examples, width); only their directions after centring count.
        neighbours: How many.

    Returns:
        Nats per token, shape (examples,).
    """
    loss = held_out_loss(trace, evaluation)
    count = min(neighbours, len(loss) - 1)
    if count < 1:
        return np.zeros(len(loss))

    middle = np.mean(vectors, axis=0, dtype=np.float64).astype(np.float32)
    centred = np.asarray(vectors, np.float32) - middle
    centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9)
    expected = np.empty(len(loss))
    for start in range(0, len(loss), BLOCK):
        near = centred[start : start + BLOCK] @ centred.T
        own = np.arange(len(near))
        near[own, start + own] = -np.inf
        nearest = np.argpartition(-near, count - 1, axis=1)[:, :count]
        expected[start : start + BLOCK] = np.nanmean(loss[nearest], axis=1)
    return loss - expected
