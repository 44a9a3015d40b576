"""``tunewell diff``: what changed between two dataset versions."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import JsonOption, ProjectOption, emit, open_project, show
from tunewell.curate.versions import Difference, diff, find_dataset
from tunewell.plurals import plural
from tunewell.project import Project
from tunewell.review.human_changes import HumanChange, counted_kinds, human_changes

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

    Rows are added, removed or changed; removed ones with the reason. Also shows what people changed
    in answers, by kind of error.
    """
    with open_project(path) as project:
        store = project.store
        found = diff(store, find_dataset(store, before), find_dataset(store, after))
        people = _of_people(project, found)
    if json:
        emit("diff", {**dict(found), "people": people, "kinds": counted_kinds(people)})
        return
    show(
        f"{found.before[:12]} to {found.after[:12]}: {len(found.added)} added, "
        f"{len(found.removed)} removed, {len(found.changed)} changed, {found.same} the same"
    )
    if people:
        kinds = ", ".join(f"{count} {kind}" for kind, count in counted_kinds(people).items())
        show(f"people changed {plural(len(people), 'answer', 'answers')}: {kinds}")
    for row in found.added[:MOST_SHOWN]:
        show(f"+ {row}")
    for row, reason in islice(found.removed.items(), MOST_SHOWN):
        show(f"- {row} ({reason})")
    for row, fields in islice(found.changed.items(), MOST_SHOWN):
        show(f"~ {row} ({', '.join(fields)})")


def _of_people(project: Project, found: Difference) -> list[HumanChange]:
    """What people changed in the answers of rows that are new or other in the newer version."""
    touched = {*found.added, *found.changed}
    touched |= {row.removesuffix("#corrected") for row in found.added}
    changes = human_changes(project.store, language=project.spec.task.language)
    return [change for change in changes if change.row in touched]
