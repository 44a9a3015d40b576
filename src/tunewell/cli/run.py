"""``tunewell run``: from raw files to a verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import (
    JsonOption,
    ProjectArgument,
    SetOption,
    WaitOption,
    emit,
    note,
    open_project,
    out,
    progress,
)
from tunewell.cli.live import Watch
from tunewell.cli.progress import in_time
from tunewell.cli.stage import EXIT_OF
from tunewell.errors import EXIT_USER
from tunewell.plan import Plan, make_plan
from tunewell.preflight import check_shortages, find_shortages
from tunewell.run import Result, run


def command(
    path: ProjectArgument = Path(),
    overrides: SetOption = None,
    plan_only: Annotated[
        bool,
        typer.Option(
            "--plan", help="Only show what would be done, and whether all is there for it."
        ),
    ] = False,
    wait: WaitOption = False,
    json: JsonOption = False,
) -> None:
    """Run every stage and end with GO, NO-GO or INCONCLUSIVE.

    The exit code is 0, 3 or 4 accordingly. Finished stages are reused, killed ones resume where
    they stopped. The plan is shown first.
    """
    if plan_only:
        _plan_only(path, overrides, json=json)
        return

    with open_project(
        path,
        overrides=overrides,
        lock="tunewell run",
        wait=wait,
    ) as project:
        with progress("measuring this machine", quiet=json):
            plan = make_plan(project)
        if not json:
            print_plan(plan)
        check_shortages(find_shortages(project.file, plan.disk_bytes, project.store.root))

        from tunewell.report import render

        watch = Watch(quiet=json, kept_in=project.store.root)
        result = run(
            project,
            progress=watch.bar,
            live=watch.point,
            say=note,
        )
        with progress("report: drawing it", quiet=json):
            report = render(project)
    _show(result, plan, report, json=json)
    raise typer.Exit(EXIT_OF[result.verdict.outcome])


def _plan_only(path: Path, overrides: list[str] | None, *, json: bool) -> None:
    """Show the plan and what it lacks; nothing is noted, and no other process is in the way.

    Raises:
        UserError: Something that the run needs is not there.
    """
    with open_project(path, overrides=overrides) as project:
        plan = make_plan(project, only=True)
        shortages = find_shortages(project.file, plan.disk_bytes, project.store.root)
    if json:
        emit("run", {"plan": plan, "shortages": shortages})
    else:
        print_plan(plan)
    if shortages and json:
        raise typer.Exit(EXIT_USER)
    check_shortages(shortages)


def _show(
    result: Result,
    plan: Plan,
    report: Path,
    *,
    json: bool,
) -> None:
    from tunewell.report.terminal import print_verdict

    verdict = result.verdict
    if not json:
        print_verdict(verdict, result.evaluation, out, report=report)
        return
    shown = {
        "verdict": verdict,
        "report": str(report),
        "plan": plan,
        "reused": result.reused,
        "model": result.trained.model,
    }
    emit("run", shown, verdict=verdict.outcome)


def print_plan(plan: Plan) -> None:
    """What is going to be done, with its estimate, on stderr."""
    note(f"{plan.task}: {plan.rows:,} rows, about {plan.tokens:,} tokens ({plan.basis})")
    for stage in plan.stages:
        duration = "reused" if stage.reused else f"~{in_time(stage.seconds)}"
        note(f"  {stage.name:9} {duration:>9}  {stage.what}")
    disk = f"{plan.disk_bytes / 2**20:.0f} MiB of disk"
    money = f", {plan.money:.2f} {plan.currency}" if plan.money else ""
    note(f"  total     ~{in_time(plan.seconds)}, {disk}{money}\n")
