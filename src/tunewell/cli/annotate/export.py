"""``tunewell annotate export``: a batch for Label Studio, Argilla or a spreadsheet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewell.annotate import export_text
from tunewell.cli.annotate.formats import Format
from tunewell.cli.batches import BatchOption, batch_named
from tunewell.cli.common import JsonOption, ProjectOption, emit, open_project, show
from tunewell.cli.terminal import write_data
from tunewell.people import WorkStore
from tunewell.plurals import plural


def command(
    path: ProjectOption = Path(),
    which: BatchOption = "",
    form: Annotated[Format, typer.Option("--format", help="For which tool.")] = "label-studio",
    output: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write to this file instead of stdout."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Write a batch with its annotations for another tool."""
    with open_project(path) as project:
        store = project.store
        batch = batch_named(store, "annotate", which)
        book = WorkStore(store)
        items, said = book.items(batch.id), book.verdicts(batch.id)
    text = export_text(form, items, said, batch)
    if output:
        output.write_text(text, encoding="utf-8")

    if json:
        counts = {"format": form, "rows": len(items), "annotations": len(said)}
        where = {"path": str(output)} if output else {"text": text}
        emit("annotate", counts | where)
    elif output:
        show(f"{plural(len(items), 'row')}, {plural(len(said), 'annotation')} in {output}")
    else:
        write_data(text)
