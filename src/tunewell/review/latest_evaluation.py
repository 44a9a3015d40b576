"""Where the outputs come from: the newest evaluation of the project."""

from __future__ import annotations

from tunewell.errors import UserError
from tunewell.store import Store
from tunewell.types import Evaluation, Example, Run


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
    return evaluation, store.examples(run.inputs["examples"], ids=evaluation.rows)


def _newest_run(store: Store) -> Run:
    run = store.last_run("evaluate")
    if run is None:
        raise UserError("nothing has been evaluated in this project yet", hint="tunewell evaluate")
    return run
