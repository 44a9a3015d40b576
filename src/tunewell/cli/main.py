"""The command line: ``tunewell VERB``. Exit codes are those of `tunewell.errors`."""

from __future__ import annotations

import datetime as dt
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

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
from tunewell.cli.common import emit, note
from tunewell.errors import (
    EXIT_INTERNAL,
    EXIT_INTERRUPT,
    EXIT_MISUSE,
    EXIT_OK,
    EXIT_USER,
    UserError,
)
from tunewell.lineage import code_revision, package_versions

Verb = Callable[..., None] | typer.Typer

VERBS: Final[Mapping[str, Verb]] = {
    "doctor": doctor.command,
    "autopsy": autopsy.command,
    "init": init.command,
    "approve": approve.command,
    "run": run.command,
    "curate": curate.command,
    "annotate": annotate.app,
    "split": split.command,
    "train": train.command,
    "evaluate": evaluate.command,
    "stress": stress.command,
    "review": review.app,
    "serve": serve.command,
    "report": report.command,
    "status": status.command,
    "audit": audit.command,
    "why": why.command,
    "diff": diff.command,
    "erase": erase.command,
    "fit-check": fit_check.command,
    "select": select.command,
    "accept": accept.command,
    "ask": ask.command,
    "config": config.command,
    "model": model.command,
    "export": export.command,
}
"""Every verb, in the order in which a project meets them."""


class InOrderOfWork(TyperGroup):
    """Lists the verbs as `VERBS` does, those with verbs of their own among the others."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of the verbs."""
        return list(VERBS)


app = typer.Typer(
    cls=InOrderOfWork,
    name="tunewell",
    help="Fine-tunes a language model and brings the evidence that it is better, "
    "or says plainly why it is not.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for name, verb in VERBS.items():
    if isinstance(verb, typer.Typer):
        app.add_typer(verb, name=name)
    else:
        app.command(name)(verb)


def _print_version(value: bool) -> None:
    if value:
        sys.stdout.write(f"tunewell {__version__}\n")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            "-V",
            callback=_print_version,
            is_eager=True,
            help="Print the version.",
        ),
    ] = False,
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give the exit code; errors never show a traceback.

    Args:
        arguments: Without the program's name; those of the process if None. Without any, the help
            is shown.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    code = _guarded(given or ["--help"])
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _guarded(arguments: list[str]) -> int:
    try:
        code = app(arguments, prog_name="tunewell", standalone_mode=False)
        return int(code or EXIT_OK)
    except UserError as error:
        _tell(arguments, error)
        return EXIT_USER
    except typer.Abort:
        note("\ninterrupted")
        return EXIT_INTERRUPT
    except KeyboardInterrupt:
        note("\ninterrupted: finished work is kept, and the next run resumes from there")
        return EXIT_INTERRUPT
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except typer.TyperException as error:
        _tell(arguments, _misuse(error))
        return EXIT_MISUSE
    except Exception:
        _tell(arguments, _internal_error(arguments))
        return EXIT_INTERNAL


def _tell(arguments: list[str], error: UserError) -> None:
    """The error on stderr, and in the envelope where one was asked for."""
    if "--json" in arguments:
        told = {"message": error.message, "place": error.place, "hint": error.hint}
        emit(arguments[0], None, error=told)
    note(f"error: {error}")


def _misuse(error: typer.TyperException) -> UserError:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "tunewell"
    return UserError(error.format_message(), hint=f"{path} --help")


def _internal_error(arguments: list[str]) -> UserError:
    """Write what happened to a file in the project (or in the temporary folder), and name it."""
    now = dt.datetime.now(dt.UTC)
    trace = traceback.format_exc()
    lines = [
        f"tunewell {code_revision()}, Python {sys.version}",
        f"arguments: {' '.join(arguments)}",
        f"packages: {package_versions()}",
        "",
        trace,
    ]
    text = "\n".join(lines)

    project = Path(".tunewell")
    folder = project if project.is_dir() else Path(tempfile.gettempdir())
    path = folder / f"tunewell-fault-{now:%Y%m%dT%H%M%S}-{os.getpid()}.txt"
    try:
        path.write_text(text, encoding="utf-8")
    except OSError:
        note(text)
    what = trace.strip().splitlines()[-1]
    return UserError(
        f"an internal error in Tunewell: {what}",
        hint=f"please send {path.resolve()} with your report",
    )


if __name__ == "__main__":
    sys.exit(main())
