"""``tunewell annotate export``: the newest batch for Label Studio, Argilla or a spreadsheet."""

from __future__ import annotations

import json as json_library
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from tunewell.annotate import to_argilla, to_csv, to_label_studio
from tunewell.cli.annotate.formats import Format
from tunewell.cli.batches import newest_batch
from tunewell.cli.common import JsonOption, ProjectOption, emit, open_project, show
from tunewell.cli.terminal import write_data
from tunewell.people import Batch, Item, RaterVerdict, WorkStore
from tunewell.plurals import plural


def command(
    path: ProjectOption = Path(),
    form: Annotated[Format, typer.Option("--format", help="For which tool.")] = "label-studio",
    output: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write to this file instead of stdout."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Write the newest batch with its annotations for another tool."""
    with open_project(path) as project:
        store = project.store
        batch = newest_batch(store, "annotate")
        book = WorkStore(store)
        items, said = book.items(batch.id), book.verdicts(batch.id)
    text = _text(form, items, said, batch)
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


def _text(
    form: Format,
    items: Sequence[Item],
    said: Sequence[RaterVerdict],
    batch: Batch,
) -> str:
    if form == "csv":
        return to_csv(items, said, batch)
    if form == "argilla":
        found = to_argilla(items, said)
    else:
        found = to_label_studio(items, said, batch)
    return json_library.dumps(found, ensure_ascii=False, indent=1) + "\n"
