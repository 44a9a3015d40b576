"""``tunewell model``: which weights the project stands on, and the versions trained from them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import JsonOption, ProjectOption, emit, note, out, project
from tunewell.errors import UserError
from tunewell.types import ModelVersion, Trained


def command(
    version: Annotated[str, typer.Argument(help="A version (or the beginning of its name).")] = "",
    export: Annotated[
        Path | None, typer.Option(help="Copy the version's PEFT adapter into this new folder.")
    ] = None,
    path: ProjectOption = Path(),
    json: JsonOption = False,
) -> None:
    """Say which base weights are used and which versions were trained.

    Export one for use elsewhere.
    """
    from tunewell.model.weights import resolve

    with project(path) as (file, store):
        runs = store.runs(stage="train", status="finished")
        versions = [store.get_value(r.outputs["trained"], Trained).model for r in runs]
        if version or export:
            chosen = choose(versions, version)
            adapter = store.files.open(chosen.adapter)
            if export:
                copy_adapter(adapter, export)
                note(f"{chosen.id} copied to {export} (PEFT format; base {chosen.base})")
            versions = [chosen]
        weights = resolve(file.spec.train.model)
    if json:
        emit(
            "model",
            {
                "base": {"name": weights.name, "digest": weights.digest, "source": weights.source},
                "versions": versions,
            },
        )
        return
    out.print(f"base {weights.name}  {weights.digest[:12]}  {weights.source}", markup=False)
    for v in versions:
        layers = f"{v.recipe.layers:.0%} of the layers"
        out.print(
            f"{v.id}  rank {v.recipe.rank}, {layers}, {v.recipe.epochs} epochs, {v.trained_on} rows",
            markup=False,
        )
    if not versions:
        note("no version has been trained yet\n\nhint: tunewell run")


def choose(versions: list[ModelVersion], name: str) -> ModelVersion:
    """The newest version whose name begins so.

    Raises:
        UserError: There is none.
    """
    found = [v for v in versions if v.id.startswith(name)]
    if not found:
        known = ", ".join(v.id for v in versions) or "none yet"
        raise UserError(
            f"there is no model version {name!r}; there are: {known}", hint="tunewell model"
        )
    return found[-1]


def copy_adapter(adapter: Path, target: Path) -> None:
    """Copy a PEFT folder, whole or not at all."""
    if target.exists():
        raise UserError(f"{target} is already there", hint="name a new folder")
    partial = target.with_name(target.name + ".partial")
    shutil.copytree(adapter, partial, dirs_exist_ok=True)
    partial.rename(target)
