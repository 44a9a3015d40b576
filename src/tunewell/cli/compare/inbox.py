"""``tunewell compare inbox``: a human agent's questions, and their answers."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.batches import accounts_named
from tunewell.cli.common import JsonOption, ProjectOption, emit, open_project, show
from tunewell.cli.compare.options import AccountOption
from tunewell.compare import ComparisonBook, Inbox


def command(
    account: AccountOption,
    path: ProjectOption = Path(),
    request: Annotated[str, typer.Option(help="The question that is answered.")] = "",
    text: Annotated[str, typer.Option(help="The answer.")] = "",
    json: JsonOption = False,
) -> None:
    """Show an agent's questions, the most urgent first, or answer one."""
    with open_project(path) as project:
        inbox = Inbox(ComparisonBook(project.store))
        who = accounts_named(project.store, [account])[0]
        if request:
            inbox.answer(request, who, text, key=secrets.token_hex(16))
        found = inbox.open_for(who)
    if json:
        emit("compare", {"open": found})
        return
    show(f"{len(found)} open")
    for question in found:
        show(f"{question.id} until {question.due:%Y-%m-%d %H:%M} UTC: {question.text}")
