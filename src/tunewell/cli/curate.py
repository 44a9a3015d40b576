"""``tunewell curate``: read, repair, filter and de-duplicate the data."""

from __future__ import annotations

from pathlib import Path

from tunewell.cli.common import JsonOption, ProjectArgument, SetOption, WaitOption, show
from tunewell.cli.stage import open_stages, show_stage
from tunewell.curate.reading.read import ReadingReport
from tunewell.store import Store

_MOST_SHOWN = 8
"""Columns without use that are shown."""


def command(
    path: ProjectArgument = Path(),
    overrides: SetOption = None,
    wait: WaitOption = False,
    json: JsonOption = False,
) -> None:
    """Read, repair, filter and de-duplicate the data; every input row gets a receipt."""
    with open_stages(
        "curate",
        path,
        overrides=overrides,
        wait=wait,
        json=json,
    ) as stages:
        stages.curate()
    show_stage(stages, "curate", json=json)
    if not json:
        _show_reading(path)


def _show_reading(path: Path) -> None:
    """What of the files is in no row, and what to know before training."""
    with Store(path) as store:
        run = store.last_run("curate")
        digest = run.outputs.get("reading") if run else None
        if digest is None:
            return
        reading = store.get_value(digest, ReadingReport)
    for each in reading.unused[:_MOST_SHOWN]:
        show(f"not used: {each.key} of {each.file} ({each.rows} rows, e.g. {each.example})")
    if len(reading.unused) > _MOST_SHOWN:
        show(f"not used: {len(reading.unused) - _MOST_SHOWN} further columns (see the report)")
    for said in reading.notes:
        show(f"note: {said}")
