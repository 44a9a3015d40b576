"""``tunewell erase``: remove a person from every future dataset version."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import AuthorOption, JsonOption, ProjectOption, emit, project, show
from tunewell.curate.erasure import erase


def command(
    person: Annotated[
        str,
        typer.Option("--person", help="Full name, e-mail address or number, as written in rows."),
    ],
    path: ProjectOption = Path(),
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """Drop every row that mentions a person from now on.

    Marks the datasets that mention them, and names the models trained on those.
    """
    with project(path, lock="tunewell erase") as (_, store):
        found = erase(store, person, author=author)
    if json:
        emit("erase", found)
        return
    for dataset, rows in found.rows.items():
        first = ", ".join(rows[:5])
        show(f"dataset {dataset[:12]}: {len(rows)} rows mention this person: {first}")
    for model in found.models:
        show(f"model {model} was trained on such a dataset: retire or retrain it")
    if not found.rows:
        show("no dataset mentions this person")
    show("next: tunewell run (the next dataset omits those rows)")
