"""``tunewell curate``: read, repair, filter and de-duplicate the data."""

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
