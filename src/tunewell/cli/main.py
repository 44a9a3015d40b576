"""The command line: ``tunewell VERB``. Exit codes are those of `tunewell.errors`."""

from __future__ import annotations

import datetime as dt
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from tunewell import __version__
from tunewell.cli import (
    accept,
    annotate,
    approve,
    ask,
    audit,
    autopsy,
    config,
    curate,
    diff,
    doctor,
    erase,
    evaluate,
    export,
    fit_check,
    init,
    model,
    report,
    review,
    run,
    select,
    serve,
    split,
    status,
    stress,
    train,
    why,
)
from tunewell.cli.common import emit, err
from tunewell.errors import (
    EXIT_INTERNAL,
    EXIT_INTERRUPT,
    EXIT_MISUSE,
    EXIT_OK,
    EXIT_USER,
    UserError,
)
from tunewell.lineage import code_revision, package_versions

app = typer.Typer(
    name="tunewell",
    help="Fine-tunes a language model and brings the evidence that it is better, or says plainly why it is not.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for verb in (
    doctor,
    autopsy,
    init,
    approve,
    run,
    curate,
    annotate,
    split,
    train,
    evaluate,
    stress,
    review,
    serve,
    report,
    status,
    audit,
    why,
    diff,
    erase,
    fit_check,
    select,
    accept,
    ask,
    config,
    model,
    export,
):
    app.command(name=verb.__name__.rsplit(".", 1)[1].replace("_", "-"))(verb.command)


def _print_version(value: bool) -> None:
    if value:
        sys.stdout.write(f"tunewell {__version__}\n")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give the exit code; errors never show a traceback.

    Args:
        arguments: Without the program's name; those of the process if None.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    code = _guarded(arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _guarded(arguments: list[str]) -> int:
    try:
        return int(app(arguments, prog_name="tunewell", standalone_mode=False) or EXIT_OK)
    except UserError as error:
        _tell(arguments, error.message if error.message else str(error), error.place, error.hint)
        return EXIT_USER
    except typer.Abort:
        err.print("\ninterrupted")
        return EXIT_INTERRUPT
    except KeyboardInterrupt:
        err.print("\ninterrupted: what was finished is kept, the next run goes on from there")
        return EXIT_INTERRUPT
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        path = context.command_path if context else "tunewell"
        _tell(arguments, getattr(error, "format_message", error.__str__)(), "", f"{path} --help")
        return EXIT_MISUSE
    except Exception:
        return _our_fault(arguments)


def _tell(arguments: list[str], message: str, place: str, hint: str) -> None:
    error = UserError(message, place=place, hint=hint)
    if "--json" in arguments:
        command = arguments[0] if arguments else ""
        emit(command, None, error={"message": message, "place": place, "hint": hint})
    err.print(f"error: {error}", markup=False)


def _our_fault(arguments: list[str]) -> int:
    """Write a report of a fault of ours beside the project (or in the temporary folder) and say where it lies."""
    stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%S")
    text = "\n".join(
        [
            f"tunewell {code_revision()}, Python {sys.version}",
            f"arguments: {' '.join(arguments)}",
            f"packages: {package_versions()}",
            "",
            traceback.format_exc(),
        ]
    )
    folder = Path(".tunewell") if Path(".tunewell").is_dir() else Path(tempfile.gettempdir())
    path = folder / f"tunewell-fault-{stamp}-{os.getpid()}.txt"
    try:
        path.write_text(text, encoding="utf-8")
    except OSError:
        err.print(text, markup=False)
    kind = text.strip().splitlines()[-1]
    _tell(
        arguments,
        f"this is a fault of Tunewell, not yours: {kind}",
        "",
        f"please send {path.resolve()} with your report",
    )
    return EXIT_INTERNAL


if __name__ == "__main__":
    sys.exit(main())
