"""``tunewell annotate adjudicators``: who decides where annotators disagree."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.batches import BatchOption, accounts_named, batch_named
from tunewell.cli.common import AuthorOption, JsonOption, ProjectOption, emit, open_project, show
from tunewell.people import WorkStore
from tunewell.people.adjudicators import name_adjudicators


def command(
    people: Annotated[
        list[str],
        typer.Option("--to", metavar="ACCOUNT", help="Who decides. Repeatable."),
    ],
    path: ProjectOption = Path(),
    which: BatchOption = "",
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """Name who decides where annotators of a batch disagree, in the place of who did before."""
    with open_project(path) as project:
        store = project.store
        batch = batch_named(store, "annotate", which)
        chosen = accounts_named(store, people)
        changed = name_adjudicators(WorkStore(store), batch, chosen, author=author)
    if json:
        emit("annotate", {"batch": changed.id, "adjudicators": people})
    else:
        show(f"{changed.title}: {' and '.join(people)} decide where annotators disagree")
