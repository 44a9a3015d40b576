"""``tunewell annotate gold``: the settled answers as rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from tunewell.annotate import AnnotatedPart, annotation_result, gold_examples, rows_of
from tunewell.cli.batches import newest_batch
from tunewell.cli.common import JsonOption, ProjectOption, emit, open_project, show
from tunewell.cli.written import in_file, write_jsonl
from tunewell.people import WorkStore
from tunewell.plurals import plural
from tunewell.store import Store

PARTS: Final[tuple[AnnotatedPart, ...]] = ("test", "review", "train")


def command(
    path: ProjectOption = Path(),
    output: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write the rows to this file (JSONL)."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Export the rows of the newest batch with their gold answers, labels and key points."""
    with open_project(path) as project:
        store = project.store
        rows = _gold(store)
    if output:
        write_jsonl(output, rows)
    if json:
        emit("annotate", rows)
        return
    show(f"{plural(len(rows), 'row')} with gold answers{in_file(output)}")
    show("gold of the test set is never trained on")


def _gold(store: Store) -> list[dict[str, object]]:
    batch = newest_batch(store, "annotate")
    rows = {e.id: e for part in PARTS for e in rows_of(store, part)[0]}
    found = gold_examples(annotation_result(WorkStore(store), batch), rows)
    return [
        {"part": part, "guideline": batch.version, "example": example.model_dump(mode="json")}
        for example, part in found
    ]
