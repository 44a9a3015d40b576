"""Answers of the newest model to rows of the review pool, for people to read and correct."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tunewell.errors import UserError
from tunewell.project import Project
from tunewell.store import Store
from tunewell.types import Evaluation, Example, ModelVersion, Trained, digest

if TYPE_CHECKING:
    from tunewell.evaluate.arms import Models


def pool_evaluation(
    project: Project,
    examples: Sequence[Example],
    families: Mapping[str, str],
    *,
    models: Models | None = None,
) -> Evaluation:
    """The newest model's answers to rows of the review pool, as an `Evaluation` without metrics.

    It is no evaluation of the project: no gate reads it, and the test set is not looked at.

    Args:
        project: The project.
        examples: The rows.
        families: Family by row.
        models: Opens models; on this machine if None.

    Raises:
        UserError: Nothing has been trained yet.
    """
    file, store = project.file, project.store
    from tunewell.evaluate.arms import contenders, local_models
    from tunewell.evaluate.predict import PartialAnswers, PassMeter, predict
    from tunewell.model.base import GenerateOptions

    model = _newest_model(store)
    arm = contenders(file.spec, model, ())[-1]
    rows = [example for example in examples if example.prompt]
    names = [row.id for row in rows]
    opener = models or local_models(file.spec.train.model, store, file.spec.task.language)

    key = digest([model.adapter, names])[:24]
    work = PartialAnswers(store.root / "work" / f"pool-{key}")
    answers = predict(
        lambda: opener(model),
        arm,
        rows,
        options=GenerateOptions(max_new_tokens=file.spec.evaluate.max_new_tokens),
        work=work,
        meter=PassMeter(len(rows), None),
    )
    made = Evaluation(
        arms=(arm.name,),
        rows=tuple(names),
        metrics=(),
        predictions=store.put_value(answers),
        scores=store.put_value([]),
        levels=(),
        comparisons=(),
        clusters=tuple(families.get(name, name) for name in names),
    )
    work.remove()
    return made


def _newest_model(store: Store) -> ModelVersion:
    run = store.last_run("train")
    if run is None or "trained" not in run.outputs:
        raise UserError(
            "nothing has been trained in this project yet",
            hint="tunewell train",
        )
    return store.get_value(run.outputs["trained"], Trained).model
