"""``tunewell compare close``: take no more ratings, and record the outcome for gates."""

from __future__ import annotations

from pathlib import Path

import typer

from tunewell.cli.common import AuthorOption, JsonOption, ProjectOption, open_project
from tunewell.cli.compare.options import NameArgument
from tunewell.cli.compare.show_result import JudgeOption, read_judge, show_result
from tunewell.cli.stage import EXIT_OF
from tunewell.compare import ComparisonBook, close_and_record
from tunewell.people import Accounts


def command(
    name: NameArgument,
    path: ProjectOption = Path(),
    judge: JudgeOption = None,
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """Close a comparison: gates that name it read this outcome from now on."""
    scores = read_judge(judge)
    with open_project(path) as project:
        book = ComparisonBook(project.store)
        result = close_and_record(book, book.named(name), author=author, judge=scores)
        names = {account.id: account.shown for account in Accounts(project.store).all()}
    show_result(result, names, json=json)
    raise typer.Exit(EXIT_OF[result.outcome])
