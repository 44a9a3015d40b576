"""How unsure the model or a judge is of each row, from what training and evaluation measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from tunewell.errors import UserError
from tunewell.people.work import AnnotatedPart
from tunewell.store import Store
from tunewell.types import Evaluation, Prediction, Score, Trained, Unscored

TUNED = "tuned"

Scale = tuple[float, float]
"""Lowest and highest score."""


def row_doubts(
    store: Store,
    part: AnnotatedPart,
    *,
    judges: Sequence[str] = ("judge",),
) -> dict[str, float]:
    """Doubt about every row that has been measured, from 0 (sure) to 1.

    Training rows: the probability of missing a token of the target, 1 - exp(-loss), under the folds
    that never saw the row, at the epoch with the lowest held-out loss. Test rows: the same for the
    tuned arm's own answer, or how near a model judge's score is to the middle of its scale,
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
        "how sure the model is has not been measured for the review pool",
        hint="--from train after tunewell train, or --from test after tunewell evaluate; "
        "--novel needs neither",
    )


def _of_training(store: Store) -> dict[str, float]:
    from tunewell.store.traces import trace_from_bytes

    run = store.last_run("train")
    fit = store.get_value(run.outputs["trained"], Trained) if run else None
    if fit is None or not fit.trace:
        raise UserError(
            "how sure the model is of each row is measured by training, which has not run",
            hint="tunewell train",
        )
    trace = trace_from_bytes(store.files.open(fit.trace).read_bytes())

    # (evaluations, folds, examples): only folds that never saw the row.
    held_out = np.isfinite(trace.losses) & trace.held_out[None]
    folds = held_out.sum(1)
    total = np.where(held_out, trace.losses, 0).sum(1, dtype=np.float64)
    best = int(np.argmin(np.abs(trace.epochs - fit.best_epoch)))

    measured = np.flatnonzero(folds[best])
    loss = total[best, measured] / folds[best, measured]
    names = [trace.examples[n] for n in measured]
    doubts = map(_chance_of_a_miss, loss.tolist())
    return dict(zip(names, doubts, strict=True))


def _of_evaluation(store: Store, judges: Sequence[str]) -> dict[str, float]:
    run = store.last_run("evaluate")
    if run is None:
        raise UserError(
            "how sure the model is of the test rows is measured by an evaluation, "
            "which has not run",
            hint="tunewell evaluate",
        )
    evaluation = store.get_value(run.outputs["evaluation"], Evaluation)
    doubts = _of_own_answers(store.get_value(evaluation.predictions, list[Prediction]))
    scores = store.get_value(evaluation.scores, list[Score])
    _raise_by_judges(doubts, scores, _scales(evaluation, judges))
    if not doubts:
        raise UserError(
            "the newest evaluation measured neither how sure the model is of its answers "
            "nor a judge's score",
            hint="add the metric judge or brier to tunewell.yaml, then tunewell evaluate",
        )
    return doubts


def _of_own_answers(predictions: Sequence[Prediction]) -> dict[str, float]:
    doubts: dict[str, float] = {}
    for said in predictions:
        if said.arm != TUNED or said.nats is None or said.nats_tokens == 0:
            continue
        per_token = said.nats / said.nats_tokens
        doubts[said.example] = _chance_of_a_miss(per_token)
    return doubts


def _scales(evaluation: Evaluation, judges: Sequence[str]) -> dict[str, Scale]:
    """The judges' scales that have two ends."""
    scales: dict[str, Scale] = {}
    for metric in evaluation.metrics:
        if metric.name in judges and 0 < metric.high - metric.low < math.inf:
            scales[metric.name] = (metric.low, metric.high)
    return scales


def _raise_by_judges(
    doubts: dict[str, float],
    scores: Sequence[Score],
    scales: Mapping[str, Scale],
) -> None:
    """Raise each doubt to that of any judge: 0 at either end of its scale, 1 in the middle."""
    for score in scores:
        if score.arm != TUNED or score.metric not in scales or isinstance(score.value, Unscored):
            continue
        low, high = scales[score.metric]
        middle = (low + high) / 2
        doubt = 1 - abs(float(score.value) - middle) / (high - middle)
        doubts[score.example] = max(doubts.get(score.example, 0.0), doubt)


def _chance_of_a_miss(nats_per_token: float) -> float:
    return 1 - math.exp(-max(nats_per_token, 0.0))
