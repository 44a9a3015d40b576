"""``tunewell compare answer``: let models answer what waits, and ask people for theirs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import JsonOption, ProjectOption, emit, open_project, show
from tunewell.cli.compare.arms import fill_answers
from tunewell.cli.compare.options import NameArgument
from tunewell.compare import ComparisonBook, Inbox

PAUSE_S = 5.0


def command(
    name: NameArgument,
    path: ProjectOption = Path(),
    watch: Annotated[
        bool, typer.Option("--watch", help="Keep answering raters' own questions.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Let the models of a comparison answer every question that waits for them."""
    with open_project(path) as project:
        book = ComparisonBook(project.store)
        while True:
            comparison = book.named(name)
            Inbox(book).expire()
            done = fill_answers(project, book, comparison)
            if not watch or comparison.status == "closed":
                break
            time.sleep(PAUSE_S)
    if json:
        emit("compare", {"answered": done})
    else:
        show(f"{name}: {done} answers given")
