"""The command line: ``tunewell VERB``. Exit codes are those of `tunewell.errors`."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Mapping, Sequence
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
    augment,
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
from tunewell.cli.fault_report import write_fault_report
from tunewell.cli.trust import FLAG, asking, take_flag
from tunewell.errors import (
    EXIT_INTERNAL,
    EXIT_INTERRUPT,
    EXIT_MISUSE,
    EXIT_OK,
    EXIT_USER,
    UserError,
)

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
USERS_ERRORS: Final = FULL | {
    errno.EACCES,
    errno.EEXIST,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
}
"""What a file system answers to a path that a user has named."""

Verb = Callable[..., None] | typer.Typer

VERBS: Final[Mapping[str, Verb]] = {
    "doctor": doctor.command,
    "autopsy": autopsy.command,
    "init": init.command,
    "approve": approve.command,
    "run": run.command,
    "curate": curate.command,
    "annotate": annotate.app,
    "augment": augment.app,
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
    trust: Annotated[
        bool,
        typer.Option(
            FLAG,
            help="Trust the project: run the code that it brings (own metrics, a recogniser). "
            "May stand anywhere on the line.",
        ),
    ] = False,
) -> None:
    pass  # --trust is taken from the line before it is read


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give the exit code; errors never show a traceback.

    Args:
        arguments: Without the program's name; those of the process if None. Without any, the help
            is shown.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    given, trusted = take_flag(given)
    with asking(trusted):
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
    except OSError as error:
        if not _is_users(error):
            _tell(arguments, _internal_error(arguments))
            return EXIT_INTERNAL
        _tell(arguments, _file_error(error))
        return EXIT_USER
    except Exception:
        _tell(arguments, _internal_error(arguments))
        return EXIT_INTERNAL


def _is_users(error: OSError) -> bool:
    """Whether it is about a file that a user named, or about the room on their disk."""
    return error.errno in USERS_ERRORS and (bool(error.filename) or error.errno in FULL)


def _file_error(error: OSError) -> UserError:
    hint = "free some space and run again" if error.errno in FULL else "check the path"
    place = f": {error.filename}" if error.filename else ""
    return UserError(f"{error.strerror}{place}", hint=hint)


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
    """Write what happened to a file that only this user can read, and name it."""
    what, path, report = write_fault_report(arguments)
    if path is None:
        note(report)
    where = str(path) if path else "the lines above"
    return UserError(
        f"an internal error in Tunewell: {what}", hint=f"please send {where} with your report"
    )


if __name__ == "__main__":
    sys.exit(main())
