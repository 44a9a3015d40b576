"""``tunewell model``: the base weights of the project, and the versions trained from them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import JsonOption, ProjectOption, emit, note, open_project, show
from tunewell.errors import UserError
from tunewell.plurals import plural
from tunewell.review.human_changes import Recurrence
from tunewell.store import Store
from tunewell.types import ModelVersion, Run, Trained


def command(
    version: Annotated[
        str,
        typer.Argument(help="A version, or the beginning of its name."),
    ] = "",
    export: Annotated[
        Path | None,
        typer.Option(help="Copy the version's PEFT adapter into this new folder."),
    ] = None,
    path: ProjectOption = Path(),
    json: JsonOption = False,
) -> None:
    """Show the base weights in use and the versions trained from them.

    Exports one for use elsewhere.
    """
    from tunewell.model.weights import resolve

    with open_project(path) as project:
        file, store = project.file, project.store
        runs = store.runs(stage="train", status="finished")
        versions = [store.get_value(r.outputs["trained"], Trained).model for r in runs]
        again = {
            version.id: _recurrence(store, run) for version, run in zip(versions, runs, strict=True)
        }
        if version or export:
            chosen = choose(versions, version)
            versions = [chosen]
            adapter = store.files.open(chosen.adapter)
            if export:
                copy_adapter(adapter, export)
                note(f"{chosen.id} copied to {export} (PEFT format; base {chosen.base})")
        weights = resolve(file.spec.train.model)
    if json:
        base = {"name": weights.name, "digest": weights.digest, "source": weights.source}
        emit("model", {"base": base, "versions": versions, "recurrence": again})
        return
    show(f"base {weights.name}  {weights.digest[:12]}  {weights.source}")
    for one in versions:
        recipe = one.recipe
        show(
            f"{one.id}  rank {recipe.rank}, {recipe.layers:.0%} of the layers, "
            f"{plural(recipe.epochs, 'epoch')}, {plural(one.trained_on, 'row')}"
        )
        came_back = again[one.id]
        if came_back is not None and came_back.rate is not None:
            show(f"{'':{len(one.id)}}  corrected errors that come back: {came_back.rate}")
    if not versions:
        note("no version has been trained yet\n\nhint: tunewell run")


def _recurrence(store: Store, train: Run) -> Recurrence | None:
    """Whether the version of a training makes corrected errors again; None if nobody looked."""
    for run in reversed(store.runs(stage="recurrence", status="finished")):
        if run.inputs.get("trained") == train.outputs["trained"]:
            return store.get_value(run.outputs["recurrence"], Recurrence)
    return None


def choose(versions: Sequence[ModelVersion], name: str) -> ModelVersion:
    """The newest version whose name begins so.

    Raises:
        UserError: There is none.
    """
    found = [v for v in versions if v.id.startswith(name)]
    if not found:
        known = ", ".join(v.id for v in versions) or "none yet"
        raise UserError(
            f"no such model version: {name!r}; available: {known}", hint="tunewell model"
        )
    return found[-1]


def copy_adapter(adapter: Path, target: Path) -> None:
    """Copy a PEFT folder, whole or not at all.

    Raises:
        UserError: The target exists.
    """
    if target.exists():
        raise UserError(f"{target} already exists", hint="name a new folder")
    partial = target.with_name(target.name + ".partial")
    shutil.copytree(adapter, partial, dirs_exist_ok=True)
    partial.rename(target)
