"""``tunewell promote``: serve a version in a place."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import AuthorOption, JsonOption, ProjectOption, emit, open_project, show
from tunewell.cli.model import choose
from tunewell.people.promotion import promote
from tunewell.types import Trained

PlaceOption = Annotated[str, typer.Option("--place", help="Where it serves.")]


def command(
    version: Annotated[
        str,
        typer.Argument(help="A version, or the beginning of its name; the newest if omitted."),
    ] = "",
    place: PlaceOption = "production",
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "",
    path: ProjectOption = Path(),
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """Serve a version in a place, on a GO and with the signatures asked for.

    Gateways take it up within two seconds; requests in flight end with the version they began with.
    """
    with open_project(path) as project:
        runs = project.store.runs(stage="train", status="finished")
        versions = [project.store.get_value(r.outputs["trained"], Trained).model for r in runs]
        chosen = choose(versions, version)
        made = promote(project, chosen.adapter, place=place, author=author, reason=reason)
    if json:
        emit("promote", made)
        return
    show(f"{chosen.id} serves in {made.place} since {made.since:%Y-%m-%d %H:%M} UTC")
    if made.replaces:
        show(f"before it: {made.replaces[:12]} (tunewell rollback returns to it)")
