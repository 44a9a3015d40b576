"""``tunewell rollback``: return to the version that served before."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import AuthorOption, JsonOption, ProjectOption, emit, open_project, show
from tunewell.people.promotion import roll_back


def command(
    reason: Annotated[str, typer.Option(help="Why, for the record.")],
    place: Annotated[str, typer.Option("--place", help="Where it serves.")] = "production",
    path: ProjectOption = Path(),
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """Return to the version that served in a place before.

    Gateways take it up within two seconds; requests in flight end with the version they began with.
    """
    with open_project(path) as project:
        made = roll_back(project, place=place, author=author, reason=reason)
    if json:
        emit("rollback", made)
        return
    show(f"{made.version[:12]} serves in {made.place} again; {made.replaces[:12]} no longer does")
