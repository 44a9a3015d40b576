"""``tunewell watch acknowledge``: take note of an alarm."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import (
    AuthorOption,
    JsonOption,
    ProjectOption,
    emit,
    open_project,
    show,
)
from tunewell.errors import UserError


def acknowledge(
    alarm: Annotated[str, typer.Argument(help="Its id, or the beginning of it.")],
    reason: Annotated[str, typer.Option("--reason", help="What you know of it.")],
    path: ProjectOption = Path(),
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """Record that you take note of an alarm, and why."""
    from tunewell.monitor.episodes import acknowledge as note_alarm
    from tunewell.monitor.kept_look import last_look

    with open_project(path) as project:
        look = last_look(project.store)
        known = [each.id for each in look.alarms] if look else []
        found = [name for name in known if name.startswith(alarm)]
        if len(found) != 1:
            which = "no alarm" if not found else f"{len(found)} alarms"
            raise UserError(
                f"{which} of the newest look begins with {alarm!r}",
                hint="tunewell watch --json lists their ids",
            )
        note_alarm(project.store, found[0], reason=reason, author=author)
    if json:
        emit("watch acknowledge", {"alarm": found[0]})
        return
    show(f"{found[0]} is acknowledged")
