"""``tunewell augment plan``: which rows are wanted, and what they will take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from tunewell.augmented import note_plan, planned_cells
from tunewell.cli.augment.options import (
    ROWS_OF_CELL,
    FromOption,
    ModelOption,
    RowsOption,
    estimate_of,
    generators_of,
    show_cells,
    show_estimate,
)
from tunewell.cli.common import (
    AuthorOption,
    JsonOption,
    ProjectArgument,
    SetOption,
    WaitOption,
    emit,
    show,
)
from tunewell.cli.stage import open_stages
from tunewell.task import AugmentCell


def command(
    path: ProjectArgument = Path(),
    sources: FromOption = None,
    rows: RowsOption = ROWS_OF_CELL,
    models: ModelOption = None,
    as_yaml: Annotated[
        bool,
        typer.Option("--yaml", help="Print the cells as they are written in tunewell.yaml."),
    ] = False,
    author: AuthorOption = "",
    overrides: SetOption = None,
    wait: WaitOption = False,
    json: JsonOption = False,
) -> None:
    """Show which rows are wanted and what they will take; `augment run` then goes by it."""
    with open_stages("augment", path, overrides=overrides, wait=wait, json=json) as stages:
        project = stages.project
        dataset = stages.curate()
        split = stages.split(dataset)
        cells = planned_cells(project, dataset, split, sources or (), rows=rows)
        generators = generators_of(project, models)
        found = estimate_of(project, dataset, split, cells, generators)
        note_plan(project, dataset, cells, author)
    if json:
        emit("augment", {"cells": cells, "estimate": found})
        return
    if as_yaml:
        show(_as_yaml(cells))
        return
    show_cells(cells)
    show_estimate(found, project.spec.costs.currency)
    if not generators and any(not cell.by for cell in cells):
        show("nobody is named to write them: augment.generators, or --model NAME@URL")


def _as_yaml(cells: tuple[AugmentCell, ...]) -> str:
    plain: list[dict[str, Any]] = []
    for cell in cells:
        plain.append(cell.model_dump(mode="json", by_alias=True, exclude_defaults=True))
    return yaml.safe_dump(
        {"augment": {"cells": plain}},
        sort_keys=False,
        allow_unicode=True,
    )
