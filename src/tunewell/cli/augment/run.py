"""``tunewell augment run``: rows are written, judged and kept, each with its reason."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import typer

from tunewell.augment import Progressed, augment
from tunewell.augment.stage import RowsOfSplit
from tunewell.augmented import wanted
from tunewell.cli.augment.options import (
    ROWS_OF_CELL,
    FromOption,
    ModelOption,
    RowsOption,
    cells_of,
    estimate_of,
    generators_of,
    show_estimate,
)
from tunewell.cli.augment.show import show_funnel
from tunewell.cli.common import (
    JsonOption,
    ProjectArgument,
    SetOption,
    WaitOption,
    emit,
    note,
)
from tunewell.cli.stage import open_stages
from tunewell.errors import EXIT_INCONCLUSIVE, EXIT_OK

EVERY_S: Final = 10.0
"""Seconds between two lines of progress."""


def command(
    path: ProjectArgument = Path(),
    sources: FromOption = None,
    rows: RowsOption = ROWS_OF_CELL,
    models: ModelOption = None,
    overrides: SetOption = None,
    wait: WaitOption = False,
    json: JsonOption = False,
) -> None:
    """Have rows written and decide on each; goes on where it was stopped.

    Every cell ends with exactly the rows that were wanted, or with the reason why not: the exit
    code is then 4.
    """
    with open_stages("augment", path, overrides=overrides, wait=wait, json=json) as stages:
        project = stages.project
        dataset = stages.curate()
        split = stages.split(dataset)
        cells = cells_of(project, dataset, split, sources, rows=rows)
        generators = generators_of(project, models)
        found = estimate_of(project, dataset, split, cells, generators)
        if not json:
            show_estimate(found, project.spec.costs.currency)
        result = augment(
            dataset,
            split,
            project,
            wanted(
                project,
                cells,
                generators,
                training=RowsOfSplit.of(dataset, split, project.store).training,
            ),
            watch=None if json else _watch(project.spec.costs.currency),
        )
    if json:
        emit("augment", result)
    else:
        show_funnel(result, project.spec.costs.currency)
    stopped = any(cell.stopped for cell in result.cells)
    raise typer.Exit(EXIT_INCONCLUSIVE if stopped else EXIT_OK)


def _watch(currency: str) -> Callable[[Progressed], None]:
    """A line of progress on stderr every few seconds, with time and money left."""
    last = time.monotonic()

    def watch(now: Progressed) -> None:
        nonlocal last
        if time.monotonic() - last < EVERY_S:
            return
        last = time.monotonic()
        left = f", {_in_words(now.seconds_left)} left" if now.seconds_left else ""
        tokens = now.cost.prompt_tokens + now.cost.tokens
        note(
            f"  {now.done:,} of {now.total:,} of this round, {tokens:,} tokens, "
            f"{now.cost.cost:.2f} {currency}{left}"
        )

    return watch


def _in_words(seconds: float) -> str:
    return "less than a minute" if seconds < 60 else f"about {seconds / 60:.0f} min"
