"""``tunewell compare``: a blind comparison from its plan to its verdict."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Final

import typer

from tunewell.cli.compare import (
    answer,
    close,
    guess,
    inbox,
    open_draft,
    plan,
    rate,
    show_result,
    sign,
)
from tunewell.cli.project_place import with_project
from tunewell.cli.verb_group import VerbGroup

VERBS: Final[Mapping[str, Callable[..., None]]] = {
    "plan": plan.command,
    "open": open_draft.command,
    "answer": answer.command,
    "sign": sign.command,
    "rate": rate.command,
    "guess": guess.command,
    "inbox": inbox.command,
    "show": show_result.command,
    "close": close.command,
}

app = typer.Typer(
    help="People compare two models, or a model and a person, blind.",
    rich_markup_mode=None,
    cls=VerbGroup,
)
for name, command in VERBS.items():
    app.command(name, help=inspect.getdoc(command))(with_project(command))
