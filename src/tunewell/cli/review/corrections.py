"""``tunewell review corrections``: what reviewers wrote instead."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.batches import BatchOption, batch_named
from tunewell.cli.common import JsonOption, ProjectOption, emit, open_project, show
from tunewell.cli.written import in_file, write_jsonl
from tunewell.people import WorkStore
from tunewell.plurals import plural
from tunewell.review import corrections, newest_evaluation


def command(
    path: ProjectOption = Path(),
    which: BatchOption = "",
    output: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write the corrections to this file (JSONL)."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Export what reviewers wrote instead of the outputs of a review."""
    with open_project(path) as project:
        store = project.store
        _, examples = newest_evaluation(store)
        rows = {example.id: example for example in examples}
        found = corrections(WorkStore(store), batch_named(store, "review", which), rows)
    if output:
        write_jsonl(output, [correction.model_dump(mode="json") for correction in found])
    if json:
        emit("review", found)
        return
    show(f"{plural(len(found), 'correction')}{in_file(output)}")
    if any(correction.part == "test" for correction in found):
        show("corrections of test rows change only the gold and are never trained on")
