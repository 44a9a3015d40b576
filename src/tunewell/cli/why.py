"""``tunewell why ROW``: what became of a row, in which step, by which rule."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import JsonOption, ProjectOption, emit, out, project
from tunewell.lineage import why


def command(
    row: Annotated[str, typer.Argument(help="The row's own id, else file:line.")],
    path: ProjectOption = Path(),
    json: JsonOption = False,
) -> None:
    """Say what happened to a row: every step that touched it, and where it went."""
    with project(path) as (_, store):
        history = why(store, row)
    if json:
        emit("why", history)
        return
    out.print(
        f"{row} (read from {history.receipts[0].place}), dataset {history.dataset[:12]}",
        markup=False,
    )
    for r in history.receipts:
        head = f"  {r.action:8} {r.step}"
        code = f" {r.code}" if r.code else ""
        out.print(f"{head}{code}: {r.rule}" + (f"  [{r.cites}]" if r.cites else ""), markup=False)
        if r.evidence:
            out.print(f"           seen: {r.evidence}", markup=False)
        if r.other:
            out.print(f"           other row: {r.other}", markup=False)
    if history.part:
        family = f", family {history.family}" if history.family else ""
        out.print(f"  went to {history.part}{family}", markup=False)
