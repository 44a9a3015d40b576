"""What all verbs share: the project, data on stdout, everything else on stderr, the envelope."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tunewell.cli.terminal import SafeConsole, safe_json, write_data

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tunewell.project import Project
    from tunewell.types import Outcome

Step = Callable[[int, int], None]
"""Takes how much is done, of how much."""

SCHEMA = "tunewell/1"

DATABASE_URL = "TUNEWELL_DATABASE_URL"
"""Variable that names a PostgreSQL database for every verb; SQLite beside the project without."""

WAIT_S = 3600.0
"""How long ``--wait`` waits for a project that another process holds."""

ProjectArgument = Annotated[
    Path,
    typer.Argument(help="Folder with tunewell.yaml.", show_default="."),
]
ProjectOption = Annotated[
    Path,
    typer.Option("--project", "-p", help="Folder with tunewell.yaml.", show_default="."),
]
JsonOption = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON envelope on stdout."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Override a value of tunewell.yaml. Repeatable.",
    ),
]
WaitOption = Annotated[
    bool,
    typer.Option("--wait", help="Wait up to an hour for another process to release the project."),
]


def _or_default_author(name: str) -> str:
    from tunewell.store import default_author

    return name or default_author()


AuthorOption = Annotated[
    str,
    typer.Option(
        "--as",
        metavar="NAME",
        callback=_or_default_author,
        help="Name to record.",
        show_default="$TUNEWELL_AUTHOR or the login name",
    ),
]

out = SafeConsole()
err = SafeConsole(stderr=True)


def emit(
    command: str,
    result: object,
    *,
    verdict: Outcome | None = None,
    error: object = None,
) -> None:
    """Print the envelope: ``{"schema", "command", "verdict", "result"}``, and ``"error"`` if any.

    Args:
        command: The verb.
        result: Anything that pydantic can write; infinities become text (``"Infinity"``).
        verdict: If the verb has one.
        error: ``{"message", "place", "hint"}`` after an error.
    """
    from pydantic import TypeAdapter

    envelope: dict[str, Any] = {
        "schema": SCHEMA,
        "command": command,
        "verdict": verdict,
        "result": result,
    }
    if error is not None:
        envelope["error"] = error
    plain = json.loads(TypeAdapter(Any).dump_json(envelope, by_alias=True))
    write_data(safe_json(plain) + "\n")


def show(text: str) -> None:
    """One line of the result, on stdout, never interpreted as markup."""
    out.print(text, markup=False)


def note(text: str) -> None:
    """One line for the person at the terminal, on stderr, never interpreted as markup."""
    err.print(text, markup=False)


@contextlib.contextmanager
def open_project(
    path: Path,
    *,
    overrides: list[str] | None = None,
    lock: str = "",
    wait: bool = False,
) -> Iterator[Project]:
    """A project, its store open and, if wanted, locked.

    Args:
        path: Its folder.
        overrides: Settings that take precedence over the file's.
        lock: What the store is locked for; it is not locked if empty.
        wait: Whether to wait for another process that holds the project.
    """
    from tunewell.project import Project

    url = os.environ.get(DATABASE_URL, "")
    with (
        Project.open(path, overrides=overrides or (), url=url) as project,
        contextlib.ExitStack() as held,
    ):
        if lock:
            wait_s = WAIT_S if wait else 0.0
            held.enter_context(project.store.lock(lock, wait_s=wait_s, waiting=_waiting))
        yield project


def _waiting(holder: str) -> None:
    note(f"waiting: this project is held by {holder}")


def progress(
    label: str,
    *,
    quiet: bool = False,
    below: Callable[[], RenderableType] | None = None,
    kept_in: Path | None = None,
) -> AbstractContextManager[Step]:
    """Shows on stderr how far something is, once it has taken two seconds.

    Args:
        label: What is under way.
        quiet: Show nothing.
        below: Gives what is shown under the bar, anew each time it is drawn.
        kept_in: Where other processes find how far it is: the project's ``.tunewell``.

    Returns:
        A context that gives a callback (done, total); without a call, only the time is shown.
    """
    from tunewell.cli.progress import watched

    return watched(label, quiet=quiet, below=below, kept_in=kept_in)
