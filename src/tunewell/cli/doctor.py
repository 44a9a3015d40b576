"""``tunewell doctor``: what is wrong with a file of rows, in one command and without a project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import JsonOption, emit, note, out
from tunewell.curate.doctor import DoctorReport, doctor, fix
from tunewell.errors import EXIT_NO_GO
from tunewell.pitfalls import pitfall
from tunewell.task import load_task


def command(
    file: Annotated[Path, typer.Argument(help="File or folder of training rows.")],
    eval: Annotated[  # the name of the option
        Path | None,
        typer.Option("--eval", help="Validation or test rows: finds what leaks into training."),
    ] = None,
    task: Annotated[
        Path | None, typer.Option("--task", help="A tunewell.yaml whose rules are applied too.")
    ] = None,
    fix_to: Annotated[
        Path | None,
        typer.Option(
            "--fix", metavar="OUT", help="Write the rows that survive, and a receipt for each."
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show every data pitfall that can be seen in a file, most harmful first.

    Exit 3 where one of them blocks.
    """
    definition = load_task(task) if task else None
    report = doctor(file, eval=eval, task=definition)
    if fix_to is not None:
        read, kept = fix(file, fix_to, eval=eval, task=definition)
        note(f"{kept} of {read} rows written to {fix_to}, receipts to {fix_to}.receipts.jsonl")
    if json:
        emit("doctor", report.result(), verdict="NO-GO" if report.blocking else "GO")
    else:
        _print(file, report)
    if report.blocking:
        raise typer.Exit(EXIT_NO_GO)


def _print(file: Path, report: DoctorReport) -> None:
    formats = ", ".join(
        f"{n} {name}" for name, n in sorted(report.formats.items(), key=lambda kv: -kv[1])
    )
    out.print(f"{file}: {report.rows} rows ({formats}) in {report.seconds:.1f} s", markup=False)
    for finding in report.findings:
        if finding.status != "found":
            continue
        mark = "blocks" if finding.blocking else "found"
        out.print(
            f"\n{finding.code} {pitfall(finding.code).name} [{mark}]: {finding.why}", markup=False
        )
        for line in report.examples.get(finding.code, ()):
            out.print(f"    {line}", markup=False)
        if finding.remedy:
            out.print(f"    remedy: {finding.remedy}", markup=False)
    clear = [f.code for f in report.findings if f.status == "clear"]
    if clear:
        out.print(
            f"\nclear: {', '.join(f'{code} {pitfall(code).name}' for code in clear)}", markup=False
        )
    out.print("\nnot checked:", markup=False)
    for finding in report.findings:
        if finding.status == "unchecked":
            out.print(
                f"    {finding.code} {pitfall(finding.code).name}: {finding.why}", markup=False
            )
