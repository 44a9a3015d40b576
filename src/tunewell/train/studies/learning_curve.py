"""D12: what more rows would buy.

Nested shares of the folds' rows, and the curve through them drawn further.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tunewell.errors import DataError
from tunewell.lineage import StageKey
from tunewell.model.base import Progress
from tunewell.project import Project
from tunewell.store import Store
from tunewell.store.traces import trace_from_bytes
from tunewell.task import TaskFile
from tunewell.train.arrays import Floats, Ints, Mask
from tunewell.train.diagnose.losses import held_out_loss
from tunewell.train.diagnose.stopping import Losses, losses_at_best
from tunewell.train.masks import Masks
from tunewell.train.opening import open_session, weights_for
from tunewell.train.session import FINAL_ONLY, OnPoint, TrainingSession
from tunewell.train.stage import parameters_of
from tunewell.train.studies.forecast import (
    SHARES,
    MeasuredCurve,
    ShareLosses,
    forecast,
    slice_gains,
    too_few_rows,
)
from tunewell.types import Dataset, Split


def learning_curve(
    dataset: Dataset,
    split: Split,
    project: Project,
    *,
    progress: Progress | None = None,
    live: OnPoint | None = None,
) -> MeasuredCurve:
    """Train every fold on nested shares of its rows, over the same trunk, and forecast.

    The Run carries D12.

    Smaller shares get more epochs (the inverse fourth root of the share), so that they are not
    merely trained less; their best length is sought in the second half of them. The whole is what
    training has measured, where the project has been trained with this recipe.

    Args:
        dataset: The rows.
        split: Their folds.
        project: The project.
        progress: Called with (done, total).
        live: Called at every evaluation.

    Raises:
        DataError: There are too few rows to take shares of.
    """
    file, store = project.file, project.store
    recipe = file.spec.train
    weights = weights_for(dataset, recipe, project)
    fields = [s.field for s in file.spec.slices]
    run = StageKey(
        "curve",
        inputs={"examples": dataset.examples, "split": store.put_value(split)},
        parameters={
            "recipe": recipe.model_dump(mode="json", exclude=FINAL_ONLY),
            "weights": weights.digest,
            "shares": SHARES,
            "measured_from": "half",
            "by": fields,
        },
        seed=recipe.seed,
    )
    found = run.finished(store)
    if found is not None:
        return store.get_value(found.outputs["curve"], MeasuredCurve)

    with run.record(store) as writer:
        with open_session(
            dataset,
            split,
            recipe,
            weights,
            project,
            run.work(store),
            progress=progress,
            live=live,
        ) as session:
            whole = _folds_of_training(session, store, run, file)
            shares = _measured(session, whole)
        result = forecast(shares, seed=recipe.seed)
        gains = slice_gains(shares, session.slices(fields), seed=recipe.seed)
        result = result.model_copy(update={"slices": gains})
        writer.outputs["curve"] = store.put_value(result)
        writer.findings.append(too_few_rows(result))
        writer.counts |= {"rows": len(session.rows.rows), "shares": len(SHARES)}
    session.remove_checkpoints()
    return result


def epochs_at(share: float, epochs: int) -> int:
    """Epochs on a share of the rows: more on a smaller one, so that it is not merely trained less.

    Example:
        >>> [epochs_at(share, 2) for share in SHARES]
        [4, 3, 3, 2]
    """
    return math.ceil(epochs * share**-0.25)


def first_look(epochs: int) -> int:
    """Epochs on a share before its held-out rows are first measured: half of them.

    The best length is sought in the second half, as the rate runs out. A look costs more than an
    epoch on a small share.

    Example:
        >>> [first_look(epochs) for epochs in (1, 2, 3, 4)]
        [1, 1, 2, 2]
    """
    return math.ceil(epochs / 2)


def nested(
    fold: Ints,
    share: float,
    *,
    seed: int,
) -> Mask:
    """Rows of a share: they are rows of every larger one, and every fold gives its part."""
    order = np.random.default_rng(seed).permutation(len(fold))
    taken = np.zeros(len(fold), np.bool_)
    for f in np.unique(fold):
        mine = order[fold[order] == f]
        taken[mine[: max(1, round(share * len(mine)))]] = True
    return taken


def _folds_of_training(
    session: TrainingSession,
    store: Store,
    run: StageKey,
    file: TaskFile,
) -> list[Floats] | None:
    """Held-out losses of the project's own folds, one array (targets,) for each evaluation.

    None where they were not trained just so.
    """
    parameters = parameters_of(file, session.weights.digest, session.examples)
    found = StageKey("train", run.inputs, parameters, run.seed).finished(store)
    if found is None:
        return None
    trace = trace_from_bytes(store.files.open(found.outputs["trace"]).read_bytes())
    return [held_out_loss(trace, evaluation) for evaluation in range(len(trace.losses))]


def _measured(session: TrainingSession, whole: Sequence[Floats] | None) -> ShareLosses:
    """Train the folds on every share.

    Args:
        session: Rows and base.
        whole: What is known of the whole; it is then not trained.
    """
    trials = [_Trial.of(session, share) for share in SHARES]
    trained_on = [trial.rows for trial in trials]
    if len(set(trained_on)) < len(trained_on) or trained_on[0] < 1:
        raise DataError(
            f"a fold has {trained_on[-1]} training rows, too few to take an eighth, a quarter and "
            "half of them",
            hint="raise train.max_train_tokens, or add rows: 16 in a fold are enough to begin with",
        )
    _plan(session, [trial for trial in trials if trial.share < 1 or whole is None])

    losses = []
    for trial in trials:
        if trial.share == 1 and whole is not None:
            losses.append(_known(session, whole))
        else:
            losses.append(_trained(session, trial))
    return ShareLosses(
        losses=np.stack(losses).astype(np.float64),
        trained_on=trained_on,
        tokens=session.targets,
        families=session.families,
    )


class _Trial(NamedTuple):
    """A share of the rows, its epochs, and who trains on what."""

    share: float
    epochs: int
    masks: Masks

    @classmethod
    def of(cls, session: TrainingSession, share: float) -> _Trial:
        folds = session.fold_masks()
        taken = nested(session.fold, share, seed=session.recipe.seed)
        masks = Masks(
            train=folds.train & taken[None],
            held_out=folds.held_out,
            measure=folds.held_out,
        )
        return cls(share, epochs_at(share, session.recipe.epochs), masks)

    @property
    def rows(self) -> int:
        """Rows that a fold is trained on, on average."""
        return round(float(self.masks.train.sum(1).mean()))


def _plan(session: TrainingSession, trials: Sequence[_Trial]) -> None:
    """Tell the meter how much work there is."""
    cut = session.cut(session.recipe.fold_layers)
    adapted = 1 - cut / session.network.layers
    passes = sum(trial.share * trial.epochs for trial in trials)
    work = passes * (session.folds - 1) * adapted
    session.meter.total = int(session.rows.tokens * work)


def _known(session: TrainingSession, whole: Sequence[Floats]) -> Losses:
    """The whole as training has measured it, at its best length."""
    everything = np.ones((1, len(session.rows.rows)), np.bool_)
    return losses_at_best([losses[None] for losses in whole], session.held_out(everything))[0]


def _trained(session: TrainingSession, trial: _Trial) -> Losses:
    """Held-out loss of every row at a share, at its best length."""
    recipe = session.recipe.model_copy(update={"epochs": trial.epochs})
    cut = session.cut(recipe.fold_layers)
    rule = session.held_out(trial.masks.held_out)
    done = session.run(
        f"share-{trial.share:g}",
        session.job(cut, trial.masks, recipe=recipe),
        trial.masks,
        epochs=trial.epochs,
        planned=trial.epochs,
        read_from=first_look(trial.epochs),
    )
    best = losses_at_best([r.losses for r in done.readings], rule)
    return np.nansum(np.where(rule.where, best, 0), axis=0)
