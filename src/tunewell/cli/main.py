"""The command line: ``tunewell VERB``. Exit codes are those of `tunewell.errors`."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Final

import typer

from tunewell.cli.trust import FLAG, asking, take_flag
from tunewell.cli.verb_group import AllVerbs
from tunewell.cli.verbs import COMPLETION, VERBS
from tunewell.errors import (
    EXIT_INTERNAL,
    EXIT_INTERRUPT,
    EXIT_MISUSE,
    EXIT_OK,
    EXIT_USER,
    MissingExtraError,
    UserError,
)
from tunewell.full_disk import NO_SPACE, is_full
from tunewell.revision import code_revision

__all__ = ["VERBS", "app", "main"]

USERS_ERRORS: Final = {
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

RESUMING: Final = frozenset(
    {"augment", "curate", "demo", "evaluate", "run", "split", "stress", "train"}
)
"""Verbs whose work is kept stage by stage."""

app = typer.Typer(
    cls=AllVerbs,
    name="tunewell",
    help="Fine-tunes a language model and brings the evidence that it is better, "
    "or says plainly why it is not.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(value: bool) -> None:
    if value:
        sys.stdout.write(f"tunewell {code_revision()}\n")
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
            help="Print the version, with the revision where it is known.",
        ),
    ] = False,
    trust: Annotated[
        bool,
        typer.Option(
            FLAG,
            help="Trust the project: run the code that it brings (own metrics, a recogniser). "
            "May appear anywhere on the line.",
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
    if COMPLETION in os.environ:
        from tunewell.cli.completion import complete

        return complete()

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
        if code == EXIT_INTERRUPT:
            # typer makes an exit code of an interrupt, without a word.
            _tell_interrupted(arguments)
        return int(code or EXIT_OK)
    except UserError as error:
        _tell(arguments, error)
        return EXIT_USER
    except typer.Abort:
        _note("\ninterrupted")
        return EXIT_INTERRUPT
    except KeyboardInterrupt:
        _tell_interrupted(arguments)
        return EXIT_INTERRUPT
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except typer.TyperException as error:
        _tell(arguments, _misuse(error))
        return EXIT_MISUSE
    except Exception as error:
        users = _users_error(error)
        _tell(arguments, users or _internal_error(arguments))
        return EXIT_USER if users else EXIT_INTERNAL


def _tell_interrupted(arguments: Sequence[str]) -> None:
    """What became of the work; ``init`` has said so itself."""
    verb = arguments[0]
    if verb in RESUMING:
        _note("\ninterrupted: finished work is kept, and the next run resumes from there")
    elif verb != "init":
        _note("\ninterrupted")


def _users_error(error: Exception) -> UserError | None:
    """What an error says of a file that the user named, or of the room on their disk; else None."""
    if is_full(error):
        name = getattr(error, "filename", None)
        return UserError(f"the disk is full{f': {name}' if name else ''}", hint=NO_SPACE)
    if isinstance(error, OSError) and error.errno in USERS_ERRORS and error.filename:
        return UserError(f"{error.strerror}: {error.filename}", hint="check the path")
    if isinstance(error, ModuleNotFoundError):
        from tunewell.installation import extra_of

        extra = extra_of(error.name or "")
        return MissingExtraError(extra, needed_for="this command") if extra else None
    return None


def _tell(arguments: list[str], error: UserError) -> None:
    """The error on stderr, and in the envelope where one was asked for."""
    from tunewell.cli.common import emit

    if "--json" in arguments:
        told = {"message": error.message, "place": error.place, "hint": error.hint}
        emit(arguments[0], None, error=told)
    _note(f"error: {error}")


def _note(text: str) -> None:
    """A line on stderr; the console is imported only when there is something to say."""
    from tunewell.cli.common import note

    note(text)


def _misuse(error: typer.TyperException) -> UserError:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "tunewell"
    return UserError(error.format_message(), hint=f"{path} --help")


def _internal_error(arguments: list[str]) -> UserError:
    """Write what happened to a file that only this user can read, and name it."""
    from tunewell.cli.fault_report import write_fault_report

    what, path, report = write_fault_report(arguments)
    if path is None:
        _note(report)
    where = str(path) if path else "the lines above"
    return UserError(
        f"an internal error in Tunewell: {what}", hint=f"please send {where} with your report"
    )


if __name__ == "__main__":
    sys.exit(main())
