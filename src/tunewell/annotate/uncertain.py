"""How unsure model or judge is of each row, from what training and evaluation have measured already."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tunewell.errors import UserError
from tunewell.people.work import AnnotatedPart
from tunewell.store import Store
from tunewell.types import Evaluation, Prediction, Score, Trained, Unscored

TUNED = "tuned"


def row_doubts(
    store: Store, part: AnnotatedPart, *, judges: Sequence[str] = ("judge",)
) -> dict[str, float]:
    """Doubt of every row that has been measured, from 0 (sure) to 1.

    Training rows: the probability of missing a token of the target, 1 - exp(-loss), under the folds
    that never saw the row, at the epoch with the lowest held-out loss. Test rows: the same of the
    tuned arm's own answer, or how near a model judge's score lies to the middle of its scale,
    whichever is more.

    Args:
        store: Of the project.
        part: Whose rows.
        judges: Names of the metrics that are model judges.

    Raises:
        UserError: Nothing that measures these rows has been run.
    """
    if part == "train":
        return _of_training(store)
    if part == "test":
        return _of_evaluation(store, judges)
    raise UserError(
        "nothing has measured how sure the model is of the review pool",
        hint="--from train after tunewell train, --from test after tunewell evaluate; --novel needs neither",
    )


def _of_training(store: Store) -> dict[str, float]:
    from tunewell.store.traces import trace_from_bytes

    run = store.last_run("train")
    fit = store.get_value(run.outputs["trained"], Trained) if run else None
    if fit is None or not fit.trace:
        raise UserError(
            "no training has measured how sure the model is of each row", hint="tunewell train"
        )
    trace = trace_from_bytes(store.files.open(fit.trace).read_bytes())
    use = np.isfinite(trace.losses) & trace.held_out[None]
    count = use.sum(1)
    loss = np.where(use, trace.losses, 0).sum(1, dtype=np.float64) / np.maximum(count, 1)
    best = int(np.argmin(np.abs(trace.epochs - fit.best_epoch)))
    return {
        name: 1 - math.exp(-max(float(loss[best, n]), 0.0))
        for n, name in enumerate(trace.examples)
        if count[best, n]
    }


def _of_evaluation(store: Store, judges: Sequence[str]) -> dict[str, float]:
    run = store.last_run("evaluate")
    if run is None:
        raise UserError(
            "no evaluation has measured how sure the model is of the test rows",
            hint="tunewell evaluate",
        )
    evaluation = store.get_value(run.outputs["evaluation"], Evaluation)
    out: dict[str, float] = {}
    for said in store.get_value(evaluation.predictions, list[Prediction]):
        if said.arm == TUNED and said.nats is not None and said.nats_tokens:
            out[said.example] = 1 - math.exp(-max(said.nats, 0.0) / said.nats_tokens)
    spans = {
        m.name: (m.low, m.high)
        for m in evaluation.metrics
        if m.name in judges and 0 < m.high - m.low < math.inf
    }
    for score in store.get_value(evaluation.scores, list[Score]):
        if score.arm == TUNED and score.metric in spans and not isinstance(score.value, Unscored):
            low, high = spans[score.metric]
            doubt = 1 - abs(2 * (float(score.value) - low) / (high - low) - 1)
            out[score.example] = max(out.get(score.example, 0.0), doubt)
    if not out:
        raise UserError(
            "the newest evaluation has measured neither how sure the model is of its answers nor a judge's score",
            hint="name the metric judge or brier in tunewell.yaml, then tunewell evaluate",
        )
    return out
