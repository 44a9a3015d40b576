"""``tunewell why ROW``: what became of a row, in which step, by which rule."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import JsonOption, ProjectOption, emit, open_project, show
from tunewell.lineage import RowHistory, why
from tunewell.types import Receipt


def command(
    row: Annotated[str, typer.Argument(help="The row's own id, else file:line.")],
    path: ProjectOption = Path(),
    json: JsonOption = False,
) -> None:
    """Show what happened to a row, step by step, and where it went."""
    with open_project(path) as project:
        store = project.store
        history = why(store, row)
    if json:
        emit("why", history)
    else:
        _show(history)
        for clip in history.audio:
            show(f"  heard: {store.files.path(clip)}")


def _show(history: RowHistory) -> None:
    place = history.receipts[0].place
    show(f"{history.row} (read from {place}), dataset {history.dataset[:12]}")
    for receipt in history.receipts:
        _show_receipt(receipt)
    if history.part:
        family = f", family {history.family}" if history.family else ""
        show(f"  went to {history.part}{family}")


def _show_receipt(receipt: Receipt) -> None:
    code = f" {receipt.code}" if receipt.code else ""
    cites = f"  [{receipt.cites}]" if receipt.cites else ""
    show(f"  {receipt.action:8} {receipt.step}{code}: {receipt.rule}{cites}")
    if receipt.evidence:
        show(f"           evidence: {receipt.evidence}")
    if receipt.other:
        show(f"           other row: {receipt.other}")
