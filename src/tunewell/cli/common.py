"""What all verbs share: the project, data on stdout, everything else on stderr, the envelope."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter
from rich.console import RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from tunewell.cli.terminal import SafeConsole, safe_json, write_data
from tunewell.project import Project
from tunewell.store import default_author
from tunewell.types import Outcome

SCHEMA = "tunewell/1"

DATABASE_URL = "TUNEWELL_DATABASE_URL"
"""Variable that names a PostgreSQL database for every verb; SQLite beside the project without."""

WAIT_S = 3600.0
"""How long ``--wait`` waits for a project that another process holds."""

SHOW_AFTER_S = 2.0
"""What takes longer than this shows its progress."""

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


class _Bar(Progress):
    """A progress bar with something under it, shown once the work takes long enough."""

    below: Callable[[], RenderableType] | None = None
    began: float = 0.0
    shown: bool = False

    def get_renderables(self) -> Iterable[RenderableType]:
        yield from super().get_renderables()
        if self.below:
            yield self.below()

    def step(
        self,
        task: TaskID,
        done: int,
        total: int,
    ) -> None:
        """Show how far the work is."""
        if not self.shown and time.monotonic() - self.began > SHOW_AFTER_S:
            self.start()
            self.shown = True
        self.update(task, completed=done, total=total)


@contextlib.contextmanager
def progress(
    label: str,
    *,
    quiet: bool = False,
    below: Callable[[], RenderableType] | None = None,
) -> Iterator[Callable[[int, int], None] | None]:
    """A bar on stderr for whatever takes more than two seconds; nothing when it is not a terminal.

    Args:
        label: What is under way.
        quiet: Show nothing.
        below: Gives what is shown under the bar, anew each time it is drawn.

    Yields:
        A callback (done, total), or None where nothing is to be shown.
    """
    if quiet or not err.is_terminal:
        yield None
        return

    bar = _Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
    )
    bar.below = below
    bar.began = time.monotonic()
    task = bar.add_task(label, total=None)
    try:
        yield lambda done, total: bar.step(task, done, total)
    finally:
        if bar.shown:
            bar.stop()
