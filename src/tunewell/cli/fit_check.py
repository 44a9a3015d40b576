"""``tunewell fit-check``: whether a public dataset is the right exam for this project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import JsonOption, ProjectOption, emit, open_project, progress, show
from tunewell.curate.fit_check import fit_check
from tunewell.errors import EXIT_NO_GO


def command(
    public: Annotated[Path, typer.Argument(help="File of the dataset to assess.")],
    path: ProjectOption = Path(),
    json: JsonOption = False,
) -> None:
    """Show whether a public dataset covers this project, by slice.

    Exit code 3 if it does not.
    """
    with open_project(path) as project:
        file = project.file
        with progress("fit-check: comparing the datasets", quiet=json):
            found = fit_check(public, file)
    if json:
        emit("fit-check", found)
    else:
        for finding in found:
            where = finding.slice or "all rows"
            show(f"{where}: {finding.status}: {finding.why}")
            if finding.remedy:
                show(f"    remedy: {finding.remedy}")
    if found[0].status == "found":
        raise typer.Exit(EXIT_NO_GO)
