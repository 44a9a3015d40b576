"""OpenAI's fine-tuning: jobs, the files they trained on, and their results.

Source: the types ``openai.types.fine_tuning`` of the package ``openai``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tunewell.errors import DataError
from tunewell.importers.blueprint import Blueprint, file_name, relative, slug
from tunewell.importers.evaluations.graders import GraderReader
from tunewell.importers.evaluations.judged import NOBODY, OPENAI, NamedJudge
from tunewell.importers.plain_values import listed
from tunewell.importers.source_keys import SourceKeys
from tunewell.importers.training import datasets, recipe
from tunewell.importers.training.reasons import OBJECTIVE

RESULT_COLUMNS: Final = frozenset({"step", "train_loss"})
HYPERPARAMETERS: Final = (
    "hyperparameters",
    "method.supervised.hyperparameters",
    "method.dpo.hyperparameters",
    "method.reinforcement.hyperparameters",
)
REASONS: Final = {
    "id": "an id of the platform",
    "object": "the kind of the object",
    "created_at": "a date of the platform",
    "finished_at": "a date of the platform",
    "estimated_finish": "a date of the platform",
    "organization_id": "an id of the platform",
    "status": "a state of the platform",
    "error*": "a state of the platform",
    "trained_tokens": "a figure of the old run",
    "user_provided_suffix": "a part of the old model's name",
    "suffix": "a part of the old model's name",
    "metadata*": "a remark for readers",
    "integrations*": "every run is recorded in the project; trackers read it from there",
    "shared_with_openai": "nothing is shared",
    "usage_metrics*": "a figure of the old run",
    "method.type": "the method",
    "method.*.hyperparameters.beta": OBJECTIVE,
    "method.*.hyperparameters.*": "it has no counterpart",
    "hyperparameters.*": "it has no counterpart",
    "method.reinforcement.response_format*": "a metric 'schema' holds answers to a JSON schema",
    "method.*": OBJECTIVE,
}


def is_job(value: Mapping[str, Any]) -> bool:
    """Whether an object is a fine-tuning job, or the request for one."""
    return value.get("object") == "fine_tuning.job" or "training_file" in value


def is_result_header(line: str) -> bool:
    """Whether the first line of a CSV is that of a job's results.

    Example:
        >>> is_result_header("step,train_loss,train_accuracy,valid_loss")
        True
    """
    return {name.strip().strip('"') for name in line.split(",")} >= RESULT_COLUMNS


def refuse_results(path: Path) -> None:
    """Results of a run make no project: they are a curve, which the autopsy reads.

    Raises:
        DataError: Always.
    """
    raise DataError(
        f"{path.name} is the loss curve of a finished run: it holds no rows and no definition",
        hint=f"tunewell autopsy {path}; import the job or its training file instead",
    )


def read_job(
    value: Mapping[str, Any],
    path: Path,
    project: Path,
    *,
    data: Path | None = None,
    judge: NamedJudge = NOBODY,
) -> Blueprint:
    """A project from a fine-tuning job.

    Args:
        value: The job.
        path: Its file.
        project: The folder of the project to be.
        data: Folder of the platform's files, by their ids.
        judge: Who judges in the place of the graders' own models.
    """
    keys = SourceKeys(value)
    model = str(value.get("model", ""))
    plan = Blueprint(name=slug(f"{model} {value.get('user_provided_suffix') or ''}"))
    plan.about = f"Fine-tunes an open model as an OpenAI job fine-tuned {model or 'theirs'}."
    _model(plan, keys)
    for section in HYPERPARAMETERS:
        _hyperparameters(plan, keys, f"{section}.")
    plan.fit(keys, "seed", "train.seed")
    _method(plan, keys, judge)
    _files(plan, keys, data or path.parent, project)
    _results(plan, keys, data or path.parent)
    plan.lines = keys.finish(REASONS)
    return plan


def _model(plan: Blueprint, keys: SourceKeys) -> None:
    """The hosted model becomes what the new one is compared with."""
    keys.leave("model", "its weights are not to be had; train.model names an open base model")
    tuned = keys.get("fine_tuned_model")
    if isinstance(tuned, str) and tuned:
        arm = {"name": "production", "model": tuned, "url": OPENAI}
        plan.set("evaluate", "arms", [arm])
        keys.carry("fine_tuned_model", "evaluate.arms: production")
        plan.notes.append(
            "The old fine-tuned model is the arm 'production': while it answers, both are compared "
            "on the same held-out rows (export OPENAI_API_KEY). Without it, remove evaluate.arms."
        )
    else:
        keys.leave("fine_tuned_model", "there is none")


def _hyperparameters(plan: Blueprint, keys: SourceKeys, at: str) -> None:
    epochs = keys.get(f"{at}n_epochs")
    if epochs == "auto":
        keys.leave(f"{at}n_epochs", "'auto': the default of train.epochs")
    elif epochs is not None:
        recipe.take_epochs(plan, keys, f"{at}n_epochs")
    keys.leave(f"{at}batch_size", "a step is counted in tokens here: train.tokens_per_batch")
    keys.leave(
        f"{at}learning_rate_multiplier", "a multiple of a rate that is not published: train.rate"
    )


def _method(plan: Blueprint, keys: SourceKeys, judge: NamedJudge) -> None:
    kind = str(keys.get("method.type") or "")
    if kind == "supervised":
        keys.carry("method.type", "train", "answers are learned")
    elif kind == "dpo":
        keys.change("method.type", "train.preferences", f"{OBJECTIVE}: chosen answers are learned")
        plan.set("train", "preferences", "chosen")
    elif kind:
        keys.leave("method.type", OBJECTIVE)
    if keys.has("method.reinforcement.grader"):
        GraderReader(plan, keys, judge).read("method.reinforcement.grader")


def _files(plan: Blueprint, keys: SourceKeys, folder: Path, project: Path) -> None:
    for key, role in (("training_file", "train"), ("validation_file", "test")):
        name = keys.get(key)
        if not isinstance(name, str) or not name:
            keys.leave(key, "there is none")
            continue
        place = _platform_file(plan, name, folder, project)
        datasets.add_source(plan, place, role=role)
        keys.carry(key, f"data: {place}")
    if not plan.data:
        datasets.without_data(plan, "The job names no file.")
    if not keys.get("validation_file"):
        plan.hold_out()


def _platform_file(plan: Blueprint, name: str, folder: Path, project: Path) -> str:
    """A file of the platform by its id: the one that is here, or the place to fetch it to."""
    for ending in ("", ".jsonl", ".json"):
        found = folder / f"{file_name(name)}{ending}"
        if found.is_file():
            return relative(found, project)
    place = f"data/{file_name(name)}.jsonl"
    plan.todo.append(
        f"curl https://api.openai.com/v1/files/{file_name(name)}/content "
        f'-H "Authorization: Bearer $OPENAI_API_KEY" -o {place}'
    )
    return place


def _results(plan: Blueprint, keys: SourceKeys, folder: Path) -> None:
    names = keys.get("result_files")
    for name in listed(names):
        found = folder / f"{file_name(str(name))}.csv"
        shown = found if found.is_file() else f"{file_name(str(name))}.csv"
        plan.todo.append(f"what the old run shows: tunewell autopsy {shown}")
    keys.leave("result_files", "the curve of the old run: tunewell autopsy reads it")


def read_training_file(path: Path, project: Path) -> Blueprint:
    """A project from a file of rows, such as OpenAI's fine-tuning takes.

    Args:
        path: The file.
        project: The folder of the project to be.
    """
    plan = Blueprint(name=slug(path.stem))
    plan.about = f"Fine-tunes on {path.name}."
    datasets.add_source(plan, relative(path, project))
    plan.hold_out("A file alone holds out nothing.")
    plan.todo.append(f"see what is wrong with the rows: tunewell doctor {path}")
    return plan
