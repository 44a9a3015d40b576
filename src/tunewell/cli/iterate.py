"""``tunewell iterate``: what is new becomes the next version."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import (
    AuthorOption,
    JsonOption,
    ProjectArgument,
    SetOption,
    WaitOption,
    emit,
    note,
    open_project,
    progress,
    show,
)
from tunewell.cli.decide import show_decision
from tunewell.cli.live import Watch
from tunewell.iterate import Iteration, iterate


def command(
    path: ProjectArgument = Path(),
    when_due: Annotated[
        bool,
        typer.Option(
            "--when-due", help="Train only if the decision says retrain: for cron and CI."
        ),
    ] = False,
    overrides: SetOption = None,
    wait: WaitOption = False,
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """Turn what is new into the next version; promote it if earned.

    Corrections, annotations and corrected answers from use go into a new version of the data; it is
    trained, judged beside the version that serves, and promoted on a GO with every signature that
    the project asks for. Killed, it goes on where it stopped.
    """
    with open_project(
        path,
        overrides=overrides,
        lock="tunewell iterate",
        wait=wait,
    ) as project:
        watch = Watch(
            quiet=json,
            kept_in=project.store.root,
        )
        made = iterate(
            project,
            author=author,
            when_due=when_due,
            progress=watch.bar,
            live=watch.point,
            say=note,
        )
        if made.version:
            from tunewell.report import render

            with progress("report: drawing it", quiet=json):
                render(project)
    if json:
        emit("iterate", made)
        return
    _show(made)


def _show(made: Iteration) -> None:
    for step in made.steps:
        show(f"{step.name:11} {step.state:8} {step.why}")
    show("")
    show_decision(made.decision)
    if made.promoted:
        show(f"\n{made.version[:12]} serves now")
    show(f"\ndecision {made.decision_id}")
