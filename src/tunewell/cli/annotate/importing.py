"""``tunewell annotate import``: annotations made elsewhere, as a batch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewell.annotate import Imported, import_text
from tunewell.cli.annotate.formats import ImportFormat
from tunewell.cli.common import AuthorOption, JsonOption, ProjectOption, emit, open_project, show
from tunewell.errors import DataError
from tunewell.plurals import plural

MOST_REFUSED_SHOWN = 20


def command(
    read: Annotated[
        Path,
        typer.Option("--in", metavar="FILE", help="The file to import."),
    ],
    path: ProjectOption = Path(),
    form: Annotated[
        ImportFormat,
        typer.Option("--format", help="Which tool wrote the file."),
    ] = "label-studio",
    title: Annotated[str, typer.Option(help="Title that people see.")] = "",
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """Take in annotations made elsewhere as a batch.

    Reading the same file twice adds nothing; a later state of it brings its changes.
    """
    text = _text(read)
    with open_project(path) as project:
        found = import_text(
            project,
            form,
            text,
            place=str(read),
            author=author,
            title=title,
        )
    if json:
        emit("annotate", found)
    else:
        _show(found)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}", place=str(path)) from error


def _show(found: Imported) -> None:
    new = plural(found.new, "new annotation")
    show(f"batch {found.batch}: {new}, {found.known} already imported")
    if found.changed or found.withdrawn:
        show(f"  {found.changed} changed, {found.withdrawn} withdrawn")
    if found.unknown:
        first = ", ".join(found.unknown[:5])
        more = " …" if len(found.unknown) > 5 else ""
        show(f"not in this project: {plural(len(found.unknown), 'row')}: {first}{more}")
    for row, annotator, why in found.refused[:MOST_REFUSED_SHOWN]:
        show(f"  refused: {row}, {annotator}: {why}")
