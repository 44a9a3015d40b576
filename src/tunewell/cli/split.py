"""``tunewell split``: test set, review pool and folds, after ``curate`` if need be."""

from __future__ import annotations

from pathlib import Path

from tunewell.cli.common import JsonOption, ProjectArgument, SetOption, WaitOption
from tunewell.cli.stage import open_stages, show_stage


def command(
    path: ProjectArgument = Path(),
    overrides: SetOption = None,
    wait: WaitOption = False,
    json: JsonOption = False,
) -> None:
    """Divide the rows into test set, review pool and folds.

    Rows of one family (copies, one document, one conversation) are never separated.
    """
    with open_stages(
        "split",
        path,
        overrides=overrides,
        wait=wait,
        json=json,
    ) as stages:
        stages.split(stages.curate())
    show_stage(stages, "split", json=json)
