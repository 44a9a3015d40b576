"""``tunewell annotate``: open a batch, show agreement, export the gold answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import typer

from tunewell.cli.annotate import (
    adjudicators,
    alt_test,
    export,
    freeze,
    gold,
    importing,
    open_batch,
    results,
)
from tunewell.cli.batch_state import set_status
from tunewell.cli.verb_group import VerbGroup

VERBS: Final[Mapping[str, Callable[..., None]]] = {
    "open": open_batch.command,
    "results": results.command,
    "adjudicators": adjudicators.command,
    "close": set_status("annotate", "closed"),
    "reopen": set_status("annotate", "open"),
    "gold": gold.command,
    "freeze": freeze.command,
    "export": export.command,
    "import": importing.command,
    "alt-test": alt_test.command,
}

app = typer.Typer(
    help="People mark texts and write answers: the gold of the project.",
    rich_markup_mode=None,
    cls=VerbGroup,
)
for name, command in VERBS.items():
    app.command(name)(command)
