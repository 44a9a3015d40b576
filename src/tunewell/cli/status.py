"""``tunewell status``: how far the project is, what was found, what to do next."""

from __future__ import annotations

import datetime as dt
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import Field
from rich.table import Table

from tunewell.cli.common import JsonOption, ProjectArgument, emit, open_project, out, show
from tunewell.cli.progress import in_time, noted_in
from tunewell.curate.erasure import tombstoned
from tunewell.people import approvals
from tunewell.pitfalls import pitfall
from tunewell.plurals import per_cent, plural
from tunewell.releases import Release, history
from tunewell.run import STAGES, findings_of
from tunewell.store import Store
from tunewell.types import Evaluation, Finding, NextStep, Value, Verdict

MOST_COUNTS = 4
"""Counts of a stage that are shown; --json has all of them."""


class StageStatus(Value):
    """How far a stage is.

    Attributes:
        stage: Its name.
        status: ``not yet``, ``in progress``, ``finished``, ``failed`` or ``killed``.
        started: When its newest run began; None if never.
        seconds: How long that took, or has taken so far; None if never.
        counts: What it counted.
    """

    stage: str
    status: str = "not yet"
    started: dt.datetime | None = None
    seconds: float | None = None
    counts: Mapping[str, int] = Field(default_factory=dict)


class AtWork(Value):
    """What another process is doing with the project right now.

    Attributes:
        holder: Which process, with which verb, since when.
        doing: What is under way; empty where nothing says so.
        done: How much of it is done.
        total: Of how much; 0 where that is not known.
        left_s: How long it still takes, about; None where nothing tells.
    """

    holder: str
    doing: str = ""
    done: int = 0
    total: int = 0
    left_s: float | None = None

    def line(self) -> str:
        """All of it in one line."""
        text = f"at work: {self.holder}"
        if self.doing:
            text += f"; {self.doing}"
        if self.total:
            text += f", {per_cent(self.done / self.total)}"
        if self.left_s is not None:
            text += f", about {in_time(self.left_s)} left"
        return text


class NextStepStatus(Value):
    """The newest decision.

    Attributes:
        id: Under which it is signed.
        action: What to do next.
        why: In one sentence or two.
        outdated: Why it does not hold any more; empty if it does.
    """

    id: str
    action: NextStep
    why: str
    outdated: str = ""

    def line(self) -> str:
        """All of it in one line."""
        if self.outdated:
            return f"decision {self.id} does not hold any more: {self.action}. {self.outdated}"
        return f"decision {self.id}: {self.action}. {self.why}"


class ProjectStatus(Value):
    """How far a project is.

    Attributes:
        task: Its name.
        at_work: What another process does with it right now; None if none does.
        approved: Who has approved the definition.
        to_approve: Who has not yet.
        stages: Each of them.
        found: What the newest runs found, each thing once.
        serving: What serves, by place.
        decision: What to do next with it; None if nothing was decided yet.
        tombstones: Rows of an erased person by dataset.
        next: What to type next.
    """

    task: str
    at_work: AtWork | None
    approved: tuple[str, ...]
    to_approve: tuple[str, ...]
    stages: tuple[StageStatus, ...]
    found: tuple[Finding, ...]
    serving: tuple[Release, ...] = ()
    decision: NextStepStatus | None = None
    tombstones: dict[str, int]
    next: str


def command(path: ProjectArgument = Path(), json: JsonOption = False) -> None:
    """Show how far the project is, what was found and what is next."""
    with open_project(path) as project:
        file, store = project.file, project.store
        approved = approvals(project)
        at_work = _at_work(store)
        stages = tuple(_stage(store, name, at_work) for name in STAGES)
        decision = _decision(store, file.spec.decide.place)
        status = ProjectStatus(
            task=file.spec.task.name,
            at_work=at_work,
            approved=tuple(one.name for one in approved.done),
            to_approve=tuple(approved.missing),
            stages=stages,
            found=tuple(_found(store)),
            serving=in_use(store),
            decision=decision,
            tombstones=tombstoned(store),
            next=_next(path, list(approved.missing), stages, at_work, decision),
        )
        verdict = newest_verdict(store)
        evaluation = newest_evaluation(store)
    if json:
        emit("status", status, verdict=verdict.outcome if verdict else None)
    else:
        _show(status, verdict, evaluation)


def _at_work(store: Store) -> AtWork | None:
    holder = store.holder()
    if not holder:
        return None
    said = noted_in(store.root)
    return AtWork(
        holder=holder,
        doing=said.get("label", ""),
        done=said.get("done", 0),
        total=said.get("total", 0),
        left_s=said.get("left_s"),
    )


