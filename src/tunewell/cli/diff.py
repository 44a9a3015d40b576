"""``tunewell diff``: what changed between two dataset versions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import JsonOption, ProjectOption, emit, out, project
from tunewell.curate.versions import diff, find_dataset


def command(
    before: Annotated[
        str, typer.Argument(help="Beginning of a dataset's id, or 'previous'.")
    ] = "previous",
    after: Annotated[str, typer.Argument(help="Beginning of a dataset's id, or 'last'.")] = "last",
    path: ProjectOption = Path(),
    json: JsonOption = False,
) -> None:
    """Say which rows were added, removed and changed from one dataset version to another."""
    with project(path) as (_, store):
        found = diff(store, find_dataset(store, before), find_dataset(store, after))
    if json:
        emit("diff", found)
        return
    out.print(
        f"{found.before[:12]} to {found.after[:12]}: {len(found.added)} added, {len(found.removed)} removed, "
        f"{len(found.changed)} changed, {found.same} the same",
        markup=False,
    )
    for row in found.added[:20]:
        out.print(f"+ {row}", markup=False)
    for row, reason in list(found.removed.items())[:20]:
        out.print(f"- {row} ({reason})", markup=False)
    for row, fields in list(found.changed.items())[:20]:
        out.print(f"~ {row} ({', '.join(fields)})", markup=False)
