"""The stage: K folds, a check at full depth that sets the length, and the shipped adapter."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tunewell.lineage import StageKey
from tunewell.model.base import Progress
from tunewell.model.speech.weights import is_speech_model
from tunewell.project import Project
from tunewell.store import Store
from tunewell.task import TaskFile
from tunewell.train.distributed.run import placed
from tunewell.train.forgetting.tasks import harness, task_digests
from tunewell.train.opening import open_session, weights_for
from tunewell.train.phases import TrainingOrder, TrainingPhases
from tunewell.train.session import FINAL_ONLY, OnPoint, TrainingSession
from tunewell.types import Dataset, Example, Split, Trained, digest
from tunewell.types.turns import learned_places

WORK = 8
"""Version of the way of training: part of the key of a run."""


def train(
    dataset: Dataset,
    split: Split,
    project: Project,
    *,
    progress: Progress | None = None,
    live: OnPoint | None = None,
    say: Callable[[str], None] | None = None,
) -> Trained:
    """Train the folds, find the length, train the final adapter.

    Goes on where a killed run stopped.

    The folds carry adapters on the top ``fold_layers`` of the layers, over states of the frozen
    rest that are computed once. One run at the depth of the final adapter, held out on fold 0, sets
    the final's number of epochs. The final adapter sees the rows of all folds; test set and review
    pool are never trained on.

    Args:
        dataset: The rows.
        split: Where they go.
        project: The project.
        progress: Called with (done, total), in training tokens weighted by depth.
        live: Called at every evaluation.
        say: Told before training what of the rows is learned, where that is not simply every row's
            last turn.

    Raises:
        DataError: A fold has no row that can be trained on; or rows are heard and the model reads,
            or the other way round.
        ModelError: The base model cannot be used.
        MissingExtraError: ``train.forgetting_tasks`` are named and lm-eval is not installed.
        TaskError: A task file is not there, or lm-eval cannot run a task.
    """
    file, store = project.file, project.store
    recipe = file.spec.train
    weights = weights_for(dataset, recipe, project)
    run = StageKey(
        "train",
        inputs={"examples": dataset.examples, "split": store.put_value(split)},
        parameters=parameters_of(file, weights.digest, _rows_of_folds(dataset, split, store)),
        seed=recipe.seed,
    )
    tasks = harness(recipe, file.path.parent)
    found = run.finished(store)
    if found is not None:
        return store.get_value(found.outputs["trained"], Trained)

    order = TrainingOrder(
        about=file.spec.task.about,
        dataset=dataset.id,
        split=digest(split),
        place=placed(file),
        tasks=tasks,
    )
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
            if say is not None:
                for line in session.said:
                    say(line)
            phases = _phases_of(session, order, store)
            trained = phases.go()
            writer.counts |= _counts(session)
        writer.findings += phases.findings
        writer.outputs["trained"] = store.put_value(trained)
        writer.outputs["adapter"] = trained.model.adapter
        writer.outputs["trace"] = trained.trace
        if trained.check:
            writer.outputs["check"] = trained.check
    session.remove_checkpoints()
    return trained


def _phases_of(session: TrainingSession, order: TrainingOrder, store: Store) -> TrainingPhases:
    if not is_speech_model(session.recipe.model):
        return TrainingPhases(session, order, store)
    from tunewell.train.speech.phases import SpeechPhases

    return SpeechPhases(session, order, store)


def parameters_of(
    file: TaskFile,
    weights: str,
    examples: Iterable[Example],
) -> dict[str, Any]:
    """What decides a training beside its rows and its seed: parameters of its Run.

    Args:
        file: The definition.
        weights: Digest of the base.
        examples: The rows of all folds.
    """
    recipe = file.spec.train
    left_out: set[str] = set()
    if all(map(_learned_as_ever, examples)):
        left_out |= {"turns", "preferences"}
    if not recipe.forgetting_tasks:
        left_out |= FINAL_ONLY - {"backend"}
    if recipe.backend == "tunewell":
        # What was trained before there was a choice stays.
        left_out.add("backend")
    found = {
        "recipe": recipe.model_dump(mode="json", exclude=left_out),
        "weights": weights,
        "work": WORK,
    }
    if recipe.forgetting_tasks:
        found["tasks"] = task_digests(recipe, file.path.parent)
    return found


def _rows_of_folds(dataset: Dataset, split: Split, store: Store) -> list[Example]:
    ids = sorted(split.all_folds)
    return store.examples(dataset, ids=ids) if ids else []


def _learned_as_ever(example: Example) -> bool:
    """Whether only the last turn can be learned: what was trained before there was more stays."""
    last = (len(example.messages) - 1,)
    return not example.is_preference and learned_places(example) in ((), last)


def _counts(session: TrainingSession) -> dict[str, int]:
    used, encoded = session.rows, session.all_rows
    counts = {
        "rows": len(used.rows),
        "tokens": used.tokens,
        "too_long": len(encoded.too_long),
        "not_drawn": len(encoded.rows) - len(used.rows),
    }
    more = {
        "answers": len(used.names) if len(used.names) > len(used.rows) else 0,
        "context": used.context,
        "bad": len(encoded.bad),
        "preferences": len(encoded.preferences),
    }
    return counts | {name: count for name, count in more.items() if count}
