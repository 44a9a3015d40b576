"""T04 on tasks of lm-evaluation-harness: each document answered without and with the adapter."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewell.errors import MissingExtraError, TaskError
from tunewell.stats import difference
from tunewell.train.forgetting.finding import LIMIT, relative_change
from tunewell.train.forgetting.lm_eval import (
    PLACE,
    Scorer,
    is_file,
    language_model,
    loaded_tasks,
    samples_of,
)
from tunewell.types import Estimate, Finding, Recipe, Threshold

DROP = 0.05
"""T04: largest fall of a task's score."""


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
        raise MissingExtraError(
            "lm-eval", needed_for=f"train.forgetting_tasks ({', '.join(names)})"
        )
    found = []
    for name in names:
        path = folder / name
        if is_file(name) and not path.is_file():
            raise TaskError(
                [(PLACE, f"there is no task file '{path}'")],
                hint="paths are taken from the folder of tunewell.yaml",
            )
        found.append(str(path.resolve()) if is_file(name) else name)
    return Harness(tuple(found), recipe.forgetting_documents)


def task_digests(recipe: Recipe, folder: Path) -> dict[str, str]:
    """What a recipe's tasks are, for the key of a run: SHA-256 of a file, the version of lm-eval for a name."""
    found = {}
    for name in recipe.forgetting_tasks:
        path = folder / name
        there = is_file(name) and path.is_file()
        found[name] = hashlib.sha256(path.read_bytes()).hexdigest() if there else _version()
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
    scores: NDArray[np.float64]
    units: NDArray[np.float64] | None


def run_tasks(
    network: Any, tokenizer: Any, recipe: Any, cut: int, values: Any, tasks: Harness
) -> list[TaskScores]:
    """Answer every document without and with an adapter.

    Args:
        network: The frozen base.
        tokenizer: Its.
        recipe: Of the adapter.
        cut: First layer with adapters.
        values: Of the adapter's bank.
        tasks: Which.

    Raises:
        TaskError: lm-eval does not know a task, or cannot load or score it.
    """
    scorers = [Scorer(network, tokenizer, recipe, cut, v) for v in (None, values)]
    found = []
    for name in tasks.names:
        loaded = loaded_tasks(name)
        runs = [samples_of(language_model(s), name, loaded, tasks.limit) for s in scorers]
        found.append(_paired(name, *runs))
    return found


def _paired(name: str, before: dict[str, Any], after: dict[str, Any]) -> TaskScores:
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
            column += [
                s[metric] for s in sorted(run, key=lambda s: s["doc_id"]) if s["filter"] == kept
            ]
    values = np.asarray(columns, np.float64)
    if values.ndim == 3:  # (log-likelihood, words or bytes) of a perplexity
        units = values[0, :, 1]
        return TaskScores(name, metric, False, -values[..., 0] / units, units)
    return TaskScores(name, metric, higher, values, None)


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
    worse, estimate, seen = _loss_of(scores)
    limit = drop if scores.units is None else LIMIT
    status = "found" if worse.low > limit else "clear" if worse.high <= limit else "unchecked"
    name = Path(scores.task).stem if is_file(scores.task) else scores.task
    unit = "points" if scores.units is None else "% of the nats"
    why = (
        f"{scores.metric} of {name} changed by {100 * estimate.value:+.1f} [{100 * estimate.low:+.1f}, "
        f"{100 * estimate.high:+.1f}] {unit} ({estimate.n} documents; {100 * seen:.2g} would have been seen)."
    )
    return Finding(
        code="T04",
        status=status,
        stage="train",
        slice=f"lm-eval={name}",
        why=why,
        estimate=estimate,
        threshold=Threshold(value=limit if worse is estimate else -limit, origin="built-in"),
        remedy="" if status == "clear" else _remedy(status),
    )


def _remedy(status: str) -> str:
    if status == "unchecked":
        return "more documents: raise train.forgetting_documents"
    return "mix in general rows: train.replay: 0.05; or lower train.rate or train.rank"


def _loss_of(scores: TaskScores) -> tuple[Estimate, Estimate, float]:
    """How much worse (up is worse), the change as the metric counts it, and the smallest change that would be seen."""
    before, after = scores.scores
    if scores.units is not None:
        made = relative_change(scores.scores, scores.units, ["all"] * len(before))
        return made.estimate, made.estimate, made.detectable
    change = difference(after, before, paired=True)
    seen = (change.high - change.low) / 2 * (1 + 0.841621 / 1.959964)
    if not scores.higher_is_better:
        return change, change, seen
    worse = change.model_copy(
        update={"value": -change.value, "low": -change.high, "high": -change.low}
    )
    return worse, change, seen
