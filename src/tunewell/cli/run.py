"""``tunewell run``: the whole way, from raw files to a verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tunewell.cli.common import (
    JsonOption,
    ProjectArgument,
    SetOption,
    WaitOption,
    emit,
    note,
    out,
    project,
)
from tunewell.cli.live import Watch
from tunewell.cli.stage import EXIT_OF
from tunewell.plan import Plan, make_plan
from tunewell.run import run


def command(
    path: ProjectArgument = Path(),
    overrides: SetOption = None,
    plan_only: Annotated[bool, typer.Option("--plan", help="Only say what would be done.")] = False,
    wait: WaitOption = False,
    json: JsonOption = False,
) -> None:
    """Go the whole way and end with GO (exit 0), NO-GO (3) or INCONCLUSIVE (4).

    Finished stages are reused, killed ones go on where they were. Says first what it is going to
    do.
    """
    with project(path, overrides=overrides, lock="tunewell run", wait=wait) as (file, store):
        plan = make_plan(file, store)
        if not json:
            print_plan(plan)
        if plan_only:
            if json:
                emit("run", {"plan": plan})
            return
        from tunewell.report import render
        from tunewell.report.terminal import print_verdict

        watch = Watch(quiet=json)
        result = run(file, store, progress=watch.bar, live=watch.point, say=note)
        report = render(file, store)
        verdict = result.verdict
        assert verdict is not None
        if json:
            shown: dict[str, Any] = {
                "verdict": verdict,
                "report": str(report),
                "plan": plan,
                "reused": result.reused,
                "model": result.trained.model if result.trained else None,
            }
            emit("run", shown, verdict=verdict.outcome)
        else:
            print_verdict(verdict, result.evaluation, out, report=report)
    raise typer.Exit(EXIT_OF[verdict.outcome])


def print_plan(plan: Plan) -> None:
    """What is going to be done, with its estimate, on stderr."""
    note(f"{plan.task}: {plan.rows:,} rows, about {plan.tokens:,} tokens ({plan.basis})")
    for stage in plan.stages:
        seconds = "reused" if stage.reused else f"~{_duration(stage.seconds)}"
        note(f"  {stage.name:9} {seconds:>9}  {stage.what}")
    money = f", {plan.money:.2f} {plan.currency}" if plan.money else ""
    note(
        f"  together  ~{_duration(plan.seconds)}, {plan.disk_bytes / 2**20:.0f} MiB of disk{money}\n"
    )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
