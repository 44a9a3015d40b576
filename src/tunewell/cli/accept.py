"""``tunewell accept``: a person takes a finding on, in writing and until a date."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import AuthorOption, JsonOption, ProjectOption, emit, out, project
from tunewell.errors import UserError
from tunewell.pitfalls import CATALOGUE
from tunewell.store import default_author


def command(
    code: Annotated[str, typer.Argument(help="Code of the pitfall, such as E06.")],
    reason: Annotated[str, typer.Option(help="Why it is acceptable.")],
    until: Annotated[str, typer.Option(help="Last day on which it holds, YYYY-MM-DD.")],
    path: ProjectOption = Path(),
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """Take a finding on. It then shows as accepted, never as clear."""
    code = code.upper()
    if code not in CATALOGUE:
        raise UserError(f"there is no pitfall {code!r}", hint=f"one of {', '.join(CATALOGUE)}")
    try:
        day = dt.date.fromisoformat(until)
    except ValueError:
        raise UserError(f"--until takes a date as YYYY-MM-DD, got {until!r}") from None
    if day < dt.datetime.now(dt.UTC).date():
        raise UserError(f"--until {day} is over", hint="name a day to come")
    if len(reason.split()) < 3:
        raise UserError(
            f"the reason {reason!r} says too little",
            hint="write one sentence for whoever signs the release",
        )
    name = author or default_author()
    with project(path, lock="tunewell accept") as (_, store):
        store.say(
            "acceptance", code, author=name, record={"reason": reason, "until": day.isoformat()}
        )
    if json:
        emit("accept", {"code": code, "reason": reason, "until": day, "author": name})
    else:
        out.print(
            f"{code} ({CATALOGUE[code].name}) accepted by {name} until {day}: {reason}",
            markup=False,
        )
