"""Where the outputs come from: the newest evaluation of the project, made here or elsewhere."""

from __future__ import annotations

from tunewell.errors import UserError
from tunewell.store import Store
from tunewell.types import Evaluation, Example, Run
from tunewell.types.turns import named, with_conversations


def evaluated(store: Store) -> Evaluation:
    """The newest evaluation without its rows.

    Raises:
        UserError: Nothing has been evaluated yet.
    """
    return store.get_value(_newest_run(store).outputs["evaluation"], Evaluation)


def newest_evaluation(store: Store) -> tuple[Evaluation, list[Example]]:
    """The newest evaluation and its rows.

    Raises:
        UserError: Nothing has been evaluated yet.
    """
    run = _newest_run(store)
    evaluation = store.get_value(run.outputs["evaluation"], Evaluation)
    # Outputs made elsewhere may bring rows that are in no dataset.
    examples = run.outputs.get("examples") or run.inputs["examples"]
    found = store.examples(examples, ids=with_conversations(evaluation.rows))
    return evaluation, named(found, evaluation.rows)


def _newest_run(store: Store) -> Run:
    """Of our own arms, or of outputs made elsewhere: whichever was evaluated last."""
    runs = [store.last_run(stage) for stage in ("evaluate", "outputs")]
    finished = [run for run in runs if run is not None and "evaluation" in run.outputs]
    if not finished:
        raise UserError("nothing has been evaluated in this project yet", hint="tunewell evaluate")
    numbers = store.run_numbers()
    return max(finished, key=lambda run: numbers[run.id])
