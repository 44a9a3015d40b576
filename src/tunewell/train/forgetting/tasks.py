"""T04 on tasks of lm-evaluation-harness: each document answered without and with the adapter."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tunewell.errors import MissingExtraError, TaskError
from tunewell.stats import difference
from tunewell.train.arrays import Floats
from tunewell.train.forgetting.finding import LIMIT, in_hundredths, relative_change
from tunewell.train.forgetting.lm_eval import (
    PLACE,
    Scorer,
    is_file,
    language_model,
    loaded_tasks,
    samples_of,
)
from tunewell.types import Estimate, Finding, Recipe, Threshold

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from tunewell.train.lora.adapted import Adapted

DROP = 0.05
"""T04: largest fall of a task's score."""

Z_LEVEL, Z_POWER = 1.959964, 0.841621
"""Quantiles of the normal distribution for an interval of 95 % and a power of 80 %."""


@dataclass(frozen=True)
class Harness:
    """Tasks to run before and after.

    Attributes:
        names: Of lm-eval, or paths of task files.
        limit: Documents of a task at most.
    """

    names: tuple[str, ...]
    limit: int


def harness(recipe: Recipe, folder: Path) -> Harness:
    """The tasks that a recipe names, paths taken from the project's folder.

    Asked before anything expensive.

    Raises:
        MissingExtraError: Tasks are named and lm-eval is not installed.
        TaskError: A task file is not there.
    """
    names = recipe.forgetting_tasks
    if names and importlib.util.find_spec("lm_eval") is None:
        purpose = f"train.forgetting_tasks ({', '.join(names)})"
        raise MissingExtraError("lm-eval", needed_for=purpose)
    found = []
    for name in names:
        if not is_file(name):
            found.append(name)
            continue
        path = folder / name
        if not path.is_file():
            raise TaskError(
                [(PLACE, f"there is no task file '{path}'")],
                hint="paths are taken from the folder of tunewell.yaml",
            )
        found.append(str(path.resolve()))
    return Harness(tuple(found), recipe.forgetting_documents)


def task_digests(recipe: Recipe, folder: Path) -> dict[str, str]:
    """What a recipe's tasks are, for the key of a run.

    SHA-256 of a file, the version of lm-eval for a name.
    """
    found = {}
    for name in recipe.forgetting_tasks:
        path = folder / name
        if is_file(name) and path.is_file():
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            found[name] = _version()
    return found


def _version() -> str:
    try:
        return importlib.metadata.version("lm_eval")
    except importlib.metadata.PackageNotFoundError:
        return ""


@dataclass(frozen=True, eq=False)
class TaskScores:
    """One metric of one task, document by document.

    Attributes:
        task: As it was named.
        metric: Of lm-eval: ``acc``, ``exact_match``, ``word_perplexity`` …
        higher_is_better: Of the metric.
        scores: Without and with the adapter, shape (2, documents); nats a unit for a perplexity.
        units: Words or bytes of each document for a perplexity, else None.
    """

    task: str
    metric: str
    higher_is_better: bool
    scores: Floats
    units: Floats | None


def run_tasks(
    adapted: Adapted,
    tokenizer: PreTrainedTokenizerBase,
    tasks: Harness,
) -> list[TaskScores]:
    """Answer every document without and with an adapter.

    Args:
        adapted: One adapter.
        tokenizer: The base's.
        tasks: Which.

    Raises:
        TaskError: lm-eval does not know a task, or cannot load or score it.
    """
    found: list[TaskScores] = []
    if not tasks.names:
        return found
    scorers = [Scorer(model, tokenizer) for model in (adapted.untrained(), adapted)]
    for name in tasks.names:
        loaded = loaded_tasks(name)
        before, after = (
            samples_of(language_model(scorer), name, loaded, tasks.limit) for scorer in scorers
        )
        found.append(_paired(name, before, after))
    return found


def _paired(
    name: str,
    before: dict[str, Any],
    after: dict[str, Any],
) -> TaskScores:
    """The first metric of a task, its documents side by side; subtasks of a group together."""
    columns: list[list[Any]] = [[], []]
    metric, higher = "", True
    for task, samples in sorted(before["samples"].items()):
        directions = before["higher_is_better"][task]
        own = next(m for m in directions if m in samples[0]["metrics"])
        if metric and own != metric:
            raise TaskError(
                [(PLACE, f"the subtasks of '{name}' have no common metric")],
                hint="name the subtasks",
            )
        metric, higher = own, directions[own] is not False
        kept = samples[0]["filter"]
        for column, run in zip(columns, (samples, after["samples"][task]), strict=True):
            documents = [s for s in run if s["filter"] == kept]
            documents.sort(key=lambda s: s["doc_id"])
            column += [s[metric] for s in documents]

    values = np.asarray(columns, np.float64)
    if values.ndim == 2:
        return TaskScores(name, metric, higher, values, None)
    # (log-likelihood, words or bytes) of a perplexity.
    units = values[0, :, 1]
    nats = -values[..., 0] / units
    return TaskScores(name, metric, False, nats, units)


def task_finding(scores: TaskScores, *, drop: float = DROP) -> Finding:
    """T04 of one task.

    Args:
        scores: From `run_tasks`.
        drop: Largest fall of the score, in units of the score; of a perplexity's nats the rise that
            text may have.

    Example:
        >>> made = np.array([[1.0, 1, 1, 1, 0, 1, 1, 1], [1, 1, 0, 1, 0, 1, 1, 1]])
        >>> task_finding(TaskScores("sums", "acc", True, made, None)).status
        'unchecked'
    """
    is_perplexity = scores.units is not None
    limit, unit = (LIMIT, "% of the nats") if is_perplexity else (drop, "points")
    loss = _loss_of(scores)
    status = "unchecked"
    if loss.worse.low > limit:
        status = "found"
    elif loss.worse.high <= limit:
        status = "clear"

    name = Path(scores.task).stem if is_file(scores.task) else scores.task
    change = loss.change
    value, low, high = (f"{100 * x:+.1f}" for x in (change.value, change.low, change.high))
    why = (
        f"{scores.metric} of {name} changed by {value} [{low}, {high}] {unit} ({change.n} "
        f"documents; a change of {in_hundredths(loss.detectable)} would have been detected)."
    )
    up_is_worse = loss.worse is change
    return Finding(
        code="T04",
        status=status,
        stage="train",
        slice=f"lm-eval={name}",
        why=why,
        estimate=change,
        threshold=Threshold(value=limit if up_is_worse else -limit, origin="built-in"),
        remedy=REMEDIES[status],
    )


REMEDIES = {
    "found": "mix in general rows: train.replay: 0.05; or lower train.rate or train.rank",
    "unchecked": "more documents: raise train.forgetting_documents",
    "clear": "",
}


class _Loss(NamedTuple):
    """What was lost of a task's score.

    Attributes:
        worse: How much worse; up is worse.
        change: The change as the metric counts it.
        detectable: The smallest change that would have been seen.
    """

    worse: Estimate
    change: Estimate
    detectable: float


def _loss_of(scores: TaskScores) -> _Loss:
    before, after = scores.scores
    if scores.units is not None:
        made = relative_change(scores.scores, scores.units, ["all"] * len(before))
        return _Loss(made.estimate, made.estimate, made.detectable)
    change = difference(after, before, paired=True)
    detectable = (change.high - change.low) / 2 * (1 + Z_POWER / Z_LEVEL)
    if not scores.higher_is_better:
        return _Loss(change, change, detectable)
    turned = {"value": -change.value, "low": -change.high, "high": -change.low}
    return _Loss(change.model_copy(update=turned), change, detectable)
