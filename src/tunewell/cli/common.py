"""What all verbs share: where the project is, data on stdout, everything else on stderr, one JSON envelope."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tunewell.store import Store
from tunewell.task import TaskFile, load_task
from tunewell.types import Outcome

SCHEMA = "tunewell/1"

ProjectArgument = Annotated[
    Path, typer.Argument(help="Folder that holds tunewell.yaml.", show_default=".")
]
ProjectOption = Annotated[
    Path, typer.Option("--project", "-p", help="Folder that holds tunewell.yaml.", show_default=".")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON envelope on stdout.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Override a value of tunewell.yaml."),
]
WaitOption = Annotated[
    bool,
    typer.Option(
        "--wait", help="Queue behind another process that holds the project, up to an hour."
    ),
]
AuthorOption = Annotated[
    str,
    typer.Option(
        "--as",
        metavar="NAME",
        help="Who says so.",
        show_default="$TUNEWELL_AUTHOR or the login name",
    ),
]

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

WAIT_S = 3600.0


def emit(
    command: str, result: object, *, verdict: Outcome | None = None, error: object = None
) -> None:
    """Print the JSON envelope: ``{"schema", "command", "verdict", "result"}``, and ``"error"`` where there is one."""
    envelope: dict[str, Any] = {
        "schema": SCHEMA,
        "command": command,
        "verdict": verdict,
        "result": result,
    }
    if error is not None:
        envelope["error"] = error
    plain = json.loads(
        TypeAdapter(Any).dump_json(envelope, by_alias=True)
    )  # open ends become "Infinity", as text
    sys.stdout.write(json.dumps(plain, ensure_ascii=False, allow_nan=False) + "\n")


def note(text: str) -> None:
    """One line for the person at the terminal, on stderr, never interpreted as markup."""
    err.print(text, markup=False)


@contextlib.contextmanager
def project(
    path: Path, *, overrides: list[str] | None = None, lock: str = "", wait: bool = False
) -> Iterator[tuple[TaskFile, Store]]:
    """The definition and the store of a project, the store locked for writing when ``lock`` says what for."""
    file = load_task(path, overrides=overrides or ())
    with Store(file.root) as store:
        if not lock:
            yield file, store
            return
        wait_s = WAIT_S if wait else 0.0
        with store.lock(
            lock,
            wait_s=wait_s,
            waiting=lambda holder: note(f"waiting: this project is held by {holder}"),
        ):
            yield file, store


class _Bar(Progress):
    """A progress bar with something under it."""

    below: Callable[[], RenderableType] | None = None

    def get_renderables(self) -> Iterable[RenderableType]:
        yield from super().get_renderables()
        if self.below:
            yield self.below()


@contextlib.contextmanager
def progress(
    label: str, *, quiet: bool = False, below: Callable[[], RenderableType] | None = None
) -> Iterator[Callable[[int, int], None] | None]:
    """A bar on stderr for whatever takes more than two seconds; nothing when it is not a terminal.

    Args:
        label: What is under way.
        quiet: Show nothing.
        below: Gives what stands under the bar, anew each time it is drawn.

    Yields:
        A callback (done, total), or None where nothing is to be shown.
    """
    if quiet or not err.is_terminal:
        yield None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    bar = _Bar(*columns, console=err, transient=True)
    bar.below = below
    started = time.monotonic()
    task = bar.add_task(label, total=None)
    shown = False

    def step(done: int, total: int) -> None:
        nonlocal shown
        if not shown and time.monotonic() - started > 2:
            bar.start()
            shown = True
        bar.update(task, completed=done, total=total)

    try:
        yield step
    finally:
        if shown:
            bar.stop()
