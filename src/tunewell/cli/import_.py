"""``tunewell import SOURCE FOLDER``: a project from what another tool has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import JsonOption, emit, note, show
from tunewell.importers import ImportedProject, import_project
from tunewell.importers.project_writer import FATES, TABLE


def command(
    source: Annotated[
        Path,
        typer.Argument(
            help="Configuration, evaluation or export of another tool (Axolotl, LLaMA-Factory, "
            "TRL, OpenAI, promptfoo, TensorZero, Kiln, Argilla, Label Studio)."
        ),
    ],
    folder: Annotated[Path, typer.Argument(help="Folder of the new project.")],
    only: Annotated[
        str,
        typer.Option(
            "--only",
            metavar="NAME",
            help="Which evaluation, prompt, function or task, where there are several.",
        ),
    ] = "",
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="PLACE", help="Where rows are that the source only names."),
    ] = None,
    judge: Annotated[
        str,
        typer.Option("--judge", metavar="MODEL", help="Model that judges what a model graded."),
    ] = "",
    judge_url: Annotated[
        str,
        typer.Option(
            "--judge-url",
            metavar="URL",
            help="OpenAI-compatible server that the judge is behind.",
        ),
    ] = "",
    json: JsonOption = False,
) -> None:
    """Make a project of what another tool has; account for every key.

    Nothing of the source is executed and nothing is fetched.
    """
    result = import_project(
        source,
        folder,
        only=only,
        data=data,
        judge=judge,
        judge_url=judge_url,
    )
    if json:
        emit("import", {**result.model_dump(mode="json"), "counts": result.counts()})
        return
    _show(result)


def _show(result: ImportedProject) -> None:
    show(f"{result.kind}: {result.headline()}")
    for fate in FATES:
        lines = [line for line in result.lines if line.fate == fate]
        if not lines:
            continue
        show(f"\n{fate}:")
        for line in lines[:_MOST_SHOWN]:
            arrow = f" → {line.to}" if line.to else ""
            why = f" ({line.why})" if line.why else ""
            show(f"    {line.key}: {line.value}{arrow}{why}")
        if len(lines) > _MOST_SHOWN:
            show(f"    {len(lines) - _MOST_SHOWN} further keys: {result.project}/{TABLE}")
    for said in result.notes:
        show(f"\nnote: {said}")
    if result.todo:
        show("\nleft to do:")
    for step in result.todo:
        show(f"    {step}")
    note(f"\nwritten: {result.project}; every key is in {TABLE}")
    note(f"hint: tunewell config {result.project}")


_MOST_SHOWN = 40
"""Keys that are shown of each kind."""
