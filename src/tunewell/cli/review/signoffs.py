"""``tunewell review signoffs``: who vouches for what, under which guideline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.batches import BatchOption, batch_named
from tunewell.cli.common import JsonOption, ProjectOption, emit, open_project, show
from tunewell.cli.written import in_file
from tunewell.people import SignOff, WorkStore, reopen_sign_offs, sign_offs
from tunewell.people.signoff import sign_offs_csv
from tunewell.plurals import plural

MOST_SHOWN = 20
LONGEST_QUOTE = 60


def command(
    path: ProjectOption = Path(),
    which: BatchOption = "",
    output: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write the sign-offs to this file (CSV)."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """List the sign-offs of a review; those under an older guideline are open again."""
    with open_project(path) as project:
        store = project.store
        reopened = sum(reopen_sign_offs(project).values())
        batch = batch_named(store, "review", which)
        found = sign_offs(WorkStore(store), batch)
    if output:
        output.write_text(sign_offs_csv(found), encoding="utf-8")

    if json:
        emit("review", found)
    elif not batch.signed:
        show("no criterion is signed")
        show("people: {rubric: [{name: accurate, question: '…', signed: true}]}")
    else:
        _show(found, reopened, in_file(output))


def _show(
    found: Sequence[SignOff],
    reopened: int,
    where: str,
) -> None:
    valid = sum(one.holds for one in found)
    show(f"{plural(len(found), 'sign-off')}, {valid} valid{where}")
    if reopened:
        show(f"the guideline has changed: {reopened} are open again")
    for one in found[:MOST_SHOWN]:
        state = "valid" if one.holds else "open again"
        quotes = " | ".join(quote[:LONGEST_QUOTE] for quote in one.quotes) or "no place named"
        show(
            f"  {one.example}: {one.criterion} {one.value:g}, {one.signer}, "
            f"{one.version} ({state}): {quotes}"
        )
