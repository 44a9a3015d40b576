"""``tunewell review``: plan the panel, open it, show what it found, take its corrections."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import typer

from tunewell.cli.batch_state import set_status
from tunewell.cli.review import corrections, nearest, open_batch, plan, results, signoffs
from tunewell.cli.verb_group import VerbGroup

VERBS: Final[Mapping[str, Callable[..., None]]] = {
    "plan": plan.command,
    "open": open_batch.command,
    "results": results.command,
    "corrections": corrections.command,
    "signoffs": signoffs.command,
    "nearest": nearest.command,
    "close": set_status("review", "closed"),
    "reopen": set_status("review", "open"),
}

app = typer.Typer(
    help="People judge outputs, blind to the model that wrote them.",
    rich_markup_mode=None,
    cls=VerbGroup,
)
for name, command in VERBS.items():
    app.command(name)(command)
