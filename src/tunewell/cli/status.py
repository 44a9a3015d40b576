"""``tunewell status``: how far the project is, what was found, what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from tunewell.cli.common import JsonOption, ProjectArgument, emit, open_project, out, show
from tunewell.curate.erasure import tombstoned
from tunewell.people import approvals
from tunewell.pitfalls import pitfall
from tunewell.run import STAGES, findings_of
from tunewell.store import Store
from tunewell.types import Finding, Value, Verdict


class StageStatus(Value):
    """How far a stage is.

    Attributes:
        stage: Its name.
        status: Of its newest run.
        started: When, to the minute; empty if never.
        seconds: How long it took; empty if never.
        counts: What it counted, as one text.
    """

    stage: str
    status: str = "not yet"
    started: str = ""
    seconds: str = ""
    counts: str = ""


class ProjectStatus(Value):
    """How far a project is.

    Attributes:
        task: Its name.
        approved: Who has approved the definition.
        to_approve: Who has not yet.
        stages: Each of them.
        found: What the newest runs found, each thing once.
        tombstones: Rows of an erased person by dataset.
        next: What to type next.
    """

    task: str
    approved: tuple[str, ...]
    to_approve: tuple[str, ...]
    stages: tuple[StageStatus, ...]
    found: tuple[Finding, ...]
    tombstones: dict[str, int]
    next: str


def command(path: ProjectArgument = Path(), json: JsonOption = False) -> None:
    """Show how far the project is, what was found and what to type next."""
    with open_project(path) as project:
        file, store = project.file, project.store
        approved = approvals(project)
        stages = tuple(_stage(store, name) for name in STAGES)
        status = ProjectStatus(
            task=file.spec.task.name,
            approved=tuple(one.name for one in approved.done),
            to_approve=approved.missing,
            stages=stages,
            found=tuple(_found(store)),
            tombstones=tombstoned(store),
            next=_next(approved.missing, stages),
        )
        verdict = newest_verdict(store)
    if json:
        emit("status", status, verdict=verdict.outcome if verdict else None)
    else:
        _show(status, verdict)


def newest_verdict(store: Store) -> Verdict | None:
    """The verdict as last given, if there is one."""
    run = store.last_run("verdict")
    return store.get_value(run.outputs["verdict"], Verdict) if run else None


def _found(store: Store) -> list[Finding]:
    """What the newest run of every stage found; the verdict repeats what others found."""
    found = [finding for finding in findings_of(store, STAGES) if finding.status == "found"]
    return list({(f.code, f.slice, f.stage, f.why): f for f in found}.values())


def _stage(store: Store, name: str) -> StageStatus:
    runs = store.runs(stage=name)
    if not runs:
        return StageStatus(stage=name)
    run = runs[-1]
    counts = [f"{key} {count}" for key, count in run.counts.items() if ":" not in key]
    return StageStatus(
        stage=name,
        status="killed or in progress" if run.status == "started" else run.status,
        started=run.started.strftime("%Y-%m-%d %H:%M"),
        seconds=f"{run.seconds:.1f}",
        counts=", ".join(counts),
    )


def _next(missing: Sequence[str], stages: Sequence[StageStatus]) -> str:
    if missing:
        return f"tunewell approve --as {shlex.quote(missing[0])}"
    if any(stage.status != "finished" for stage in stages):
        return "tunewell run"
    return "tunewell report"


def _show(status: ProjectStatus, verdict: Verdict | None) -> None:
    decided = f"{verdict.outcome}, {verdict.why}" if verdict else "no verdict yet"
    show(f"{status.task}: {decided}")

    table = Table("stage", "state", "when", "seconds", "rows", box=None, pad_edge=False)
    for stage in status.stages:
        table.add_row(stage.stage, stage.status, stage.started, stage.seconds, stage.counts)
    out.print(table)

    if status.to_approve:
        show(f"definition not yet approved by {', '.join(status.to_approve)}")
    for finding in status.found:
        show(f"{finding.code} {pitfall(finding.code).name}: {finding.why}")
    for dataset, rows in status.tombstones.items():
        show(
            f"dataset {dataset[:12]} has {rows} rows of an erased person: it must not be used again"
        )
    show(f"\nnext: {status.next}")
