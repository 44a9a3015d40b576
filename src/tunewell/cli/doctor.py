"""``tunewell doctor``: what is wrong with a file of rows, in one command and without a project."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, get_args

import typer

from tunewell.cli.common import JsonOption, emit, note, progress, show
from tunewell.curate.doctor import DoctorReport, doctor, fix
from tunewell.errors import EXIT_NO_GO, UserError
from tunewell.pitfalls import pitfall
from tunewell.plurals import plural
from tunewell.task import FieldMap, load_task
from tunewell.types import Finding, Role
from tunewell.types.read_files import KeyUse, in_words

OUR_ROLES = get_args(Role)


def command(
    files: Annotated[
        list[Path],
        typer.Argument(help="Files or folders of training rows; - reads standard input."),
    ],
    eval: Annotated[  # the name of the option
        Path | None,
        typer.Option("--eval", help="Validation or test rows: finds what leaks into training."),
    ] = None,
    task: Annotated[
        Path | None,
        typer.Option("--task", help="A tunewell.yaml whose rules are applied too."),
    ] = None,
    input: Annotated[  # the name of the option
        str,
        typer.Option("--input", metavar="COLUMN", help="Column of the question."),
    ] = "",
    target: Annotated[
        str,
        typer.Option("--target", metavar="COLUMN", help="Column of the answer."),
    ] = "",
    role: Annotated[
        list[str] | None,
        typer.Option("--role", metavar="NAME=ROLE", help="Whose role a name is. Repeatable."),
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
    """Show every data problem found in a file, most harmful first.

    Exit code 3 if any of them blocks training.
    """
    definition = load_task(task) if task else None
    fields = _fields(input, target, role or [])
    with _on_disk(files) as paths:
        with progress("doctor: reading and checking the rows", quiet=json) as step:
            report = doctor(paths, eval=eval, task=definition, fields=fields, progress=step)
        if fix_to is not None:
            with progress("doctor: writing the rows that survive", quiet=json):
                read, kept = fix(paths, fix_to, eval=eval, task=definition, fields=fields)
            note(
                f"{kept:,} of {plural(read, 'row')} written to {fix_to}, "
                f"receipts to {fix_to}.receipts.jsonl"
            )
    if json:
        emit("doctor", report.result(), verdict="NO-GO" if report.blocking else "GO")
    else:
        _show(", ".join(map(str, files)), report)
    if report.blocking:
        raise typer.Exit(EXIT_NO_GO)


def _fields(asked: str, answer: str, roles: list[str]) -> FieldMap:
    """Columns and roles that the user names.

    Raises:
        UserError: A role is not one of ours.
    """
    named: dict[str, str] = {}
    for each in roles:
        name, _, ours = each.rpartition("=")
        if not name or ours not in OUR_ROLES:
            raise UserError(
                f"--role must be NAME=ROLE with one of the roles {', '.join(OUR_ROLES)}. "
                f"Got {each!r} instead.",
                hint="--role patient=user --role doctor=assistant",
            )
        named[name] = ours
    values = {"input": asked, "target": answer, "roles": named}
    return FieldMap.model_validate({key: value for key, value in values.items() if value})


@contextmanager
def _on_disk(files: list[Path]) -> Iterator[list[Path]]:
    """The files, with what stands for standard input written to one."""
    if Path("-") not in files:
        yield files
        return
    with tempfile.TemporaryDirectory(prefix="tunewell-") as folder:
        path = Path(folder) / "stdin"
        path.write_bytes(sys.stdin.buffer.read())
        yield [path if file == Path("-") else file for file in files]


def _show(name: str, report: DoctorReport) -> None:
    most_first = sorted(report.formats.items(), key=lambda count: -count[1])
    formats = ", ".join(f"{rows} {form}" for form, rows in most_first)
    show(f"{name}: {plural(report.rows, 'row')} ({formats}) in {report.seconds:.1f} s")
    _show_reading(report)

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


_MOST_SHOWN = 8
"""Columns of a file, and reasons for rejects, that are shown."""


def _show_reading(report: DoctorReport) -> None:
    """How the files were read: columns, what is not used, what is lost."""
    for file in dict.fromkeys(each.file for each in report.columns):
        _show_columns(file, [each for each in report.columns if each.file == file])
    for line in report.rejects[:_MOST_SHOWN]:
        lost = f", about {plural(line.rows, 'row')} lost" if line.rows > line.count else ""
        show(f"not read: {plural(line.count, 'place')}{lost}; {line.place}: {line.why}")
        if line.hint:
            show(f"    hint: {line.hint}")
    for said in report.notes:
        show(f"note: {said}")


def _show_columns(file: str, uses: list[KeyUse]) -> None:
    show(f"{file}: {in_words(uses)}")
    unused = [each for each in uses if not each.is_used]
    for each in unused[:_MOST_SHOWN]:
        show(f"    not used: {each.key} ({plural(each.rows, 'row')}, e.g. {each.example})")
    if len(unused) > _MOST_SHOWN:
        show(f"    not used: {len(unused) - _MOST_SHOWN} further columns (--json lists them)")


def _show_found(finding: Finding, report: DoctorReport) -> None:
    mark = "blocks" if finding.blocking else "found"
    show(f"\n{_named(finding)} [{mark}]: {finding.why}")
    for line in report.examples.get(finding.code, ()):
        show(f"    {line}")
    if finding.remedy:
        show(f"    remedy: {finding.remedy}")


def _named(finding: Finding) -> str:
    return f"{finding.code} {pitfall(finding.code).name}"
