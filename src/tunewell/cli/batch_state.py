"""``tunewell annotate|review close`` and ``reopen``: whether a batch takes verdicts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from tunewell.cli.batches import BatchOption, batch_named
from tunewell.cli.common import AuthorOption, JsonOption, ProjectOption, emit, open_project, show
from tunewell.people import AuditLog, WorkStore

Verb = Callable[..., None]


def set_status(kind: Literal["annotate", "review"], status: Literal["open", "closed"]) -> Verb:
    """The verb that closes or reopens batches of a kind."""
    done = "reopened" if status == "open" else "closed"

    def command(
        path: ProjectOption = Path(),
        which: BatchOption = "",
        author: AuthorOption = "",
        json: JsonOption = False,
    ) -> None:
        with open_project(path) as project:
            batch = batch_named(project.store, kind, which)
            WorkStore(project.store).set_status(batch.id, status)
            AuditLog(project.store).add(author, f"batch {status}", batch.id)
        if json:
            emit(kind, {"batch": batch.id, "title": batch.title, "status": status})
        else:
            show(f"{batch.title}: {done}")

    command.__doc__ = (
        "Open a batch again, so that it takes verdicts."
        if status == "open"
        else "Close a batch: what was said stays, and it takes no further verdicts."
    )
    return command
