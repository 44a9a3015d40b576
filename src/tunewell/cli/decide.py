"""``tunewell decide``: what to do next with what serves, and when to train again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from tunewell.cli.common import (
    AuthorOption,
    JsonOption,
    ProjectArgument,
    emit,
    note,
    open_project,
    out,
    show,
)
from tunewell.decide import RecordedDecision, sign_decision, signatures
from tunewell.decide.wording import money, points, schedule_line
from tunewell.errors import UserError
from tunewell.iterate import decide_now, import_readings
from tunewell.iterate.alarms import settle_alarm
from tunewell.iterate.versions import trained_versions
from tunewell.plurals import per_cent, plural
from tunewell.store import Store
from tunewell.types import Decision, RetrainingSchedule


def command(
    path: ProjectArgument = Path(),
    readings: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="First take readings of quality in use from this file (JSON lines or CSV: at, "
            "version, wrong, n, by).",
        ),
    ] = None,
    sign: Annotated[
        str,
        typer.Option(
            metavar="ID",
            help="Sign the decision with this id; it has to be the newest.",
        ),
    ] = "",
    against: Annotated[
        bool,
        typer.Option(
            "--against",
            help="With --sign: you will do otherwise, see --reason.",
        ),
    ] = False,
    settle: Annotated[
        str,
        typer.Option(metavar="ALARM", help="First say that what this alarm was about is over."),
    ] = "",
    reason: Annotated[str, typer.Option(help="With --sign or --settle: why, for the record.")] = "",
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """What to do next: promote, hold, collect, retrain or roll back.

    Weighs the verdict, quality in use, alarms with their causes, rows that are waiting, and prices.
    The decision is recorded with its evidence; --sign adds your claim to it (signatures are given
    in the app).
    """
    if against and not sign:
        raise UserError(
            "--against goes with --sign ID",
            hint="tunewell decide --help",
        )
    with open_project(path, lock="tunewell decide") as project:
        store = project.store
        if readings is not None:
            new = _take_readings(store, readings, author)
            note(f"{plural(new, 'reading')} of quality taken from {readings.name}")
        if settle:
            settle_alarm(store, settle, author=author, reason=reason)
        if sign:
            sign_decision(
                store,
                read=sign,
                author=author,
                reason=reason,
                agrees=not against,
            )
        recorded = decide_now(project)
        signed = signatures(store, recorded.id)
        overdue = store.last_run("decide")
    if json:
        emit("decide", {**dict(recorded), "signatures": signed})
        return
    show_decision(recorded.decision)
    for finding in overdue.findings if overdue else ():
        if finding.status == "found":
            show(f"found   {finding.code}: {finding.why}")
    for one in signed:
        does = "agrees" if one.agrees else "will do otherwise"
        show(f"{one.by} {does}{f': {one.reason}' if one.reason else ''}")
    show(f"\ndecision {recorded.id}, {recorded.at:%Y-%m-%d %H:%M} UTC")
    show(f"next: {_next(recorded)}")


def _take_readings(store: Store, path: Path, author: str) -> int:
    if not path.is_file():
        raise UserError(
            f"no such file: {path}",
            hint="tunewell decide --help",
        )
    return import_readings(
        store,
        path,
        versions=trained_versions(store),
        author=author,
    )


def show_decision(decision: Decision) -> None:
    """A decision as lines: what, why, figures, schedule, evidence, what would change it."""
    show(f"{decision.action.upper()}: {decision.why}")
    if decision.gain is not None:
        show(f"  expected gain  {points(decision.gain)}")
    if decision.cost is not None:
        show(f"  cost           {money(decision.cost)}")
    if decision.risk is not None:
        show(f"  risk           {per_cent(decision.risk)} that it does not pay")
    if decision.schedule is not None:
        show(f"  schedule       {schedule_line(decision.schedule)}")
        _show_cadences(decision.schedule)
    for label, lines in (
        ("evidence", decision.evidence),
        ("would change it", decision.would_change),
        ("not weighed", decision.unchecked),
    ):
        for line in lines:
            show(f"  {label:14} {line}")


def _show_cadences(schedule: RetrainingSchedule) -> None:
    if not schedule.cadences:
        return
    table = Table(
        "  rhythm",
        "cost",
        "wasted on training",
        "lost to errors",
        box=None,
    )
    for each in schedule.cadences:
        figures = (each.cost, each.wasted, each.lost)
        table.add_row(f"  {each.name}", *(money(figure) for figure in figures))
    out.print(table)


def _next(recorded: RecordedDecision) -> str:
    action = recorded.decision.action
    if action == "promote":
        return "tunewell promote"
    if action == "retrain":
        return "tunewell iterate"
    if action == "roll back":
        return "tunewell rollback --reason …"
    if action == "collect":
        return "tunewell serve (people review a sample), then tunewell decide"
    return f"tunewell decide --sign {recorded.id}"
