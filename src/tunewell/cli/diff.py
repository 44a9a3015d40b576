"""``tunewell diff``: what changed between two dataset versions."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import JsonOption, ProjectOption, emit, open_project, show
from tunewell.curate.versions import diff, find_dataset

MOST_SHOWN = 20


def command(
    before: Annotated[
        str,
        typer.Argument(help="Beginning of a dataset's id, or 'previous'."),
    ] = "previous",
    after: Annotated[
        str,
        typer.Argument(help="Beginning of a dataset's id, or 'last'."),
    ] = "last",
    path: ProjectOption = Path(),
    json: JsonOption = False,
) -> None:
    """Show which rows two dataset versions do not share.

    Rows are added, removed or changed; removed ones with the reason.
    """
    with open_project(path) as project:
        store = project.store
        found = diff(store, find_dataset(store, before), find_dataset(store, after))
    if json:
        emit("diff", found)
        return
    show(
        f"{found.before[:12]} to {found.after[:12]}: {len(found.added)} added, "
        f"{len(found.removed)} removed, {len(found.changed)} changed, {found.same} the same"
    )
    for row in found.added[:MOST_SHOWN]:
        show(f"+ {row}")
    for row, reason in islice(found.removed.items(), MOST_SHOWN):
        show(f"- {row} ({reason})")
    for row, fields in islice(found.changed.items(), MOST_SHOWN):
        show(f"~ {row} ({', '.join(fields)})")
