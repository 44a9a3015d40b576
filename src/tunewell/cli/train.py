"""``tunewell train``: the folds and the final adapter, or a study of recipe, size or groups.

The stages before it are run where they are not finished.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from tunewell.cli.common import (
    JsonOption,
    ProjectArgument,
    SetOption,
    WaitOption,
    emit,
    open_project,
    out,
    show,
)
from tunewell.cli.stage import open_stages, show_stage
from tunewell.errors import UserError
from tunewell.plurals import per_cent
from tunewell.run import Stages
from tunewell.store import Store
from tunewell.types import Dataset, Example, Split

if TYPE_CHECKING:
    from tunewell.train.studies.forecast import MeasuredCurve
    from tunewell.train.studies.race import Search
    from tunewell.train.studies.unseen_groups import Groups


def command(
    path: ProjectArgument = Path(),
    explain: Annotated[
        str,
        typer.Option(
            metavar="ROW",
            help="Show one row as it is trained on: every token, and where the loss is.",
        ),
    ] = "",
    search: Annotated[
        bool,
        typer.Option("--search", help="Compare recipes over the folds and name the simplest."),
    ] = False,
    curve: Annotated[
        bool,
        typer.Option("--curve", help="Measure how much more rows would help."),
    ] = False,
    leave_out: Annotated[
        str,
        typer.Option(
            metavar="FIELD",
            help="Leave out each group of this field: does training carry over to a new one?",
        ),
    ] = "",
    overrides: SetOption = None,
    wait: WaitOption = False,
    json: JsonOption = False,
) -> None:
    """Train the folds and the final adapter."""
    if explain:
        _explain(path, explain, overrides=overrides, json=json)
        return

    with open_stages(
        "train",
        path,
        overrides=overrides,
        wait=wait,
        json=json,
    ) as stages:
        dataset = stages.curate()
        split = stages.split(dataset)
        if search:
            _search(stages, dataset, split, json=json)
        if curve:
            _curve(stages, dataset, split, json=json)
        if leave_out:
            _groups(stages, dataset, split, field=leave_out, json=json)
        if not (search or curve or leave_out):
            _train(stages, dataset, split, json=json)


def _train(
    stages: Stages,
    dataset: Dataset,
    split: Split,
    *,
    json: bool,
) -> None:
    trained = stages.train(dataset, split)
    show_stage(stages, "train", json=json)
    if not json:
        for line in trained.notes:
            show(f"  note      {line}")


def _explain(
    path: Path,
    row: str,
    *,
    overrides: list[str] | None,
    json: bool,
) -> None:
    from tunewell.model.chat import load_tokenizer
    from tunewell.model.speech.weights import is_speech_model
    from tunewell.model.weights import resolve
    from tunewell.train import explain

    with open_project(path, overrides=overrides) as project:
        file, store = project.file, project.store
        example = _kept_row(store, row)
        recipe = file.spec.train
        if is_speech_model(recipe.model):
            raise UserError(
                f"{row!r} is heard: --explain shows rows of text",
                hint=f"tunewell why {row} says where its recording is",
            )
        tokenizer = load_tokenizer(resolve(recipe.model).folder)
        found = explain(
            example,
            tokenizer,
            max_tokens=recipe.max_tokens,
            turns=recipe.turns,
        )
    if json:
        emit("train", found)
    else:
        show(str(found))


def _kept_row(store: Store, name: str) -> Example:
    curated = store.last_run("curate")
    if curated is None:
        raise UserError("nothing has been curated in this project yet", hint="tunewell curate")
    dataset = store.get_value(curated.outputs["dataset"], Dataset)
    found = store.examples(dataset, ids=[name])
    if not found:
        raise UserError(f"no row {name!r} was kept", hint=f"tunewell why {name}")
    return found[0]


def _search(
    stages: Stages,
    dataset: Dataset,
    split: Split,
    *,
    json: bool,
) -> None:
    from tunewell.train import search

    with stages.progress("search") as bar:
        found: Search = search(
            dataset,
            split,
            stages.project,
            progress=bar,
            live=stages.live,
        )
    if json:
        emit("train", found)
        return

    table = Table("", "recipe", "held-out loss", "against the best", "epochs", "left", box=None)
    marks = {found.best: "best", found.chosen: "chosen"}
    for i, candidate in enumerate(found.candidates):
        table.add_row(
            marks.get(i, ""),
            candidate.changes,
            str(candidate.held_out),
            str(candidate.against_best),
            f"{candidate.epochs:g}",
            candidate.left,
        )
    out.print(table)
    show(f"{found.why} {per_cent(found.saved)} of the folds' steps were not needed.")


def _curve(
    stages: Stages,
    dataset: Dataset,
    split: Split,
    *,
    json: bool,
) -> None:
    from tunewell.train import learning_curve

    with stages.progress("curve") as bar:
        found: MeasuredCurve = learning_curve(
            dataset,
            split,
            stages.project,
            progress=bar,
            live=stages.live,
        )
    if json:
        emit("train", found)
        return

    table = Table("rows", "held-out loss", "", box=None)
    for point in (*found.measured, *found.forecast):
        kind = "forecast" if point.share > 1 else ""
        table.add_row(str(point.rows), str(point.loss), kind)
    out.print(table)
    if found.slices:
        by_slice = Table("twice the rows, by slice", "rows", "lower held-out loss by", box=None)
        for gain in found.slices:
            by_slice.add_row(gain.slice, str(gain.rows), str(gain.gain))
        out.print(by_slice)
    _show_findings(stages.project.store, "curve")


def _groups(
    stages: Stages,
    dataset: Dataset,
    split: Split,
    *,
    field: str,
    json: bool,
) -> None:
    from tunewell.train import leave_groups_out

    with stages.progress("groups") as bar:
        found: Groups = leave_groups_out(
            dataset,
            split,
            stages.project,
            field=field,
            progress=bar,
            live=stages.live,
        )
    if json:
        emit("train", found)
        return

    table = Table(field, "rows", "unseen", "seen", "penalty", "gain over base", box=None)
    for group in found.groups:
        table.add_row(
            group.group,
            str(group.rows),
            str(group.unseen),
            str(group.seen),
            str(group.penalty),
            str(group.gain),
        )
    out.print(table)
    _show_findings(stages.project.store, "groups")


def _show_findings(store: Store, stage: str) -> None:
    record = store.last_run(stage)
    for finding in record.findings if record else ():
        show(f"{finding.status} {finding.code}: {finding.why}")
