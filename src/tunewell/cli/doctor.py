"""``tunewell doctor``: what is wrong with a file of rows, in one command and without a project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import JsonOption, emit, note, show
from tunewell.curate.doctor import DoctorReport, doctor, fix
from tunewell.errors import EXIT_NO_GO
from tunewell.pitfalls import pitfall
from tunewell.task import load_task
from tunewell.types import Finding


def command(
    file: Annotated[Path, typer.Argument(help="File or folder of training rows.")],
    eval: Annotated[  # the name of the option
        Path | None,
        typer.Option("--eval", help="Validation or test rows: finds what leaks into training."),
    ] = None,
    task: Annotated[
        Path | None,
        typer.Option("--task", help="A tunewell.yaml whose rules are applied too."),
    ] = None,
    fix_to: Annotated[
        Path | None,
        typer.Option(
            "--fix",
            metavar="OUT",
            help="Write the rows that survive, and a receipt for each row.",
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show every data problem it can detect in a file, most harmful first.

    Exit code 3 if any of them blocks training.
    """
    definition = load_task(task) if task else None
    report = doctor(file, eval=eval, task=definition)
    if fix_to is not None:
        read, kept = fix(file, fix_to, eval=eval, task=definition)
        note(f"{kept} of {read} rows written to {fix_to}, receipts to {fix_to}.receipts.jsonl")
    if json:
        emit("doctor", report.result(), verdict="NO-GO" if report.blocking else "GO")
    else:
        _show(file, report)
    if report.blocking:
        raise typer.Exit(EXIT_NO_GO)


def _show(file: Path, report: DoctorReport) -> None:
    most_first = sorted(report.formats.items(), key=lambda count: -count[1])
    formats = ", ".join(f"{rows} {name}" for name, rows in most_first)
    show(f"{file}: {report.rows} rows ({formats}) in {report.seconds:.1f} s")

    for finding in report.findings:
        if finding.status == "found":
            _show_found(finding, report)

    clear = [_named(f) for f in report.findings if f.status == "clear"]
    if clear:
        show(f"\nclear: {', '.join(clear)}")

    show("\nnot checked:")
    for finding in report.findings:
        if finding.status == "unchecked":
            show(f"    {_named(finding)}: {finding.why}")


def _show_found(finding: Finding, report: DoctorReport) -> None:
    mark = "blocks" if finding.blocking else "found"
    show(f"\n{_named(finding)} [{mark}]: {finding.why}")
    for line in report.examples.get(finding.code, ()):
        show(f"    {line}")
    if finding.remedy:
        show(f"    remedy: {finding.remedy}")


def _named(finding: Finding) -> str:
    return f"{finding.code} {pitfall(finding.code).name}"
