"""``tunewell evaluate``: this stage alone, with those before it where they are not finished."""

from __future__ import annotations

from pathlib import Path

from tunewell.cli.common import JsonOption, ProjectArgument, SetOption, WaitOption
from tunewell.cli.stage import run_until


def command(
    path: ProjectArgument = Path(), overrides: SetOption = None, wait: WaitOption = False, json: JsonOption = False
) -> None:
    """Compare base, prompted and tuned on the same held-out rows."""
    run_until("evaluate", path, overrides=overrides, wait=wait, json=json)
