"""``tunewell train``: this stage alone, with those before it where needed, and what else to ask of it."""

from __future__ import annotations

from collections.abc import Sequence
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
    note,
    out,
    progress,
    project,
)
from tunewell.cli.live import Watch
from tunewell.cli.stage import run_until
from tunewell.errors import UserError
from tunewell.run import run
from tunewell.store import Store
from tunewell.task import TaskFile
from tunewell.types import Dataset, Finding, Split

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
        bool, typer.Option("--search", help="Compare recipes over the folds and name the simplest.")
    ] = False,
    curve: Annotated[
        bool, typer.Option("--curve", help="Measure what more rows would buy.")
    ] = False,
    leave_out: Annotated[
        str,
        typer.Option(
            metavar="FIELD", help="Leave out each group of this field: does it hold for a new one?"
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
    if not (search or curve or leave_out):
        trained = run_until("train", path, overrides=overrides, wait=wait, json=json).trained
        for line in trained.notes if trained and not json else ():
            out.print(f"  note      {line}", markup=False)
        return
    with project(path, overrides=overrides, lock="tunewell train", wait=wait) as (file, store):
        before = run(
            file, store, until="split", progress=lambda label: progress(label, quiet=json), say=note
        )
        if before.dataset is None or before.split is None:
            raise UserError("there are no rows in folds", hint="tunewell split")
        if search:
            _search(before.dataset, before.split, file, store, json=json)
        if curve:
            _curve(before.dataset, before.split, file, store, json=json)
        if leave_out:
            _groups(before.dataset, before.split, file, store, field=leave_out, json=json)


def _explain(path: Path, row: str, *, overrides: Sequence[str] | None, json: bool) -> None:
    from tunewell.model.chat import load_tokenizer
    from tunewell.model.weights import resolve
    from tunewell.train import explain

    with project(path, overrides=list(overrides or ())) as (file, store):
        curated = store.last_run("curate")
        if curated is None:
            raise UserError("nothing has been curated in this project yet", hint="tunewell curate")
        found = store.examples(store.get_value(curated.outputs["dataset"], Dataset), ids=[row])
        if not found:
            raise UserError(f"no row {row!r} was kept", hint=f"tunewell why {row}")
        tokenizer = load_tokenizer(resolve(file.spec.train.model).folder)
        shown = explain(found[0], tokenizer, max_tokens=file.spec.train.max_tokens)
    if json:
        emit("train", shown)
    else:
        out.print(str(shown), markup=False)


def _search(dataset: Dataset, split: Split, file: TaskFile, store: Store, *, json: bool) -> None:
    from tunewell.train import search

    watch = Watch(quiet=json)
    with watch.bar("search") as bar:
        found: Search = search(dataset, split, file, store, progress=bar, live=watch.point)
    if json:
        emit("train", found)
        return
    table = Table("", "recipe", "held-out loss", "against the best", "epochs", "left", box=None)
    for i, c in enumerate(found.candidates):
        mark = "chosen" if i == found.chosen else "best" if i == found.best else ""
        table.add_row(
            mark, c.changes, str(c.held_out), str(c.against_best), f"{c.epochs:g}", c.left
        )
    out.print(table)
    out.print(f"{found.why} {found.saved:.0%} of the folds' steps were not needed.", markup=False)


def _curve(dataset: Dataset, split: Split, file: TaskFile, store: Store, *, json: bool) -> None:
    from tunewell.train import learning_curve

    watch = Watch(quiet=json)
    with watch.bar("curve") as bar:
        found: MeasuredCurve = learning_curve(
            dataset, split, file, store, progress=bar, live=watch.point
        )
    if json:
        emit("train", found)
        return
    table = Table("rows", "held-out loss", "", box=None)
    for point in (*found.measured, *found.forecast):
        table.add_row(str(point.rows), str(point.loss), "forecast" if point.share > 1 else "")
    out.print(table)
    if found.slices:
        by = Table("twice the rows, by slice", "rows", "off the held-out loss", box=None)
        for s in found.slices:
            by.add_row(s.slice, str(s.rows), str(s.gain))
        out.print(by)
    _say(store, "curve")


def _groups(
    dataset: Dataset, split: Split, file: TaskFile, store: Store, *, field: str, json: bool
) -> None:
    from tunewell.train import leave_groups_out

    watch = Watch(quiet=json)
    with watch.bar("groups") as bar:
        found: Groups = leave_groups_out(
            dataset, split, file, store, field=field, progress=bar, live=watch.point
        )
    if json:
        emit("train", found)
        return
    table = Table(field, "rows", "unseen", "seen", "penalty", "gain over base", box=None)
    for g in found.groups:
        table.add_row(g.group, str(g.rows), str(g.unseen), str(g.seen), str(g.penalty), str(g.gain))
    out.print(table)
    _say(store, "groups")


def _say(store: Store, stage: str) -> None:
    record = store.last_run(stage)
    findings: tuple[Finding, ...] = record.findings if record else ()
    for finding in findings:
        out.print(f"{finding.status} {finding.code}: {finding.why}", markup=False)
