"""Options that several verbs of ``tunewell compare`` share."""

from __future__ import annotations

from typing import Annotated

import typer

NameArgument = Annotated[str, typer.Argument(help="Name of the comparison.")]
RatersOption = Annotated[int, typer.Option(help="How many people rate.", min=1)]
EachOption = Annotated[int, typer.Option(help="Verdicts of each rater.", min=1)]
WinRateOption = Annotated[
    float,
    typer.Option(help="Smallest share preferring the candidate worth finding.", min=0.5, max=1),
]
IccOption = Annotated[
    float,
    typer.Option(
        help="How alike verdicts of one rater are assumed to be (intraclass correlation).",
        min=0,
        max=1,
    ),
]
TiesOption = Annotated[float, typer.Option(help="Share of ties expected.", min=0, max=0.99)]
LooksOption = Annotated[
    int, typer.Option(help="Equally spaced looks; 0 = after every verdict.", min=0, max=200)
]
PowerOption = Annotated[
    float, typer.Option(help="Wanted probability of finding the preference.", min=0.05, max=0.99)
]
AccountOption = Annotated[
    str, typer.Option("--as", metavar="ACCOUNT", help="Account that speaks.", show_default=False)
]
AlphaOption = Annotated[
    float, typer.Option(help="Error over all looks together.", min=0.001, max=0.5)
]
