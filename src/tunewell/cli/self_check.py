"""``tunewell self-check``: whether this installation works."""

from __future__ import annotations

import typer

from tunewell.cli.common import JsonOption, emit, progress, show
from tunewell.errors import EXIT_USER
from tunewell.installation import InstallationCheck, check_installation


def command(json: JsonOption = False) -> None:
    """Show whether this installation works, and what is missing.

    Exit code 1 if a part fails; an optional part that is missing is no failure.
    """
    with progress("self-check: trying every part", quiet=json):
        checks = list(check_installation())
    failed = [check for check in checks if check.state == "fails"]
    if json:
        emit("self-check", checks, verdict="NO-GO" if failed else "GO")
    else:
        _show(checks)
    if failed:
        raise typer.Exit(EXIT_USER)


def _show(checks: list[InstallationCheck]) -> None:
    for check in checks:
        show(f"{check.state:8} {check.name}: {check.detail}")
        if check.hint:
            show(f"         hint: {check.hint}")
