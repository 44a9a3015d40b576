"""``tunewell fit-check``: whether a public set is the right exam for this project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import JsonOption, ProjectOption, emit, out, project
from tunewell.curate.fit_check import fit_check
from tunewell.errors import EXIT_NO_GO


def command(
    public: Annotated[Path, typer.Argument(help="File of the set that is to be judged.")],
    path: ProjectOption = Path(),
    json: JsonOption = False,
) -> None:
    """Say, slice by slice, whether a public set covers what this project is about.

    Exit 3 where it does not.
    """
    with project(path) as (file, _):
        found = fit_check(public, file)
    if json:
        emit("fit-check", found)
    else:
        for finding in found:
            where = finding.slice or "all rows"
            out.print(f"{where}: {finding.status}: {finding.why}", markup=False)
            if finding.remedy:
                out.print(f"    remedy: {finding.remedy}", markup=False)
    if found[0].status == "found":
        raise typer.Exit(EXIT_NO_GO)
