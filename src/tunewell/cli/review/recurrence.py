"""``tunewell review recurrence``: whether the newest version makes corrected errors again."""

from __future__ import annotations

from pathlib import Path

from tunewell.cli.common import JsonOption, ProjectArgument, emit, open_project, show
from tunewell.iterate.recurrence import measure_recurrence

MOST_SHOWN = 10


def command(
    path: ProjectArgument = Path(),
    json: JsonOption = False,
) -> None:
    """Let the newest version answer the rows that people corrected before it was trained.

    The share of corrected errors that come back stands in the report and with the version.
    """
    with open_project(path, lock="tunewell review recurrence") as project:
        found = measure_recurrence(project)
    if json:
        emit("review", found)
        return
    show(f"corrected errors that come back: {found.rate}")
    for kind, share in found.kinds.items():
        show(f"  {kind:24} {share}")
    if found.trained_on:
        show(f"{found.trained_on} of the rows were trained on as corrected: a lower bound")
    if found.unanswered:
        show(f"unchecked: {found.unanswered} corrected rows have no answer of this version")
    for row in found.again[:MOST_SHOWN]:
        show(f"  again: {row}")