def in_use(store: Store) -> tuple[Release, ...]:
    """The release that serves in each place."""
    by_place = {release.place: release for release in history(store)}
    return tuple(by_place[place] for place in sorted(by_place))


def _decision(store: Store, place: str) -> NextStepStatus | None:
    """The newest decision on a place."""
    if not store.said("decision", subject=place):
        return None
    from tunewell.decide import decisions, outdated

    newest = decisions(store, place=place)[-1]
    return NextStepStatus(
        id=newest.id,
        action=newest.decision.action,
        why=newest.decision.why,
        outdated=outdated(store, newest.decision),
    )


def newest_verdict(store: Store) -> Verdict | None:
    """The verdict as last given, if there is one."""
    run = store.last_run("verdict")
    return store.get_value(run.outputs["verdict"], Verdict) if run else None


def _found(store: Store) -> list[Finding]:
    """What the newest run of every stage found; the verdict repeats what others found."""
    found = [finding for finding in findings_of(store, STAGES) if finding.status == "found"]
    return list({(f.code, f.slice, f.stage, f.why): f for f in found}.values())


def newest_evaluation(store: Store) -> Evaluation | None:
    """The evaluation that the newest verdict rests on, if there is one."""
    run = store.last_run("evaluate")
    return store.get_value(run.outputs["evaluation"], Evaluation) if run else None


def _stage(store: Store, name: str, at_work: AtWork | None) -> StageStatus:
    runs = store.runs(stage=name)
    if not runs:
        return StageStatus(stage=name)
    run = runs[-1]
    status: str = run.status
    seconds = run.seconds
    if status == "started":
        status = "in progress" if at_work else "killed"
        if at_work:
            seconds = (dt.datetime.now(dt.UTC) - run.started).total_seconds()
    return StageStatus(
        stage=name,
        status=status,
        started=run.started,
        seconds=round(seconds, 1),
        counts=dict(run.counts),
    )


def _next(
    path: Path,
    missing: Sequence[str],
    stages: Sequence[StageStatus],
    at_work: AtWork | None,
    decision: NextStepStatus | None,
) -> str:
    """What to type next: from where the user is, so with the folder if that is another one."""
    place = "" if path == Path() else f" {shlex.quote(str(path))}"
    if at_work:
        return f"tunewell status{place}"
    if missing:
        return f"tunewell approve{place} --as {shlex.quote(missing[0])}"
    if any(stage.status != "finished" for stage in stages):
        return f"tunewell run{place}"
    if decision is not None and decision.outdated:
        return f"tunewell decide{place}"
    return f"tunewell report{place} --open"


def _show(
    status: ProjectStatus,
    verdict: Verdict | None,
    evaluation: Evaluation | None,
) -> None:
    if verdict:
        from tunewell.report.terminal import print_verdict

        # What was found is listed below, of every stage.
        show(f"{status.task}:")
        print_verdict(verdict.model_copy(update={"findings": ()}), evaluation, out)
    else:
        show(f"{status.task}: no verdict yet")
    show("")
    _show_stages(status.stages)
    if status.at_work:
        show(status.at_work.line())
    if status.to_approve:
        show(f"definition not yet approved by {', '.join(status.to_approve)}")
    if status.found:
        show("")
    for finding in status.found:
        mark = "blocks" if finding.blocking else "found"
        show(f"{mark:7} {finding.code} {pitfall(finding.code).name}: {finding.why}")
    for dataset, rows in status.tombstones.items():
        counted = plural(rows, "row")
        show(f"dataset {dataset[:12]} has {counted} of an erased person: it must not be used again")
    for release in status.serving:
        show(f"serves in {release.place}: {release.version[:12]} since {release.since:%Y-%m-%d}")
    if status.decision:
        show(status.decision.line())
    show(f"\nnext: {status.next}")


def _show_stages(stages: Sequence[StageStatus]) -> None:
    table = Table("stage", "state", "when", "took", "counts", box=None, pad_edge=False)
    for stage in stages:
        when = stage.started.astimezone().strftime("%Y-%m-%d %H:%M") if stage.started else ""
        took = "" if stage.seconds is None else in_time(stage.seconds)
        counts = [f"{count:,} {key}" for key, count in stage.counts.items() if ":" not in key]
        table.add_row(stage.stage, stage.status, when, took, ", ".join(counts[:MOST_COUNTS]))
    out.print(table)
