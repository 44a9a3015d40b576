"""``tunewell accept``: a person accepts a finding as a known risk, in writing and until a date."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import AuthorOption, JsonOption, ProjectOption, emit, open_project, show
from tunewell.people.accepted_findings import accept_finding
from tunewell.pitfalls import CATALOGUE


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
    with open_project(path, lock="tunewell accept") as project:
        day = accept_finding(
            project.store,
            code,
            reason=reason,
            until=until,
            author=author,
        )
    if json:
        emit("accept", {"code": code, "reason": reason, "until": day, "author": author})
    else:
        show(f"{code} ({CATALOGUE[code].name}) accepted by {author} until {day}: {reason}")
