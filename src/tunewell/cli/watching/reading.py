"""``tunewell watch review`` and ``queue``: answers in use that people read."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
)

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
from tunewell.errors import UserError
from tunewell.plurals import plural

if TYPE_CHECKING:
    from tunewell.monitor.reading_batch import OpenedReading
    from tunewell.project import Project
    from tunewell.types import Estimate


def review(
    path: ProjectOption = Path(),
    corrections: Annotated[
        Path | None,
        typer.Option(
            "--corrections", metavar="OUT", help="Write corrected answers as rows, JSONL."
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Open the standing review of the last period, and show what reviews say of answers in use."""
    from tunewell.watching import open_weekly_review
    from tunewell.watching_traffic import traffic_of

    with open_project(path) as project:
        if not project.spec.watch.review.rows:
            raise UserError(
                "no standing review is asked for",
                place=str(project.file.path),
                hint="watch: {review: {rows: 40, panel: [ann, bob]}}",
            )
        traffic = traffic_of(project)
        opened = open_weekly_review(project, traffic, dt.datetime.now(dt.UTC))
        figures = review_figures(project)
        written = _write_corrections(project, corrections) if corrections else 0
    if json:
        emit("watch review", {**_opened(opened), "figures": figures, "corrections": written})
        return
    _show_opened(opened)
    for name, estimate in figures.items():
        show(f"{name}: {estimate if estimate else 'fewer than two answers read'}")
    if corrections:
        show(f"{plural(written, 'corrected answer')} written to {corrections}")


def review_figures(project: Project) -> dict[str, Estimate | None]:
    """What people say by criterion, and the judge as people would have it."""
    from tunewell.monitor.standing_review import (
        corrected_judge,
        people_alone,
        read_answers,
    )
    from tunewell.store.kept_traffic import read_feedback

    judge = {}
    for said in read_feedback(project.store):
        if said.name == project.spec.watch.judge and said.value is not None:
            judge[said.interaction] = said.value
    on_scale = judge and 0 <= min(judge.values()) and max(judge.values()) <= 1
    found: dict[str, Estimate | None] = {}
    for criterion in project.spec.people.rubric:
        read = read_answers(project.store, criterion.name)
        found[criterion.name] = people_alone(read)
        if on_scale and (corrected := corrected_judge(read, judge)) is not None:
            found[f"{criterion.name}, judge corrected by people"] = corrected
    return found


def _write_corrections(
    project: Project,
    file: Path,
) -> int:
    from tunewell.monitor.standing_review import corrected_rows
    from tunewell.watching_traffic import traffic_of

    rows = corrected_rows(project.store, traffic_of(project).answers)
    lines = [row.model_dump_json(exclude_defaults=True) for row in rows]
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return len(rows)


def queue(
    path: ProjectOption = Path(),
    budget: Annotated[
        int,
        typer.Option("--budget", min=0, help="Answers to queue; as in tunewell.yaml if 0."),
    ] = 0,
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """Queue suspicious answers of the last period, and bound the bad ones that are missed."""
    from tunewell.monitor.anomaly import queue_finding, sentence
    from tunewell.watching import (
        open_weekly_queue,
        queue_so_far,
    )
    from tunewell.watching_traffic import traffic_of

    with open_project(path) as project:
        if not (budget or project.spec.watch.suspicious.rows):
            raise UserError(
                "how many answers can people read?",
                hint="--budget 100, or watch: {suspicious: {rows: 100}} in tunewell.yaml",
            )
        opened = open_weekly_queue(
            project,
            traffic_of(project),
            dt.datetime.now(dt.UTC),
            rows=budget,
            author=author,
        )
        result = queue_so_far(project.store)
    if json:
        finding = queue_finding(result) if result else None
        emit("watch queue", {**_opened(opened), "result": result, "finding": finding})
        return
    _show_opened(opened)
    if result is not None:
        show(sentence(result))


def _opened(opened: OpenedReading | None) -> dict[str, Any]:
    if opened is None:
        return {"batch": None}
    return {"batch": opened.batch.id, "new": opened.is_new, "seats": opened.seats}


def _show_opened(opened: OpenedReading | None) -> None:
    if opened is None:
        show("no answers in the last period")
        return
    state = "opened" if opened.is_new else "open already"
    show(f"{opened.batch.title}: {state}, {plural(opened.seats, 'seat')} assigned now")
    if opened.is_new and not opened.seats:
        note(
            "hint: nobody is there to read: tunewell serve, then invite experts on the page People"
        )
