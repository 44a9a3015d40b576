"""``tunewell review recurrence``: whether the newest version makes corrected errors again."""

from __future__ import annotations

from pathlib import Path

from tunewell.annotate import rows_of
from tunewell.cli.common import JsonOption, ProjectArgument, emit, open_project, show
from tunewell.cli.review.pool_answers import pool_evaluation
from tunewell.errors import UserError
from tunewell.evaluate.arms import Models
from tunewell.lineage import StageKey
from tunewell.project import Project
from tunewell.review.human_changes import HumanChange, Recurrence, human_changes, recurrence
from tunewell.types import Evaluation, Prediction, digest

MOST_SHOWN = 10


def command(
    path: ProjectArgument = Path(),
    json: JsonOption = False,
) -> None:
    """Let the newest version answer the rows that people corrected before it was trained.

    The share of corrected errors that come back stands in the report and with the version.
    """
    with open_project(path, lock="tunewell review recurrence") as project:
        found = measure(project)
    if json:
        emit("review", found)
        return
    show(f"corrected errors that come back: {found.rate}")
    for kind, share in found.kinds.items():
        show(f"  {kind:24} {share}")
    if found.trained_on:
        show(f"{found.trained_on} of the rows were trained on as corrected: a lower bound")
    if found.unanswered:
        show(f"unchecked: {found.unanswered} corrected rows have no answer of this version")
    for row in found.again[:MOST_SHOWN]:
        show(f"  again: {row}")


def measure(
    project: Project,
    *,
    models: Models | None = None,
) -> Recurrence:
    """The recurrence of what was corrected before the newest version was trained.

    Corrected rows of the test set are not answered anew: the newest evaluation has them.

    Args:
        project: The project.
        models: Opens models; on this machine if None.

    Raises:
        UserError: Nothing was corrected before the newest version was trained.
    """
    store = project.store
    trained = store.last_run("train")
    every = human_changes(store, language=project.spec.task.language)
    changes = [change for change in every if trained and change.at < trained.started]
    if trained is None or not changes:
        raise UserError(
            "nothing was corrected before the newest version was trained",
            hint="tunewell review open --from review, then tunewell run",
        )
    key = StageKey(
        "recurrence",
        {"trained": trained.outputs["trained"]},
        {"changes": digest([change.model_dump(mode="json") for change in changes])},
    )
    done = key.value(store, "recurrence", Recurrence)
    if done is not None:
        return done
    with key.record(store) as writer:
        answers = _test_answers(project, changes)
        answers |= _pool_answers(project, changes, models)
        found = recurrence(changes, answers)
        writer.outputs["recurrence"] = store.put_value(found)
        writer.counts |= {"corrected": len(changes), "again": len(found.again)}
    return found


def _test_answers(
    project: Project,
    changes: list[HumanChange],
) -> dict[tuple[str, str], str]:
    """What the newest evaluation, if it is of the newest version, answered to test rows."""
    store = project.store
    run, trained = store.last_run("evaluate"), store.last_run("train")
    if run is None or trained is None or run.started < trained.started:
        return {}
    evaluation = store.get_value(run.outputs["evaluation"], Evaluation)
    rows = {change.row for change in changes if change.part == "test"}
    found = {}
    for prediction in store.get_value(evaluation.predictions, list[Prediction]):
        if prediction.arm == "tuned" and prediction.example in rows:
            found["test", prediction.example] = prediction.text
    return found


def _pool_answers(
    project: Project,
    changes: list[HumanChange],
    models: Models | None,
) -> dict[tuple[str, str], str]:
    """The newest version's answers to the corrected rows of the review pool."""
    store = project.store
    wanted = {change.row for change in changes if change.part == "review"}
    # A corrected row stands in the data under the id of its correction.
    examples, families = rows_of(store, "train")
    pool, more = rows_of(store, "review")
    known = {row.id: row for row in [*examples, *pool]}
    rows = []
    for name in sorted(wanted):
        row = known.get(name) or known.get(f"{name}#corrected")
        if row is not None:
            rows.append(row.model_copy(update={"id": name}))
    if not rows:
        return {}
    evaluation = pool_evaluation(project, rows, {**families, **more}, models=models)
    found = {}
    for prediction in store.get_value(evaluation.predictions, list[Prediction]):
        found["review", prediction.example] = prediction.text
    return found
