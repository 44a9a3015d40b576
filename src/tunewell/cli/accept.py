"""``tunewell accept``: a person accepts a finding as a known risk, in writing and until a date."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import AuthorOption, JsonOption, ProjectOption, emit, open_project, show
from tunewell.errors import UserError
from tunewell.pitfalls import CATALOGUE

FEWEST_WORDS = 3
"""A shorter reason explains nothing to whoever signs the release."""


def command(
    code: Annotated[str, typer.Argument(help="Code of the pitfall, such as E06.")],
    reason: Annotated[str, typer.Option(help="Why it is acceptable.")],
    until: Annotated[str, typer.Option(help="Last day of validity, YYYY-MM-DD.")],
    path: ProjectOption = Path(),
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """Accept a finding as a known risk, in writing and until a date.

    It is then shown as accepted, never as clear.
    """
    code = code.upper()
    if code not in CATALOGUE:
        raise UserError(f"there is no pitfall {code!r}", hint=f"one of {', '.join(CATALOGUE)}")
    day = _day_to_come(until)
    if len(reason.split()) < FEWEST_WORDS:
        raise UserError(
            f"the reason {reason!r} is too short",
            hint="write one sentence for whoever signs the release",
        )

    with open_project(path, lock="tunewell accept") as project:
        store = project.store
        record = {"reason": reason, "until": day.isoformat()}
        store.say("acceptance", code, author=author, record=record)
    if json:
        emit("accept", {"code": code, "reason": reason, "until": day, "author": author})
    else:
        show(f"{code} ({CATALOGUE[code].name}) accepted by {author} until {day}: {reason}")


def _day_to_come(text: str) -> dt.date:
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        raise UserError(f"--until takes a date as YYYY-MM-DD, got {text!r}") from None
    if day < dt.datetime.now(dt.UTC).date():
        raise UserError(f"--until {day} is in the past", hint="name a day in the future")
    return day
