"""``tunewell erase``: take a person out of every dataset version to come."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import AuthorOption, JsonOption, ProjectOption, emit, out, project
from tunewell.curate.erasure import erase
from tunewell.store.store import default_author


def command(
    person: Annotated[
        str,
        typer.Option("--person", help="Full name, e-mail address, number: as it stands in rows."),
    ],
    path: ProjectOption = Path(),
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """Drop every row that mentions a person from now on, mark the datasets that do, name the models trained on them."""
    with project(path, lock="tunewell erase") as (_, store):
        found = erase(store, person, author=author or default_author())
    if json:
        emit("erase", found)
        return
    for dataset, rows in found.rows.items():
        out.print(
            f"dataset {dataset[:12]}: {len(rows)} rows mention this person: {', '.join(rows[:5])}",
            markup=False,
        )
    for model in found.models:
        out.print(
            f"model {model} was trained on such a dataset: retire it or train again", markup=False
        )
    if not found.rows:
        out.print("no dataset mentions this person", markup=False)
    out.print("next: tunewell run (the next dataset leaves those rows out)", markup=False)
