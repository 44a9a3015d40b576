"""``tunewell restore FILE FOLDER``: the store of a project from a backup."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.backup import described, in_words
from tunewell.cli.common import DATABASE_URL, JsonOption, emit, note, progress, show
from tunewell.store.backup import restore


def command(
    file: Annotated[Path, typer.Argument(help="A file that `tunewell backup` wrote.")],
    folder: Annotated[Path, typer.Argument(help="Folder of the project, without a store yet.")],
    url: Annotated[
        str,
        typer.Option(
            "--database-url",
            envvar=DATABASE_URL,
            help="An empty PostgreSQL database instead of SQLite.",
        ),
    ] = "",
    json: JsonOption = False,
) -> None:
    """Make the store of a project from a backup, digests checked."""
    with progress("restore: checking and writing", quiet=json):
        manifest = restore(file, folder, url=url)
    if json:
        emit("restore", {"project": str(folder), **described(manifest)})
        return
    show(f"{folder}: {in_words(manifest)}")
    note(f"hint: tunewell status {folder}")
