"""``tunewell audit``: whether what can only grow is as it was written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from tunewell.cli.common import DATABASE_URL, JsonOption, ProjectOption, emit, out
from tunewell.errors import EXIT_NO_GO
from tunewell.plurals import plural
from tunewell.store import LedgerReport, Store
from tunewell.store.ledger import read_head
from tunewell.task import load_task

AuditAction = Literal["verify", "head"]


def command(
    action: Annotated[AuditAction, typer.Argument(help="verify or head.")],
    path: ProjectOption = Path(),
    known: Annotated[
        list[str] | None,
        typer.Option(
            "--head", metavar="NUMBER:LINK", help="A head noted earlier, elsewhere. Repeatable."
        ),
    ] = None,
    url: Annotated[
        str,
        typer.Option(
            "--database-url",
            envvar=DATABASE_URL,
            help="PostgreSQL instead of SQLite; set the variable for every verb.",
        ),
    ] = "",
    json: JsonOption = False,
) -> None:
    """Check that no event, verdict or log line was changed or removed.

    Prints the head of the ledger: keep it elsewhere, and give it with --head later.
    """
    heads = [read_head(text) for text in known or ()]
    with Store(load_task(path).root, url=url) as store:
        if action == "head":
            head = store.note_head()
            if json:
                emit("audit", {"head": str(head)})
            else:
                out.print(str(head), markup=False)
            return
        report = store.check_ledger(known=heads)
        if not report.faults:
            store.note_head()
    if json:
        emit("audit", {**report.model_dump(mode="json"), "head": str(report.head)})
    else:
        _print(report)
    if report.faults:
        raise typer.Exit(EXIT_NO_GO)


def _print(report: LedgerReport) -> None:
    for fault in report.faults:
        out.print(fault, markup=False)
    if report.faults:
        out.print("\nthe record is not intact: it was changed outside Tunewell", markup=False)
        return
    out.print(
        f"{plural(report.entries, 'entry', 'entries')} intact, {report.erased} erased\n"
        f"head {report.head}",
        markup=False,
    )
