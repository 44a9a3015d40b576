"""``tunewell compare sign``: fix a design for good and open it for ratings."""

from __future__ import annotations

from pathlib import Path

from tunewell.cli.common import AuthorOption, JsonOption, ProjectOption, emit, open_project, show
from tunewell.cli.compare.options import NameArgument
from tunewell.compare import ComparisonBook, sign_and_open


def command(
    name: NameArgument,
    path: ProjectOption = Path(),
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """Sign a design as its owner: it opens for ratings, and every change is a new comparison."""
    with open_project(path) as project:
        book = ComparisonBook(project.store)
        opened = sign_and_open(book, book.named(name), author=author)
    if json:
        emit("compare", {"comparison": opened, "version": opened.design.version})
    else:
        show(f"{author} signed {name} ({opened.design.version}); raters find it under Compare")
