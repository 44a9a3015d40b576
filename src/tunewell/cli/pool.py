"""Outputs of the newest model on the review pool: what people read and correct to improve the next version."""

from __future__ import annotations

from collections.abc import Sequence

from tunewell.errors import UserError
from tunewell.store import Store
from tunewell.task import TaskFile
from tunewell.types import Evaluation, Example, Trained, digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tunewell.evaluate.arms import Models


def pool_evaluation(
    file: TaskFile,
    store: Store,
    examples: Sequence[Example],
    families: dict[str, str],
    *,
    models: Models | None = None,
) -> Evaluation:
    """The newest trained model's answers to rows of the review pool, as an `Evaluation` without metrics.

    It is no evaluation of the project: no gate reads it, and the test set is not looked at.

    Raises:
        UserError: Nothing has been trained yet.
    """
    from tunewell.evaluate.arms import contenders, local_models
    from tunewell.evaluate.predict import PartialAnswers, PassMeter, predict
    from tunewell.model.base import GenerateOptions

    run = store.last_run("train")
    if run is None or "trained" not in run.outputs:
        raise UserError("nothing has been trained in this project yet", hint="tunewell train")
    model = store.get_value(run.outputs["trained"], Trained).model
    arm = contenders(file.spec, model, ())[-1]
    rows = [e for e in examples if e.prompt]
    opener = models or local_models(file.spec.train.model, store)
    work = PartialAnswers(
        store.root / "work" / f"pool-{digest([model.adapter, [e.id for e in rows]])[:24]}"
    )
    options = GenerateOptions(max_new_tokens=file.spec.evaluate.max_new_tokens)
    found = predict(
        lambda: opener(model),
        arm,
        rows,
        options=options,
        work=work,
        meter=PassMeter(len(rows), None),
    )
    made = Evaluation(
        arms=(arm.name,),
        rows=tuple(e.id for e in rows),
        metrics=(),
        predictions=store.put_value(found),
        scores=store.put_value([]),
        levels=(),
        comparisons=(),
        clusters=tuple(families.get(e.id, e.id) for e in rows),
    )
    work.remove()
    return made
