"""``tunewell compare rate``: compare at the terminal, one pair at a time."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated, Literal

import typer

from tunewell.cli.batches import accounts_named
from tunewell.cli.common import JsonOption, ProjectOption, emit, open_project, show
from tunewell.cli.compare.options import AccountOption, NameArgument
from tunewell.compare import ComparisonBook, Inbox, SaidOfPair
from tunewell.errors import UserError


def command(
    name: NameArgument,
    account: AccountOption,
    path: ProjectOption = Path(),
    pair: Annotated[str, typer.Option(help="The pair that is rated; none = show the next.")] = "",
    preferred: Annotated[
        Literal["first", "second", "tie", "both bad"] | None,
        typer.Option(help="Which of the two answers is better."),
    ] = None,
    reason: Annotated[list[str] | None, typer.Option(help="Why. Repeatable.")] = None,
    comment: Annotated[str, typer.Option(help="In your words.")] = "",
    json: JsonOption = False,
) -> None:
    """Show a rater's next pair, or save what is said of one; no arm is named."""
    with open_project(path) as project:
        book = ComparisonBook(project.store)
        Inbox(book).expire()
        comparison = book.named(name)
        who = accounts_named(project.store, [account])[0]
        if pair:
            found = book.own_pair(pair, who)
            if found is None or preferred is None:
                raise UserError("that pair is not yours, or --preferred is missing")
            said = SaidOfPair(preferred=preferred, reasons=tuple(reason or ()), comment=comment)
            book.rate(comparison, found, said, key=secrets.token_hex(16))
        own = book.pairs(comparison, account=who)
    ready = [p for p in own if p.status == "ready"] if comparison.status == "open" else []
    following = ready[0] if ready else None
    if json:
        shown = None
        if following is not None:
            first, second = following.in_order
            shown = {
                "pair": following.id,
                "question": following.question.text,
                "first": first.shown,
                "second": second.shown,
            }
        emit("compare", {"left": len(ready), "next": shown})
        return
    show(f"{len(ready)} left")
    if following is not None:
        first, second = following.in_order
        show(f"pair {following.id}")
        show(f"question: {following.question.text}")
        show(f"first: {first.shown}")
        show(f"second: {second.shown}")
