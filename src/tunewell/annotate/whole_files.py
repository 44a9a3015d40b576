"""Annotations as whole files: taken in from other tools, written for them, and gold as rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Final, Literal

from tunewell.annotate.argilla import to_argilla
from tunewell.annotate.gold_answers import gold_examples
from tunewell.annotate.importing import Imported, import_annotations, read_annotations
from tunewell.annotate.label_studio import to_label_studio
from tunewell.annotate.project_rows import rows_of
from tunewell.annotate.results import annotation_result
from tunewell.annotate.spreadsheet import to_csv
from tunewell.people import Batch, Item, RaterVerdict, WorkStore, shown
from tunewell.people.guide import conversation
from tunewell.people.work import AnnotatedPart
from tunewell.project import Project

ExportFormat = Literal["label-studio", "argilla", "csv"]
"""Out and in."""
ImportFormat = Literal["label-studio", "argilla", "prodigy", "doccano", "csv"]
"""In."""

ALL_PARTS: Final[tuple[AnnotatedPart, ...]] = ("test", "review", "train")


def import_text(
    project: Project,
    form: ImportFormat,
    text: str,
    *,
    place: str,
    author: str,
    title: str = "",
) -> Imported:
    """Take in a file of annotations made elsewhere as a batch; see `import_annotations`.

    Args:
        project: The project.
        form: Which tool wrote it.
        text: The whole file.
        place: Its name, for errors; doccano's names the annotator.
        author: Who imports.
        title: Of the batch.

    Raises:
        DataError: It cannot be read.
        UserError: None of its rows is the project's, or nothing has been curated.
    """
    rows = {e.id: (e, part) for part in ALL_PARTS for e in rows_of(project.store, part)[0]}
    sources = {name: shown(conversation(example)) for name, (example, _) in rows.items()}
    annotations = read_annotations(form, text, sources, place=place)
    return import_annotations(
        project,
        annotations,
        rows,
        author=author,
        title=title,
    )


def export_text(
    form: ExportFormat,
    items: Sequence[Item],
    said: Sequence[RaterVerdict],
    batch: Batch,
) -> str:
    """A batch with its annotations as a file for another tool."""
    if form == "csv":
        return to_csv(items, said, batch)
    if form == "argilla":
        found = to_argilla(items, said)
    else:
        found = to_label_studio(items, said, batch)
    return json.dumps(found, ensure_ascii=False, indent=1) + "\n"


def gold_rows(project: Project, batch: Batch) -> list[dict[str, object]]:
    """The settled rows of a batch: ``part``, ``guideline`` and ``example`` of each.

    Raises:
        UserError: Nothing has been curated or split.
    """
    store = project.store
    rows = {e.id: e for part in ALL_PARTS for e in rows_of(store, part)[0]}
    found = gold_examples(annotation_result(WorkStore(store), batch), rows)
    return [
        {"part": part, "guideline": batch.version, "example": example.model_dump(mode="json")}
        for example, part in found
    ]


def json_lines(rows: Iterable[object]) -> str:
    """One JSON value a line."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
