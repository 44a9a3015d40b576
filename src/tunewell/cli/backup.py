"""``tunewell backup FILE``: the whole store of a project in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import (
    DATABASE_URL,
    JsonOption,
    ProjectOption,
    emit,
    note,
    progress,
    show,
)
from tunewell.plurals import plural
from tunewell.store import Store
from tunewell.store.backup import BackupManifest, back_up, check_backup
from tunewell.task import load_task


def command(
    file: Annotated[Path, typer.Argument(help="The backup; it must not be there yet.")],
    path: ProjectOption = Path(),
    check: Annotated[
        bool,
        typer.Option("--check", help="Only check a backup that is there: every digest."),
    ] = False,
    url: Annotated[
        str,
        typer.Option(
            "--database-url",
            envvar=DATABASE_URL,
            help="PostgreSQL instead of SQLite; set the variable for every verb.",
        ),
    ] = "",
    json: JsonOption = False,
) -> None:
    """Write all that a project recorded to one file, or check one.

    The file holds accounts and personal data: keep it as secret as the project.
    """
    if check:
        with progress("backup: checking every digest", quiet=json):
            manifest = check_backup(file)
    else:
        with (
            Store(load_task(path).root, url=url) as store,
            progress("backup: writing rows and artifacts", quiet=json),
        ):
            manifest = back_up(store, file)
    if json:
        emit("backup", {"file": str(file), **described(manifest)})
        return
    show(f"{file}: {in_words(manifest)}")
    if not check:
        note("hint: the raw data is not in it; copy the folders that tunewell.yaml names")


def described(manifest: BackupManifest) -> dict[str, object]:
    """What a manifest says, without the digests."""
    found = manifest.model_dump(mode="json", exclude={"digests"})
    return {**found, "artifacts": manifest.artifacts, "members": len(manifest.digests)}


def in_words(manifest: BackupManifest) -> str:
    """What a backup holds, in a sentence."""
    rows = sum(manifest.rows.values())
    return (
        f"{plural(rows, 'row')} of {plural(len(manifest.rows), 'table')}, "
        f"{plural(manifest.artifacts, 'file')} of artifacts, every digest right, "
        f"ledger {manifest.ledger}"
    )
