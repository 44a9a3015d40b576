"""``tunewell augment``: plan synthetic rows, have them written, try whether they pay."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import typer

from tunewell.cli.augment import plan, review, run, show, trial
from tunewell.cli.verb_group import VerbGroup

VERBS: Final[Mapping[str, Callable[..., None]]] = {
    "plan": plan.command,
    "run": run.command,
    "show": show.command,
    "review": review.command,
    "trial": trial.command,
}

app = typer.Typer(
    help="A larger model writes rows, judged one by one, used if they pay.",
    rich_markup_mode=None,
    cls=VerbGroup,
)
for name, command in VERBS.items():
    app.command(name)(command)
