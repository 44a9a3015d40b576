"""``tunewell review open``: draw rows and assign their outputs to people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from tunewell.annotate import rows_of
from tunewell.cli.batches import accounts_named, assign_seats
from tunewell.cli.common import (
    AuthorOption,
    JsonOption,
    ProjectOption,
    emit,
    open_project,
    progress,
)
from tunewell.cli.review.options import PeopleOption, PowerOption, RatersOption, TitleOption
from tunewell.iterate.pool_answers import pool_evaluation
from tunewell.people import Batch
from tunewell.people.candidates import candidates
from tunewell.people.sample import draw
from tunewell.project import Project
from tunewell.review import ReviewPlan, arms_of, newest_evaluation, open_review, plan_panel

POOL_ROWS = 50
"""Rows of the review pool that are judged unless ``--rows`` says otherwise."""


def command(
    path: ProjectOption = Path(),
    rows: Annotated[
        int,
        typer.Option(
            help="Rows to judge; 0 = as many as tunewell review plan says, 50 of the review pool.",
            min=0,
        ),
    ] = 0,
    raters: RatersOption = 0,
    power: PowerOption = 0.8,
    people: PeopleOption = None,
    part: Annotated[
        Literal["test", "review"],
        typer.Option(
            "--from",
            help="Outputs of the test set, or of the review pool, which the newest model answers "
            "first.",
        ),
    ] = "test",
    title: TitleOption = "",
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """Draw rows and assign their outputs to people, who judge them blind to the model."""
    with open_project(path) as project:
        store = project.store
        reviewers = accounts_named(store, people)
        if part == "review":
            count = rows or POOL_ROWS
            with progress("review: the newest model answers the rows", quiet=json):
                batch = _open_pool(project, count, raters, title=title, author=author)
        else:
            count = rows or _planned_rows(project, power, raters)
            batch = _open_test(project, count, raters, title=title, author=author)
        opened = assign_seats(store, batch, reviewers, author=author)
    if json:
        emit("review", opened.as_json())
    else:
        opened.show()


def _planned_rows(
    project: Project,
    power: float,
    raters: int,
) -> int:
    file, store = project.file, project.store
    _, examples = newest_evaluation(store)
    plan = plan_panel(
        file.spec,
        available=len(examples),
        power=power,
        raters=raters,
    )
    return plan.rows


def _open_test(
    project: Project,
    rows: int,
    raters: int,
    *,
    title: str,
    author: str,
) -> Batch:
    file, store = project.file, project.store
    evaluation, examples = newest_evaluation(store)
    plan = ReviewPlan(
        author=author,
        arms=arms_of(file.spec, evaluation.arms),
        rows=rows,
        raters=raters,
        title=title,
    )
    return open_review(project, evaluation, examples, plan)


def _open_pool(
    project: Project,
    rows: int,
    raters: int,
    *,
    title: str,
    author: str,
) -> Batch:
    """Let the newest model answer rows of the review pool, for people to read and correct."""
    file, store = project.file, project.store
    examples, families = rows_of(store, "review")
    slices = [s.field for s in file.spec.slices]
    names = draw(candidates(examples, slices, families), rows)
    by_id = {example.id: example for example in examples}
    drawn = [by_id[name] for name in names]
    evaluation = pool_evaluation(project, drawn, families)
    plan = ReviewPlan(
        author=author,
        arms=evaluation.arms,
        rows=len(drawn),
        raters=raters,
        title=title,
        part="review",
    )
    return open_review(project, evaluation, drawn, plan)
