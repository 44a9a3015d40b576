"""Whether the newest version makes errors again that people corrected before it was trained."""

from __future__ import annotations

from tunewell.annotate import rows_of
from tunewell.errors import UserError
from tunewell.evaluate.arms import Models
from tunewell.iterate.pool_answers import pool_evaluation
from tunewell.lineage import StageKey
from tunewell.project import Project
from tunewell.review.human_changes import HumanChange, Recurrence, human_changes, recurrence
from tunewell.types import Evaluation, Prediction, digest


def measure_recurrence(
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
    every = human_changes(
        store,
        language=project.spec.task.language,
    )
    changes = [change for change in every if trained and change.at < trained.started]
    if trained is None or not changes:
        raise UserError(
            "no answer had been corrected before the newest version was trained",
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
    evaluation = pool_evaluation(
        project,
        rows,
        {**families, **more},
        models=models,
    )
    found = {}
    for prediction in store.get_value(evaluation.predictions, list[Prediction]):
        found["review", prediction.example] = prediction.text
    return found
