"""``tunewell report``: the self-contained HTML report."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import JsonOption, ProjectArgument, emit, open_project, progress, show
from tunewell.cli.status import newest_verdict


def command(
    path: ProjectArgument = Path(),
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    json: JsonOption = False,
) -> None:
    """Write the report of what the project knows and print its path."""
    from tunewell.report import render

    with open_project(path) as project:
        store = project.store
        with progress("report: drawing it", quiet=json):
            place = render(project)
        verdict = newest_verdict(store)
    if json:
        emit("report", {"path": str(place)}, verdict=verdict.outcome if verdict else None)
    else:
        show(str(place))
    if open_it:
        webbrowser.open(place.resolve().as_uri())
