"""The session of a project's rows: of what is read, or of what is heard."""

from __future__ import annotations

from pathlib import Path

from tunewell.errors import DataError, TaskError
from tunewell.model.base import Progress
from tunewell.model.speech.weights import SPEECH_DEFAULT, is_speech_model, weights_of
from tunewell.model.weights import Weights
from tunewell.project import Project
from tunewell.store import Store
from tunewell.task import TaskFile
from tunewell.train.session import OnPoint, TrainingSession
from tunewell.types import Dataset, Recipe, Split


def weights_for(dataset: Dataset, recipe: Recipe, project: Project) -> Weights:
    """The weights of the base, which can be trained on these rows by this recipe.

    Args:
        dataset: The rows.
        recipe: Names the base.
        project: The project.

    Raises:
        DataError: Rows are heard and the model reads, or the other way round.
        TaskError: The recipe asks for what the base cannot do.
        ModelError: There are no such weights.
        MissingExtraError: An optional part is not installed.
    """
    # A folder of another model that hears is refused as what it is, not for its rows.
    weights = weights_of(recipe.model) if Path(recipe.model).expanduser().is_dir() else None
    _check_rows(dataset, recipe, project.store)
    _check_recipe(recipe, project.file)
    return weights or weights_of(recipe.model)


def open_session(
    dataset: Dataset,
    split: Split,
    recipe: Recipe,
    weights: Weights,
    project: Project,
    work: Path,
    *,
    progress: Progress | None = None,
    live: OnPoint | None = None,
) -> TrainingSession:
    """The session to train a recipe on the folds.

    Args:
        dataset: The rows.
        split: Where they go.
        recipe: Base, limits, seed.
        weights: Of the base; from `weights_for`.
        project: The project.
        work: Folder of the checkpoints.
        progress: Called with (done, total).
        live: Called at every evaluation.

    Raises:
        DataError: A fold has no row that can be trained on.
    """
    if not is_speech_model(recipe.model):
        return TrainingSession(
            dataset, split, recipe, weights, project.store, work, progress=progress, live=live
        )
    from tunewell.model.speech.whisper import SpeechModel
    from tunewell.train.speech.session import SpeechSession

    store = project.store
    speech = SpeechModel(
        weights.name,
        clips=store.files.open,
        language=project.spec.task.language,
        cache=store.root / "cache",
    )
    return SpeechSession(dataset, split, recipe, speech, store, work, progress=progress, live=live)


def _check_rows(dataset: Dataset, recipe: Recipe, store: Store) -> None:
    """Refuse to train a model of text on recordings, or one that hears on text.

    Raises:
        DataError: Some rows are of the other kind.
    """
    rows = store.examples(dataset)
    hears = is_speech_model(recipe.model)
    other = [row.id for row in rows if bool(row.audio) != hears]
    if not other:
        return
    which = f"{len(other)} of {len(rows)} rows are {'written' if hears else 'heard'}"
    does = "hears only" if hears else "reads text only"
    hint = "train a model of text on them, in a project of its own"
    if not hears:
        hint = f"set train.model: {SPEECH_DEFAULT}, or leave such rows out of data"
    raise DataError(f"{which} (such as {other[0]}), and {recipe.model!r} {does}", hint=hint)


def _check_recipe(recipe: Recipe, file: TaskFile) -> None:
    """Refuse parts of a recipe that the base cannot do; nothing is dropped silently.

    Raises:
        TaskError: Names all of them.
    """
    faults = []
    if is_speech_model(recipe.model):
        if recipe.backend != "tunewell":
            faults.append(("backend", "models that hear are trained by tunewell only"))
        if recipe.forgetting_tasks:
            faults.append(("forgetting_tasks", "tasks of lm-eval are read, and this model hears"))
        if recipe.replay and not recipe.replay_kinds:
            faults.append(("replay", "name the kinds of rows to mix in: train.replay_kinds"))
    elif recipe.replay_kinds:
        faults.append(("replay_kinds", "only models that hear take general rows from the data"))
    if faults:
        raise TaskError([(file.where(f"train.{name}"), f"{name}: {why}") for name, why in faults])
