"""``tunewell curate``: read, repair, filter and de-duplicate the data."""

from __future__ import annotations

from pathlib import Path

from tunewell.cli.common import (
    JsonOption,
    ProjectArgument,
    SetOption,
    WaitOption,
    open_project,
    show,
)
from tunewell.cli.confirm import ask_to_confirm
from tunewell.cli.stage import open_stages, show_stage
from tunewell.plurals import plural
from tunewell.run import Stages
from tunewell.types.read_files import ReadingReport, in_words

_MOST_SHOWN = 8
"""Columns without use that are shown."""


def command(
    path: ProjectArgument = Path(),
    overrides: SetOption = None,
    wait: WaitOption = False,
    json: JsonOption = False,
) -> None:
    """Read, repair, filter and de-duplicate the data.

    Every input row gets a receipt: tunewell why ROW shows it.
    """
    stages = _curate(path, overrides, wait=wait, json=json)
    if not json and ask_to_confirm(stages.records["curate"], stages.project.file.path):
        stages = _curate(path, overrides, wait=wait, json=json)
    show_stage(stages, "curate", json=json)
    if not json:
        _show_reading(path)


def _show_reading(path: Path) -> None:
    """What of the files is in no row, and what to know before training."""
    with open_project(path) as project:
        store = project.store
        run = store.last_run("curate")
        digest = run.outputs.get("reading") if run else None
        if digest is None:
            return
        reading = store.get_value(digest, ReadingReport)
    for file in reading.files_with_columns[:_MOST_SHOWN]:
        show(f"{file}: {in_words(reading.of_file(file))}")
    for each in reading.unused[:_MOST_SHOWN]:
        show(
            f"not used: {each.key} of {each.file} ({plural(each.rows, 'row')}, e.g. {each.example})"
        )
    if len(reading.unused) > _MOST_SHOWN:
        show(f"not used: {len(reading.unused) - _MOST_SHOWN} further columns (see the report)")
    for said in reading.notes:
        show(f"note: {said}")


def _curate(path: Path, overrides: list[str] | None, *, wait: bool, json: bool) -> Stages:
    with open_stages("curate", path, overrides=overrides, wait=wait, json=json) as stages:
        stages.curate()
    return stages
