"""``tunewell report``: the self-contained HTML report."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import JsonOption, ProjectArgument, emit, out, project
from tunewell.types import Verdict


def command(
    path: ProjectArgument = Path(),
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    json: JsonOption = False,
) -> None:
    """Write the report of what the project knows so far and print where it lies."""
    from tunewell.report import render

    with project(path) as (file, store):
        place = render(file, store)
        last = store.last_run("verdict")
        verdict = store.get_value(last.outputs["verdict"], Verdict) if last else None
    if json:
        emit("report", {"path": str(place)}, verdict=verdict.outcome if verdict else None)
    else:
        out.print(str(place), markup=False)
    if show:
        webbrowser.open(place.resolve().as_uri())
