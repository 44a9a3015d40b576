"""``tunewell augment show``: the funnel, and what became of every candidate."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Final

import typer

from tunewell.augment import Augmented, Decided
from tunewell.augment.erasure import without_erased
from tunewell.augment.results import newest_augmentation, standing
from tunewell.augment.stage import RowsOfSplit
from tunewell.cli.common import JsonOption, ProjectArgument, emit, open_project, show
from tunewell.cli.written import in_file, write_jsonl
from tunewell.errors import UserError
from tunewell.project import Project
from tunewell.store import Store
from tunewell.store.chat_rows import chat_row
from tunewell.train.studies.added_rows import newest_trial
from tunewell.types import Dataset, Split

MOST_SHOWN: Final = 10


def command(
    path: ProjectArgument = Path(),
    reason: Annotated[
        str,
        typer.Option(help="Show candidates that were not taken for this reason."),
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the accepted rows to a JSONL file."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show what became of the newest augmentation's candidates, and whether it pays."""
    with open_project(path) as project:
        store = project.store
        result = found_augmentation(store)
        decided = store.get_value(result.decided, list[Decided])
        trial = newest_trial(store, result.accepted)
        finding = standing(store, result, training=_training(store))
        rows = without_erased(store, store.examples(result.accepted))
        if out is not None:
            write_jsonl(out, [chat_row(row) for row in rows])
        if json:
            emit("augment", {"augmented": result, "finding": finding, "trial": trial})
            return
        show_funnel(result, project.spec.costs.currency)
        if reason:
            _show_rejected(project, decided, reason)
        show(f"{finding.status} {finding.code}: {finding.why}")
        show(f"trial: {trial.in_words}" if trial else "no trial yet: tunewell augment trial")
    if out is not None:
        show(f"{len(rows)} rows{in_file(out)}")


def found_augmentation(store: Store) -> Augmented:
    """The newest augmentation.

    Raises:
        UserError: There is none.
    """
    result = newest_augmentation(store)
    if result is None:
        raise UserError("no rows were written yet", hint="tunewell augment run")
    return result


def _training(store: Store) -> int:
    curated, divided = store.last_run("curate"), store.last_run("split")
    if curated is None or divided is None:
        return 0
    dataset = store.get_value(curated.outputs["dataset"], Dataset)
    split = store.get_value(divided.outputs["split"], Split)
    return len(RowsOfSplit.of(dataset, split, store).training)


def show_funnel(
    result: Augmented,
    currency: str,
) -> None:
    """Asked → written → accepted of every cell, with the reasons."""
    for cell in result.cells:
        rate = f"   rate {cell.rate}" if cell.rate else ""
        show(f"  {cell.name:32} {cell.accepted:>5} of {cell.wanted}, {cell.asked} asked{rate}")
        for fate, reasons in (("rejected", cell.rejected), ("failed", cell.failed)):
            if reasons:
                told = ", ".join(f"{count} {name}" for name, count in reasons.items())
                show(f"  {'':32} {fate}: {told}")
        if cell.stopped:
            show(f"  {'':32} stopped: {cell.stopped}")
    cost = result.cost
    show(
        f"{result.rows} rows accepted of {result.asked} candidates by "
        f"{', '.join(result.generators)}; {cost.requests} replies, "
        f"{cost.prompt_tokens + cost.tokens:,} tokens, {cost.cost:.2f} {currency}"
    )
    for name, why in result.unchecked.items():
        show(f"  unchecked: {name}: {why}")


def _show_rejected(
    project: Project,
    decided: list[Decided],
    reason: str,
) -> None:
    found = [each for each in decided if each.reason == reason]
    if not found:
        known = Counter(each.reason for each in decided if each.reason)
        raise UserError(
            f"no candidate was left out for {reason!r}",
            hint=f"there are: {', '.join(known) or 'none'}",
        )
    for each in found[:MOST_SHOWN]:
        other = f" ({each.other})" if each.other else ""
        show(f"  {each.number:>6} of {each.parent}: {each.evidence}{other}")
        if each.row is not None:
            show(f"         {each.row.input[:100]!r} -> {each.row.target[:100]!r}")
