"""``tunewell track``: a copy of the recorded runs in another tool."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import JsonOption, ProjectArgument, emit, open_project, progress, show
from tunewell.plurals import plural


def command(
    target: Annotated[
        str,
        typer.Argument(
            help="mlflow:ADDRESS, tensorboard:FOLDER or otlp:ADDRESS.",
        ),
    ],
    path: ProjectArgument = Path(),
    rows: Annotated[
        int,
        typer.Option(
            min=0,
            help="Held-out rows of each evaluation that go along, texts, scores and verdicts "
            "included (MLflow).",
        ),
    ] = 0,
    json: JsonOption = False,
) -> None:
    """Send recorded runs to MLflow, TensorBoard or OpenTelemetry.

    Runs keep their times; those that are there already are not sent again.
    """
    from tunewell.tracking import send

    with open_project(path) as project, progress(f"track: sending to {target}", quiet=json):
        name = project.spec.task.name
        sent = send(project.store.runs(), project.store, target, project=name, rows=rows)
    if json:
        emit("track", sent)
    else:
        show(f"{plural(len(sent.sent), 'run')} sent to {target}, {len(sent.known)} known there")
