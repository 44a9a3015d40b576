"""Options that several verbs of ``tunewell review`` share."""

from __future__ import annotations

from typing import Annotated

import typer

from tunewell.errors import UserError


def _a_probability(power: float) -> float:
    if not 0 < power < 1:
        raise UserError(f"--power must be between 0 and 1, got {power:g}")
    return power


PowerOption = Annotated[
    float,
    typer.Option(callback=_a_probability, help="Wanted probability of settling each gate."),
]
RatersOption = Annotated[
    int,
    typer.Option(help="People per output; 0 = as in the definition.", min=0),
]
PeopleOption = Annotated[
    list[str] | None,
    typer.Option("--to", metavar="ACCOUNT", help="Who the items are assigned to. Repeatable."),
]
TitleOption = Annotated[str, typer.Option(help="Title that people see.")]
