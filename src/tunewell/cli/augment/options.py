"""What the verbs of augmentation share: where cells come from, who writes, the table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

import typer

from tunewell.augment.estimate import AugmentEstimate, estimate
from tunewell.augment.parents import ParentPool
from tunewell.augment.results import newest_augmentation
from tunewell.augment.sources import ROWS, SOURCES
from tunewell.augment.stage import RowsOfSplit
from tunewell.augmented import model_named, noted_plan, planned_cells
from tunewell.cli.common import show
from tunewell.errors import UserError
from tunewell.plurals import per_cent
from tunewell.project import Project
from tunewell.task import AugmentCell, GeneratorSpec
from tunewell.types import Dataset, Split


def _checked(names: list[str] | None) -> list[str] | None:
    unknown = [name for name in names or () if name not in SOURCES]
    if unknown:
        raise typer.BadParameter(f"{unknown[0]!r} is none of {', '.join(SOURCES)}")
    return names


FromOption = Annotated[
    list[str] | None,
    typer.Option(
        "--from",
        metavar="SOURCE",
        callback=_checked,
        help="Also make cells of what the project knows: gaps (slices), stress (failures), review "
        "(errors that people ticked), contradictions, facts (that changed) or counterfactual "
        "(pairs). Repeatable.",
    ),
]
RowsOption = Annotated[
    int,
    typer.Option(min=1, help="Rows of each cell whose source does not say how many are missing."),
]
ModelOption = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        metavar="MODEL",
        help="Who writes, instead of augment.generators: a name of weights, or NAME@URL. "
        "Repeatable.",
    ),
]
ROWS_OF_CELL: Final = ROWS

_SHOWN: Final = 3


def generators_of(
    project: Project,
    named: Sequence[str] | None,
) -> tuple[GeneratorSpec, ...]:
    """Who writes: those named on the line, else those of the definition."""
    if named:
        return tuple(model_named(name) for name in named)
    return project.spec.augment.generators


def cells_of(
    project: Project,
    dataset: Dataset,
    split: Split,
    sources: Sequence[str] | None,
    *,
    rows: int,
) -> tuple[AugmentCell, ...]:
    """The cells to fill.

    Those of the sources and the definition; without sources those of the newest plan of the
    dataset, else those of the definition.
    """
    if sources:
        return planned_cells(project, dataset, split, sources, rows=rows)
    noted = noted_plan(project, dataset)
    return noted or planned_cells(project, dataset, split, (), rows=rows)


def estimate_of(
    project: Project,
    dataset: Dataset,
    split: Split,
    cells: Sequence[AugmentCell],
    generators: Sequence[GeneratorSpec],
) -> AugmentEstimate:
    """What the cells will take; also says which cell has no parent.

    Raises:
        UserError: A cell has no parent, or nothing is wanted.
    """
    if not cells:
        raise UserError(
            "no rows are wanted: augment.cells is empty and no source was named",
            hint="tunewell augment plan --from counterfactual",
        )
    section = project.spec.augment
    training = RowsOfSplit.of(dataset, split, project.store).training
    pool = ParentPool.of(cells, training, seed=section.seed)
    parents = {
        name: [pool.rows[row] for row in list(ids)[:200]] for name, ids in pool.of_cell.items()
    }
    last = newest_augmentation(project.store)
    rate = last.rows / last.asked if last and last.asked and last.rows else None
    return estimate(cells, parents, section, generators, rate=rate)


def show_estimate(
    found: AugmentEstimate,
    currency: str,
) -> None:
    """What it will take, as a few lines."""
    low, high = found.candidates
    basis = "as measured" if found.measured else "supposed"
    show(
        f"{found.rows:,} rows wanted: {low:,} to {high:,} candidates "
        f"(the upper end at an acceptance rate of {per_cent(found.rate)}, {basis})"
    )
    if found.tokens[1]:
        minutes = found.seconds[1] / 60
        show(
            f"about {found.tokens[0]:,} to {found.tokens[1]:,} tokens, "
            f"{found.cost[0]:.2f} to {found.cost[1]:.2f} {currency}, up to {minutes:.0f} min"
        )
    if found.passes:
        show(f"the upper end passes the budget: {found.passes}")


def show_cells(cells: Sequence[AugmentCell]) -> None:
    """The plan as a table of cells."""
    for cell in cells:
        varies = ", ".join(cell.vary[:_SHOWN]) or cell.about
        written = f"by rule {cell.by}" if cell.by else cell.kind
        show(f"  {cell.name:32} {cell.rows:>5}  {written:16} {varies[:60]}")
