"""``tunewell curate``: read, repair, filter and de-duplicate the data."""

from __future__ import annotations

from pathlib import Path

from tunewell.cli.common import JsonOption, ProjectArgument, SetOption, WaitOption
from tunewell.cli.confirm import ask_to_confirm
from tunewell.cli.stage import open_stages, show_stage
from tunewell.run import Stages


def command(
    path: ProjectArgument = Path(),
    overrides: SetOption = None,
    wait: WaitOption = False,
    json: JsonOption = False,
) -> None:
    """Read, repair, filter and de-duplicate the data; every input row gets a receipt."""
    stages = _curate(path, overrides, wait=wait, json=json)
    if not json and ask_to_confirm(stages.records["curate"], stages.file.path):
        stages = _curate(path, overrides, wait=wait, json=json)
    show_stage(stages, "curate", json=json)


def _curate(path: Path, overrides: list[str] | None, *, wait: bool, json: bool) -> Stages:
    with open_stages("curate", path, overrides=overrides, wait=wait, json=json) as stages:
        stages.curate()
    return stages
