"""What the folds' losses say beyond a score: doubtful labels (D10), memorised rows (T02), a fragile gain (T06)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewell.train.diagnose.losses import held_out_loss
from tunewell.types import Finding, FoldTrace, Threshold

NEIGHBOURS = 10
DOUBT = 3.5
"""D10: robust standard deviations above its neighbours from which a row is doubtful (Iglewicz and Hoaglin 1993)."""

DAMPING = 0.02
"""Nats a token added to both losses, so that targets that are certain either way say little."""

EARLY = 1
"""D10: the evaluation that ranks wrong targets, the first after training began.

Networks learn what rows have in common before what is particular to one, wrong labels among it (Arpit and others 2017,
ICML; Liu and others 2020, NeurIPS): later epochs rank worse, also on held-out rows (`bench.training.label_errors`).
"""

SHOWN = 200


# --- D10 ------------------------------------------------------------------------------------------


def doubt(trace: FoldTrace, evaluation: int, *, prior: NDArray[np.float64]) -> NDArray[np.float64]:
    """How little a row's own input helps to find its target, held out: the higher, the more doubtful.

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
) -> NDArray[np.float64]:
    """How much less probable a row's target is than its neighbours' are, held out: the score where no prior is known.

    What is subtracted is what makes a row hard and has nothing to do with its label: the mean
    held-out loss of the rows with the most similar inputs.

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
    centred = np.asarray(vectors, np.float32) - np.mean(vectors, axis=0, dtype=np.float64).astype(
        np.float32
    )
    centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9)
    expected = np.empty(len(loss))
    for start in range(0, len(loss), 1024):
        near = centred[start : start + 1024] @ centred.T
        near[np.arange(len(near)), start + np.arange(len(near))] = -np.inf
        place = np.argpartition(-near, count - 1, axis=1)[:, :count]
        expected[start : start + 1024] = np.nanmean(loss[place], axis=1)
    return loss - expected


def label_errors(
    trace: FoldTrace,
    evaluation: int,
    *,
    vectors: NDArray[np.floating[Any]] | None = None,
    prior: NDArray[np.float64] | None = None,
) -> Finding:
    """D10: rows whose target the held-out folds find improbable, the worst first.

    Args:
        trace: Of the folds.
        evaluation: Which evaluation.
        vectors: Of the inputs, for `doubt_of_neighbours`; not used where the prior is given.
        prior: Of the targets, for `doubt`.
    """
    from tunewell.stats import proportion

    if prior is not None:
        score = doubt(trace, evaluation, prior=prior)
        known, limit = np.isfinite(score), 0.0
        against = (
            "their own input makes no more probable, to the folds that never saw them, than an empty input or another "
            "row's"
        )
    elif vectors is not None:
        score = doubt_of_neighbours(trace, evaluation, vectors=vectors)
        known = np.isfinite(score)
        middle = float(np.median(score[known]))
        spread = 1.4826 * float(np.median(np.abs(score[known] - middle)))
        limit = middle + DOUBT * spread if spread > 0 else np.inf
        against = (
            "the folds that never saw them find much less probable than those of similar rows (by more than "
            f"{DOUBT:g} robust standard deviations)"
        )
    else:
        raise ValueError("label_errors takes the inputs' vectors or the targets' prior losses.")
    order = np.argsort(-np.where(known, score, -np.inf))
    doubtful = [int(i) for i in order if known[i] and score[i] > limit]
    estimate = proportion(len(doubtful), int(known.sum()))
    why = f"{len(doubtful)} of {int(known.sum())} rows have a target that {against}."
    return Finding(
        code="D10",
        status="found" if doubtful else "clear",
        stage="train",
        why=why,
        estimate=estimate,
        threshold=Threshold(value=0.0, origin="built-in"),
        rows=tuple(trace.examples[i] for i in doubtful[:SHOWN]),
        remedy="send them to review, the first ones first" if doubtful else "",
    )


# --- T02 ------------------------------------------------------------------------------------------


# --- T06 ------------------------------------------------------------------------------------------
