"""``tunewell compare guess``: who wrote an answer, asked after all ratings."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated, Literal

import typer

from tunewell.cli.batches import accounts_named
from tunewell.cli.common import JsonOption, ProjectOption, emit, open_project, show
from tunewell.cli.compare.options import AccountOption, NameArgument
from tunewell.compare import ComparisonBook, GuessSaid
from tunewell.errors import UserError

WORDS = {"first": 0, "second": 1, "cannot tell": None}


def command(
    name: NameArgument,
    account: AccountOption,
    path: ProjectOption = Path(),
    pair: Annotated[str, typer.Option(help="The answer's pair; none = show the next.")] = "",
    arm: Annotated[
        Literal["first", "second", "cannot tell"] | None,
        typer.Option(help="The arm of the design that you believe wrote it."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show the next answer whose author a rater is asked to guess, or save a guess."""
    with open_project(path) as project:
        book = ComparisonBook(project.store)
        comparison = book.named(name)
        who = accounts_named(project.store, [account])[0]
        asked = dict(book.to_guess(comparison, who))
        if pair:
            found = book.own_pair(pair, who)
            if found is None or arm is None or pair not in asked:
                raise UserError("you were not asked to guess this, or --arm is missing")
            said = GuessSaid.model_validate({"arm": WORDS[arm], "behind": asked[pair]})
            book.guess(comparison, found, said, key=secrets.token_hex(16))
            asked = dict(book.to_guess(comparison, who))
        following = next(iter(asked.items()), None)
        shown = book.own_pair(following[0], who) if following else None
    answer = shown.answers[following[1]] if shown and following else None
    first, second = comparison.design.arms
    choices = {"first": first.guessed_as, "second": second.guessed_as}
    text = answer.shown if answer else ""
    if json:
        result = {"left": len(asked), "pair": shown.id if shown else "", "answer": text}
        emit("compare", result | {"choices": choices})
        return
    show(f"{len(asked)} left")
    if shown is not None:
        show(f"pair {shown.id}")
        show(f"answer: {text}")
        show(f"first: {choices['first']}; second: {choices['second']}")
