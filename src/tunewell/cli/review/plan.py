"""``tunewell review plan``: how many rows and people settle the gates."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import JsonOption, ProjectOption, emit, open_project, show
from tunewell.cli.review.options import PowerOption, RatersOption
from tunewell.plurals import per_cent, plural
from tunewell.review import PanelPlan, newest_evaluation, plan_panel


def command(
    path: ProjectOption = Path(),
    power: PowerOption = 0.8,
    expected: Annotated[
        float | None,
        typer.Option(help="Expected true share, mean or gain."),
    ] = None,
    raters: RatersOption = 0,
    json: JsonOption = False,
) -> None:
    """Show how many rows and people settle each gate, and what that costs in hours."""
    with open_project(path) as project:
        file, store = project.file, project.store
        _, examples = newest_evaluation(store)
        plan = plan_panel(
            file.spec,
            available=len(examples),
            power=power,
            expected=expected,
            raters=raters,
        )
    if json:
        emit("review", plan)
    else:
        _show(plan)


def _show(plan: PanelPlan) -> None:
    if not plan.needs:
        show("no gate needs people: none names a criterion of the rubric or says people: required")
        show(f"a first look at {plan.rows} rows would take {plan.hours:g} hours")
        return
    show(
        f"{plural(plan.rows, 'row')} x {plural(plan.raters, 'person', 'people')} x outputs of "
        f"{' and '.join(plan.arms)}: "
        f"at most {plural(plan.verdicts, 'verdict')}, {plan.hours:g} hours in total"
    )
    show(f"rows that settle a gate with {per_cent(plan.power)} probability:")
    for need in plan.needs:
        show(f"  {need.gate}: {plural(need.rows, 'row')}, {need.why}")
    if plan.short:
        show(f"with only {plan.available} held-out rows, too few for {', '.join(plan.short)}")
