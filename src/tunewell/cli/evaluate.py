"""``tunewell evaluate``: base, prompted and tuned on the same rows, or outputs made elsewhere.

The stages before it are run where they are not finished.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tunewell.cli.common import (
    JsonOption,
    ProjectArgument,
    SetOption,
    WaitOption,
    emit,
    open_project,
    progress,
    show,
)
from tunewell.cli.stage import EXIT_OF, open_stages, show_record, show_stage
from tunewell.errors import InternalError
from tunewell.project import Project
from tunewell.store import Store
from tunewell.task import TaskFile
from tunewell.types import Dataset, Evaluation, Example, Outcome, Split

if TYPE_CHECKING:
    from tunewell.evaluate import ColumnNames
    from tunewell.evaluate.calibration import Calibration
    from tunewell.evaluate.classes import Classes, ClassFigure


def command(
    path: ProjectArgument = Path(),
    predictions: Annotated[
        list[str] | None,
        typer.Option(
            "--predictions",
            metavar="[ARM=]FILE",
            help="Judge outputs made elsewhere instead (JSON lines, CSV, Parquet, lm-eval samples, "
            "an inspect_ai log, promptfoo …): tuned=mine.jsonl. Repeatable.",
        ),
    ] = None,
    output: Annotated[
        list[str] | None,
        typer.Option(
            "--output",
            metavar="[ARM=]COLUMN",
            help="Column of the outputs in the --predictions files. With an arm: a column for each "
            "model. Repeatable.",
        ),
    ] = None,
    target: Annotated[
        str,
        typer.Option("--target", metavar="COLUMN", help="Column of the gold answers in them."),
    ] = "",
    id_column: Annotated[
        str,
        typer.Option("--id", metavar="COLUMN", help="Column of the rows' ids in them."),
    ] = "",
    filter_name: Annotated[
        str,
        typer.Option("--filter", metavar="NAME", help="Which filter of lm-eval samples to take."),
    ] = "",
    overrides: SetOption = None,
    wait: WaitOption = False,
    json: JsonOption = False,
) -> None:
    """Compare base, prompted and tuned on the same held-out rows.

    With --predictions the exit code is the verdict's: 0 for GO, 3 for NO-GO, 4 for INCONCLUSIVE.
    """
    if predictions:
        with open_project(
            path,
            overrides=overrides,
            lock="tunewell evaluate",
            wait=wait,
        ) as opened:
            named = _named(output or [], target=target, row=id_column, filtered=filter_name)
            outcome = _evaluate_outputs(opened, _files(predictions), named, json=json)
        if EXIT_OF[outcome]:
            raise typer.Exit(EXIT_OF[outcome])
        return

    with open_stages(
        "evaluate",
        path,
        overrides=overrides,
        wait=wait,
        json=json,
    ) as stages:
        dataset = stages.curate()
        split = stages.split(dataset)
        trained = stages.train(dataset, split)
        evaluation = stages.evaluate(dataset, split, trained.model)
        details = Details.of(evaluation, stages.project.store)
    show_stage(stages, "evaluate", json=json, beside=details.as_json())
    if not json:
        details.show()


@dataclass(frozen=True)
class Details:
    """Figures by class and calibrations, where they were measured."""

    classes: Classes | None
    calibration: Sequence[Calibration]

    @classmethod
    def of(
        cls,
        evaluation: Evaluation,
        store: Store,
    ) -> Details:
        """Those of an evaluation."""
        from tunewell.evaluate.calibration import Calibration
        from tunewell.evaluate.classes import Classes

        classes = None
        calibration: list[Calibration] = []
        if evaluation.classes:
            classes = store.get_value(evaluation.classes, Classes)
        if evaluation.calibration:
            calibration = store.get_value(evaluation.calibration, list[Calibration])
        return cls(classes, calibration)

    def as_json(self) -> dict[str, object]:
        """What goes into the envelope."""
        return {"classes": self.classes, "calibration": self.calibration}

    def show(self) -> None:
        """A line for each figure."""
        if self.classes:
            for arm, metric, macro in self.classes.macro:
                show(f"  {arm:12} {metric:14} F1 over classes {macro}")
                for worst in self.classes.worst(arm):
                    _show_class(worst)
        for one in self.calibration:
            show(
                f"  {one.arm:12} {one.metric:14} over-confidence {one.overconfidence}, "
                f"calibration error {one.error}"
            )


def _show_class(found: ClassFigure) -> None:
    confused = [f"{count} as {label or 'none'}" for label, count in found.confused.items()]
    figures = [f"recall {found.recall}, precision {found.precision or 'never named'}"]
    if confused:
        figures.append(", ".join(confused))
    show(f"    {found.label:20} {'; '.join(figures)}")


def _files(predictions: Sequence[str]) -> dict[str, Path]:
    """File by arm; the arm is empty where none was given."""
    files: dict[str, Path] = {}
    for given in predictions:
        arm, equals, name = given.partition("=")
        if equals:
            files[arm] = Path(name)
        else:
            files[""] = Path(given)
    return files


def _named(
    outputs: Sequence[str],
    *,
    target: str,
    row: str,
    filtered: str,
) -> ColumnNames:
    """The columns that the user has named."""
    from tunewell.evaluate import ColumnNames

    arms: dict[str, str] = {}
    output = ""
    for given in outputs:
        arm, equals, column = given.partition("=")
        if equals:
            arms[arm] = column
        else:
            output = given
    return ColumnNames(output=output, target=target, id=row, arms=arms, filter=filtered)


def _evaluate_outputs(
    project: Project,
    files: dict[str, Path],
    named: ColumnNames,
    *,
    json: bool,
) -> Outcome:
    """Judge outputs made elsewhere."""
    store = project.store
    from tunewell.evaluate import decide, evaluate_outputs
    from tunewell.evaluate.foreign import FileReport

    known = held_out(project)
    with progress("evaluate: scoring the outputs", quiet=json, kept_in=store.root):
        evaluation = evaluate_outputs(
            files,
            project,
            rows=known.rows,
            split=known.split,
            named=named,
            train=known.train,
        )
    record = store.last_run("outputs")
    if record is None:
        raise InternalError("the evaluation of the outputs was not recorded")
    verdict = decide(evaluation, project, record.findings)
    details = Details.of(evaluation, store)
    reports = store.get_value(record.outputs["files"], list[FileReport])
    if json:
        found = {
            "evaluation": evaluation,
            **details.as_json(),
            "files": reports,
            "findings": record.findings,
            "verdict": verdict,
        }
        emit("evaluate", found, verdict=verdict.outcome)
        return verdict.outcome

    show_record(record)
    for report in reports:
        for line in report.lines():
            show(f"  {line}")
    _show(evaluation)
    details.show()
    show(f"{verdict.outcome}: {verdict.why}")
    return verdict.outcome


@dataclass(frozen=True)
class KnownRows:
    """The rows that the project itself knows.

    Attributes:
        rows: Held out; empty = the outputs' own rows count.
        split: Where the project has been split.
        train: Training rows, where there are any.
    """

    rows: Sequence[Example] = ()
    split: Split | None = None
    train: Sequence[Example] = ()


def held_out(project: Project) -> KnownRows:
    """The project's held-out rows: of its split, else of its own test set; else none."""
    file, store = project.file, project.store
    from tunewell.evaluate.stage import held_out_rows, training_rows

    curated, divided = store.last_run("curate"), store.last_run("split")
    if curated is None or divided is None:
        return KnownRows(rows=_own_test_set(file))
    dataset = store.get_value(curated.outputs["dataset"], Dataset)
    split = store.get_value(divided.outputs["split"], Split)
    return KnownRows(
        rows=held_out_rows(dataset, split, project, whole=True),
        split=split,
        train=training_rows(dataset, split, store),
    )


def _own_test_set(file: TaskFile) -> list[Example]:
    """The rows under ``role: test``: a test set alone is a project, without training or split."""
    from tunewell.curate.reading.read import ReadResult, read_source, settle_ids
    from tunewell.curate.receipts import Ledger

    batch = ReadResult()
    for number, source in enumerate(file.spec.data):
        if source.role == "test":
            where = file.where(f"data.{number}.path")
            read_source(source, root=file.root, batch=batch, where=where)
    settle_ids(batch, Ledger())
    return [row.example() for row in batch.rows]


def _show(evaluation: Evaluation) -> None:
    for level in evaluation.levels:
        if not level.slice:
            missing = f", {level.missing} unscored" if level.missing else ""
            show(f"  {level.arm:12} {level.metric:14} {level.estimate}{missing}")
    for found in evaluation.comparisons:
        if not found.slice:
            show(f"  {found.arm} - {found.against:12} {found.metric:14} {found.estimate}")
