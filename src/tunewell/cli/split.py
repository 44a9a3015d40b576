"""``tunewell split``: this stage alone, with those before it where they are not finished."""

from __future__ import annotations

from pathlib import Path

from tunewell.cli.common import JsonOption, ProjectArgument, SetOption, WaitOption
from tunewell.cli.stage import run_until


def command(
    path: ProjectArgument = Path(),
    overrides: SetOption = None,
    wait: WaitOption = False,
    json: JsonOption = False,
) -> None:
    """Divide the rows into test set, review pool and folds without cutting a family."""
    run_until("split", path, overrides=overrides, wait=wait, json=json)
