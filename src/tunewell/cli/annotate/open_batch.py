"""``tunewell annotate open``: draw rows and assign them to people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from tunewell.annotate import (
    AnnotatedPart,
    AnnotationPlan,
    mixed,
    novel,
    open_annotation,
    row_doubts,
    rows_of,
    suspicious,
)
from tunewell.cli.batches import accounts_named, assign_seats
from tunewell.cli.common import AuthorOption, JsonOption, ProjectOption, emit, open_project, show
from tunewell.people import Batch
from tunewell.people.work import Coverage
from tunewell.project import Project
from tunewell.store import Store
from tunewell.types import Example

NO_ADJUDICATOR = "nobody decides yet where annotators disagree"

Source = Literal["test", "review", "train", "stress"]


@dataclass(frozen=True)
class FirstRows:
    """Which rows come before those drawn.

    Attributes:
        worst: Rows with suspected wrong targets (D10, D09).
        novel: Share of the batch for rows unlike any training row.
    """

    worst: bool
    novel: float

    def of(
        self,
        store: Store,
        examples: Sequence[Example],
        part: AnnotatedPart,
        count: int,
    ) -> list[str]:
        """The rows in their order, at most ``count``."""
        texts = {e.id: e.input for e in examples}
        lists: list[list[str]] = []
        if self.worst:
            lists.append([name for name in suspicious(store) if name in texts])
        if self.novel > 0:
            training = examples if part == "train" else rows_of(store, "train")[0]
            known = [e.input for e in training]
            lists.append(novel(texts, known, count=round(self.novel * count)))
        return mixed(lists, count=count)


def command(
    path: ProjectOption = Path(),
    part: Annotated[
        Source,
        typer.Option(
            "--from",
            help="test (changes its gold only), review, train, or stress (does the same answer "
            "still hold for the perturbed rows of tunewell stress?).",
        ),
    ] = "review",
    rows: Annotated[int, typer.Option(help="Rows to draw, mirroring the slices.", min=1)] = 50,
    raters: Annotated[
        int, typer.Option(help="People per row; 0 = as in the definition.", min=0)
    ] = 0,
    people: Annotated[
        list[str] | None,
        typer.Option(
            "--to",
            metavar="ACCOUNT",
            help="Who the rows are assigned to. Repeatable.",
        ),
    ] = None,
    adjudicators: Annotated[
        list[str] | None,
        typer.Option(
            "--adjudicator",
            metavar="ACCOUNT",
            help="Who decides where annotators disagree. Repeatable.",
        ),
    ] = None,
    answers: Annotated[bool, typer.Option(help="People write or correct the answer.")] = True,
    suggest: Annotated[bool, typer.Option(help="Show annotators the current answer.")] = True,
    worst_first: Annotated[
        bool,
        typer.Option("--worst-first", help="Suspected wrong targets (D10, D09) come first."),
    ] = False,
    blind: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            help="Share of rows without the suggestion, to measure how far it sways people.",
            min=0,
            max=1,
        ),
    ] = 0.2,
    unlike: Annotated[
        float,
        typer.Option(
            "--novel",
            metavar="SHARE",
            help="Share of the batch for rows least like the training rows.",
            min=0,
            max=1,
        ),
    ] = 0.0,
    uncertain: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            help="Share of the drawn rows that favours those the model or a judge is unsure of.",
            min=0,
            max=0.9,
        ),
    ] = 0.0,
    title: Annotated[str, typer.Option(help="Title that people see.")] = "",
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """Draw rows and assign them to people, who annotate them independently."""
    with open_project(path) as project:
        store = project.store
        annotators = accounts_named(store, people)
        if part == "stress":
            batch = _open_stress(project, rows, raters, title=title, author=author)
        else:
            examples, families = rows_of(store, part)
            plan = AnnotationPlan(
                author=author,
                rows=rows,
                part=part,
                raters=raters,
                title=title,
                adjudicators=accounts_named(store, adjudicators),
                answers=answers,
                suggest=suggest,
                blind=blind,
                first=FirstRows(worst_first, unlike).of(store, examples, part, rows),
                uncertain=uncertain,
            )
            doubts = _doubts(project, part) if uncertain else {}
            batch = open_annotation(
                project,
                examples,
                plan,
                families=families,
                doubts=doubts,
            )
        opened = assign_seats(store, batch, annotators, author=author)

    if json:
        emit("annotate", {**opened.as_json(), "coverage": batch.coverage})
        return
    opened.show()
    if batch.coverage:
        _show_coverage(batch.coverage)
    if not batch.adjudicators and batch.raters > 1 and part != "stress":
        show("no adjudicator is named for disagreements: tunewell annotate adjudicators --to NAME")
    if part == "stress":
        show("tunewell stress takes their answers into account")


def _open_stress(
    project: Project,
    rows: int,
    raters: int,
    *,
    title: str,
    author: str,
) -> Batch:
    """Ask whether the perturbations of the newest stress test leave the right answer as it is."""
    store = project.store
    from tunewell.evaluate.stress import AnswerCheck, open_preserved

    examples, families = rows_of(store, "test")
    check = AnswerCheck(author=author, count=rows, raters=raters or None, title=title)
    return open_preserved(project, examples, check, families=families)


def _doubts(
    project: Project,
    part: AnnotatedPart,
) -> dict[str, float]:
    file, store = project.file, project.store
    metrics = file.spec.metrics
    judges = [m.name for m in metrics if m.options.get("metric", m.name) == "judge"]
    return row_doubts(store, part, judges=judges)


def _show_coverage(found: Coverage) -> None:
    show(
        f"  it has {found.covered} of {found.groups} slice values "
        f"(a random sample of the same size: {found.random.value:.1f} on average)"
    )
    show(
        f"  deviation from their shares: {found.error:.3f} (random: {found.error_random.value:.3f})"
    )
