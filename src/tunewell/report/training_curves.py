"""What the folds learned: their loss curves over the epochs, and what each slice gained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunewell.errors import StoreError
from tunewell.report.interval_charts import Strips, strips_by_slice
from tunewell.report.results import Results
from tunewell.report.training_charts import LossCurve
from tunewell.types import FoldTrace
from tunewell.types.turns import named

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Training:
    """The folds' curves, ready to draw.

    Attributes:
        at: Epochs, shape (evaluations,).
        held_out: Loss of rows that a fold did not train on.
        train: Loss of rows that it did.
        folds: How many.
    """

    at: Floats
    held_out: LossCurve
    train: LossCurve
    folds: int


def training(results: Results) -> Training | None:
    """Loss curves over the folds, token-weighted; None where there is no trace."""
    trace = results.trace
    if trace is None or not len(trace.epochs):
        return None
    return Training(
        at=np.asarray(trace.epochs, dtype=np.float64),
        held_out=_curve("held out", trace, rows=trace.held_out),
        train=_curve("trained on", trace, rows=~trace.held_out),
        folds=trace.held_out.shape[0],
    )


def _curve(
    name: str,
    trace: FoldTrace,
    *,
    rows: NDArray[np.bool_],
) -> LossCurve:
    """Mean, lowest and highest fold at every evaluation; ``rows`` is of shape (folds, examples)."""
    by_fold = _loss_by_fold(trace, rows)
    known = np.isfinite(by_fold).any(axis=1)
    mean, low, high = np.full((3, len(by_fold)), np.nan)
    mean[known] = np.nanmean(by_fold[known], axis=1)
    low[known] = np.nanmin(by_fold[known], axis=1)
    high[known] = np.nanmax(by_fold[known], axis=1)
    return LossCurve(name, mean, low, high)


def _loss_by_fold(trace: FoldTrace, rows: NDArray[np.bool_]) -> Floats:
    """Mean loss weighted by tokens, shape (evaluations, folds); NaN where nothing was measured."""
    counts = rows[None] & np.isfinite(trace.losses)
    tokens = trace.tokens[None, None, :]
    weights = np.where(counts, tokens, 0).astype(np.float64)
    total = weights.sum(axis=2)
    losses = np.nan_to_num(trace.losses.astype(np.float64))
    weighted = (losses * weights).sum(axis=2)
    nothing = np.full_like(weighted, np.nan)
    found: Floats = np.divide(
        weighted,
        total,
        out=nothing,
        where=total > 0,
    )
    return found


def slice_strips(results: Results) -> Strips | None:
    """What training took off the base model's held-out loss, by slice, the smallest gain first.

    None without slices.
    """
    from tunewell.train.diagnose.slices import losses_by_slice

    trace, split, trained = results.trace, results.split, results.trained
    fields = [s.field for s in results.file.spec.slices]
    if not fields or results.dataset is None:
        return None
    if trace is None or split is None or trained is None:
        return None
    try:
        examples = results.store.examples(results.dataset)
        found = losses_by_slice(
            trace,
            named(examples, trace.examples),
            split,
            fields,
            epoch=trained.best_epoch,
        )
    except StoreError:
        return None
    return strips_by_slice((s.slice, s.rows, s.gain) for s in found)
