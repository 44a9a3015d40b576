"""``tunewell experiment``: tests on traffic from their design to their verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from tunewell.cli.common import (
    AuthorOption,
    JsonOption,
    ProjectOption,
    emit,
    note,
    open_project,
    show,
)
from tunewell.cli.experiment_options import (
    guard_of,
    moment_of,
    outcome_of,
    step_of,
)
from tunewell.cli.experiment_result import show_experiment
from tunewell.cli.stage import EXIT_OF
from tunewell.cli.verb_group import VerbGroup
from tunewell.experiments import (
    draft_experiment,
    experiment_named,
    experiments,
    open_step,
    sign_experiment,
    stop_experiment,
)
from tunewell.gateway.settings import gateway_settings
from tunewell.plurals import per_cent

app = typer.Typer(
    cls=VerbGroup,
    rich_markup_mode=None,
    help="Prove a candidate on a part of the traffic, by a signed design.",
)

NameArgument = Annotated[str, typer.Argument(help="Name of the experiment.")]


@app.command("draft")
def draft(
    name: NameArgument,
    candidate: Annotated[str, typer.Option(help="Arm of gateway.arms that is tried.")],
    control: Annotated[str, typer.Option(help="Arm that it would replace.")],
    outcome: Annotated[
        str, typer.Option(metavar="KIND[=NAME]", help="thumb, rating=NAME or event=NAME.")
    ],
    margin: Annotated[float, typer.Option(help="Smallest difference that matters.", min=0)],
    path: ProjectOption = Path(),
    goal: Annotated[
        Literal["better", "no_worse"], typer.Option(help="What has to be shown.")
    ] = "better",
    less: Annotated[
        bool, typer.Option("--less-is-better", help="Less of the outcome is better.")
    ] = False,
    low: Annotated[float, typer.Option(help="Least value of a rating.")] = 0.0,
    high: Annotated[float, typer.Option(help="Greatest value of a rating.")] = 1.0,
    wait_hours: Annotated[
        float, typer.Option(help="Age from which a request's outcome counts.", min=0)
    ] = 0.0,
    step: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SHARE[:CANDIDATE]",
            help="Share of the units in the experiment, and of those for the candidate. "
            "Repeatable, growing.",
            show_default="0.05, 0.25, 1",
        ),
    ] = None,
    guard: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METRIC=LIMIT",
            help="Stops the experiment: latency, first-token, length, cost (ratios), errors, "
            "refusals, event:NAME, less:event:NAME (differences of shares). Repeatable.",
            show_default="latency=1.25, errors=0.02, refusals=0.02, length=1.5",
        ),
    ] = None,
    slices: Annotated[
        list[str] | None,
        typer.Option("--slice", help="Key of a request's metadata, or key, endpoint. Repeatable."),
    ] = None,
    judge: Annotated[
        str, typer.Option(help="Name of a rating by a judge that people's outcomes correct.")
    ] = "",
    alpha: Annotated[float, typer.Option(help="Error over all looks.", min=0.001, max=0.4)] = 0.05,
    least: Annotated[int, typer.Option(help="Units of each arm before a verdict.", min=20)] = 100,
    aa: Annotated[bool, typer.Option("--aa", help="Both arms ask the same model.")] = False,
    after: Annotated[str, typer.Option(help="A/A test that has to be closed first.")] = "",
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """Draft an experiment; nothing starts before it is signed."""
    given: dict[str, Any] = {
        "name": name,
        "candidate": candidate,
        "control": control,
        "outcome": outcome_of(outcome, low=low, high=high, less=less, wait_hours=wait_hours),
        "goal": goal,
        "margin": margin,
        "alpha": alpha,
        "least": least,
        "slices": slices or [],
        "judge": judge,
        "aa": aa,
        "after": after,
    }
    if step:
        given["steps"] = [step_of(text) for text in step]
    if guard:
        given["guards"] = [guard_of(text) for text in guard]
    with open_project(path) as project:
        settings = gateway_settings(project.file)
        design = draft_experiment(project.store, settings, given, author=author)
    if json:
        emit("experiment draft", {"design": design, "version": design.version})
        return
    show(
        f"{name}: {candidate} against {control} by {design.outcome}, margin {margin:g}, "
        f"drafted as {design.version}"
    )
    if settings.arm(candidate).weight:
        note(f"{candidate} has a weight of its own; while the experiment lasts, its design draws")
    show(f"tunewell experiment sign {name} fixes it")


@app.command("sign")
def sign(
    name: NameArgument,
    path: ProjectOption = Path(),
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """Sign a design: every change from now on is a new experiment."""
    with open_project(path) as project:
        signed = sign_experiment(project.store, name, author=author)
    if json:
        emit("experiment sign", {"experiment": signed, "version": signed.design.version})
        return
    show(f"{author} signed {name} ({signed.design.version})")
    show(f"tunewell experiment step {name} starts it")


@app.command("step")
def step(
    name: NameArgument,
    path: ProjectOption = Path(),
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """Open the next step of the ramp; the first one starts the experiment."""
    with open_project(path) as project:
        record = open_step(project.store, name, author=author)
    opened = record.design.steps[record.step - 1]
    if json:
        emit("experiment step", {"name": name, "step": record.step, **opened.model_dump()})
        return
    show(
        f"step {record.step} of {len(record.design.steps)}: {per_cent(opened.share)} of the "
        f"{record.design.unit}s are in the experiment; gateways draw by it within two seconds"
    )


@app.command("show")
def show_one(
    name: NameArgument,
    path: ProjectOption = Path(),
    at: Annotated[
        str, typer.Option(metavar="TIME", help="As it was at this moment (ISO 8601).")
    ] = "",
    json: JsonOption = False,
) -> None:
    """Show what an experiment says so far; look as often as you like."""
    from tunewell.compare.experiment import read_experiment

    with open_project(path) as project:
        record = experiment_named(project.store, name)
        result = read_experiment(
            project.store, record, settings=project.spec.gateway, at=moment_of(at)
        )
    show_experiment(result, record, json=json)


@app.command("stop")
def stop(
    name: NameArgument,
    reason: Annotated[str, typer.Option(help="Why, for the record.")],
    path: ProjectOption = Path(),
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """Serve everybody by the control, within two seconds."""
    with open_project(path) as project:
        record = stop_experiment(project.store, name, reason=reason, author=author)
    if json:
        emit("experiment stop", record)
        return
    show(f"{name} is stopped: {record.design.control} serves everybody")


@app.command("close")
def close(
    name: NameArgument,
    path: ProjectOption = Path(),
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """End an experiment, and record its outcome for gates."""
    from tunewell.compare.experiment import close_and_settle

    with open_project(path) as project:
        result = close_and_settle(project.store, name, settings=project.spec.gateway, author=author)
        record = experiment_named(project.store, name)
    show_experiment(result, record, json=json, verb="close")
    raise typer.Exit(EXIT_OF[result.outcome])


@app.command("list")
def list_all(path: ProjectOption = Path(), json: JsonOption = False) -> None:
    """List the experiments and how they stand."""
    with open_project(path) as project:
        found = experiments(project.store)
    if json:
        emit("experiment list", found)
        return
    for record in found:
        design = record.design
        closed = f", {record.closed.outcome}" if record.closed else ""
        show(f"{design.name}: {design.candidate} against {design.control}, {record.status}{closed}")
    if not found:
        show("no experiments")
        note("hint: tunewell experiment draft --help")
