"""``tunewell annotate gold``: the settled answers as rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewell.annotate import gold_rows
from tunewell.cli.batches import BatchOption, batch_named
from tunewell.cli.common import JsonOption, ProjectOption, emit, open_project, show
from tunewell.cli.written import in_file, write_jsonl
from tunewell.plurals import plural


def command(
    path: ProjectOption = Path(),
    which: BatchOption = "",
    output: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write the rows to this file (JSONL)."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Export the rows of a batch with their gold answers, labels and key points."""
    with open_project(path) as project:
        store = project.store
        rows = gold_rows(project, batch_named(store, "annotate", which))
    if output:
        write_jsonl(output, rows)
    if json:
        emit("annotate", rows)
        return
    show(f"{plural(len(rows), 'row')} with gold answers{in_file(output)}")
    show("gold of the test set is never trained on")
