"""``tunewell evaluate``: this stage alone, with those before it where they are not finished.

Or anybody's outputs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tunewell.cli.common import (
    JsonOption,
    ProjectArgument,
    SetOption,
    WaitOption,
    emit,
    out,
    project,
)
from tunewell.cli.stage import print_run, run_until
from tunewell.run import Result
from tunewell.store import Store
from tunewell.task import TaskFile
from tunewell.types import Dataset, Evaluation, Example, Split

if TYPE_CHECKING:
    from tunewell.evaluate.calibration import Calibration
    from tunewell.evaluate.classes import Classes


def command(
    path: ProjectArgument = Path(),
    predictions: Annotated[
        list[str] | None,
        typer.Option(
            "--predictions",
            metavar="[ARM=]FILE",
            help="Judge outputs made elsewhere instead (JSON lines, lm-eval samples, an inspect_ai log). May stand "
            "several times: tuned=mine.jsonl base=theirs.jsonl.",
        ),
    ] = None,
    overrides: SetOption = None,
    wait: WaitOption = False,
    json: JsonOption = False,
) -> None:
    """Compare base, prompted and tuned on the same held-out rows."""
    if not predictions:
        result = run_until(
            "evaluate", path, overrides=overrides, wait=wait, json=json, details=_beside
        )
        if result.evaluation is not None and not json:
            with project(path, overrides=overrides) as (_, store):
                _print_details(*_details(result.evaluation, store))
        return
    from tunewell.evaluate import decide, evaluate_outputs

    files = {
        arm if sep else "": Path(name if sep else arm)
        for arm, sep, name in (p.partition("=") for p in predictions)
    }
    with project(path, overrides=overrides, lock="tunewell evaluate", wait=wait) as (file, store):
        rows, split = held_out(file, store)
        made = evaluate_outputs(files, file, store, rows=rows, split=split)
        record = store.last_run("outputs")
        assert record is not None
        verdict = decide(made, file, store, record.findings)
        classes, calibration = _details(made, store)
    if json:
        found = {
            "evaluation": made,
            "classes": classes,
            "calibration": calibration,
            "verdict": verdict,
        }
        emit("evaluate", found, verdict=verdict.outcome)
        return
    print_run(record, reused=False)
    _print(made)
    _print_details(classes, calibration)
    out.print(f"{verdict.outcome}: {verdict.why}", markup=False)


def held_out(file: TaskFile, store: Store) -> tuple[list[Example], Split | None]:
    """The project's held-out rows where it has been split.

    Nothing (the outputs' own rows count then) where not.
    """
    from tunewell.evaluate.stage import held_out_rows

    curated, divided = store.last_run("curate"), store.last_run("split")
    if curated is None or divided is None:
        return [], None
    split = store.get_value(divided.outputs["split"], Split)
    return held_out_rows(
        store.get_value(curated.outputs["dataset"], Dataset), split, file, store
    ), split


def _details(made: Evaluation, store: Store) -> tuple[Classes | None, list[Calibration]]:
    """Figures by class and calibrations, where they were measured."""
    from tunewell.evaluate.calibration import Calibration
    from tunewell.evaluate.classes import Classes

    classes = store.get_value(made.classes, Classes) if made.classes else None
    return classes, store.get_value(made.calibration, list[Calibration]) if made.calibration else []


def _beside(result: Result, store: Store) -> dict[str, object]:
    classes, calibration = _details(result.evaluation, store) if result.evaluation else (None, [])
    return {"classes": classes, "calibration": calibration}


def _print_details(classes: Classes | None, calibration: list[Calibration]) -> None:
    for arm, metric, macro in classes.macro if classes else ():
        out.print(f"  {arm:12} {metric:14} F1 over classes {macro}", markup=False)
        for worst in classes.worst(arm) if classes else ():
            called = ", ".join(f"{n} as {label or 'none'}" for label, n in worst.confused.items())
            shown = f"recall {worst.recall}, precision {worst.precision or 'never named'}"
            out.print(
                f"    {worst.label:20} {shown}{'; ' + called if called else ''}", markup=False
            )
    for c in calibration:
        out.print(
            f"  {c.arm:12} {c.metric:14} over-confidence {c.overconfidence}, calibration error {c.error}",
            markup=False,
        )


def _print(made: Evaluation) -> None:
    for level in made.levels:
        if not level.slice:
            missing = f", {level.missing} unscored" if level.missing else ""
            out.print(f"  {level.arm:12} {level.metric:14} {level.estimate}{missing}", markup=False)
    for c in made.comparisons:
        if not c.slice:
            out.print(f"  {c.arm} - {c.against:12} {c.metric:14} {c.estimate}", markup=False)
