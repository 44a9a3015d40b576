"""Annotation: what is drawn, what is settled, what comes out as gold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.world import make_project
from tunewell.annotate import (
    AnnotationPlan,
    annotation_result,
    gold_examples,
    open_annotation,
    rows_of,
    suspicious,
)
from tunewell.errors import UserError
from tunewell.lineage import record
from tunewell.people import Batch, Item, MarkedSpan, Said, WorkStore
from tunewell.project import Project
from tunewell.store import Store
from tunewell.task import TaskFile
from tunewell.types import Finding


@pytest.fixture
def project(tmp_path: Path) -> Iterator[tuple[TaskFile, Store]]:
    file, store = make_project(tmp_path / "desk", rows=8)
    yield file, store
    store.close()


def opened(
    project: tuple[TaskFile, Store], part: str = "review", rows: int = 4
) -> tuple[WorkStore, Batch]:
    file, store = project
    examples, families = rows_of(store, part)  # type: ignore[arg-type]
    plan = AnnotationPlan(
        author="o",
        rows=rows,
        part=part,  # type: ignore[arg-type]
        adjudicators=["judy"],
    )
    batch = open_annotation(Project(file, store), examples, plan, families=families)
    book = WorkStore(store)
    book.share(batch, ["ann", "bob", "judy"])
    return book, batch


def words(item: Item, *, label: str = "billing", end: int = 6) -> Said:
    return Said(
        label=label, spans=(MarkedSpan(start=0, end=end, label="form"),), answer=item.suggestion
    )


def say(book: WorkStore, batch: Batch, item: Item, person: str, said: Said) -> None:
    book.write(said, item=item, batch=batch, account=person, key=f"{person}{item.id}")


def test_the_adjudicator_gets_no_seat_of_an_annotator(project: tuple[TaskFile, Store]) -> None:
    book, batch = opened(project)
    assert set(book.seats(batch.id)) == {"ann", "bob"}


def test_agreed_disputed_waiting_undecided(project: tuple[TaskFile, Store]) -> None:
    book, batch = opened(project)
    one, two, three, four = book.items(batch.id)
    for person in ("ann", "bob"):
        say(book, batch, one, person, words(one))
        say(book, batch, two, person, words(two, end=6 if person == "ann" else 7))
        say(book, batch, three, person, Said(skipped="cannot read it"))
    say(book, batch, four, "ann", words(four))
    found = annotation_result(book, batch)
    assert [s.item.id for s in found.settled] == [one.id]
    assert [d.item.id for d in found.disputes] == [two.id]
    assert (found.waiting, found.undecided) == (1, 1)
    assert found.overlap is not None
    assert found.overlap.value == pytest.approx(0.5)
    book.give(two, "judy")
    say(book, batch, two, "judy", words(two, end=7))
    found = annotation_result(book, batch)
    assert {(s.item.id, s.how) for s in found.settled} == {
        (one.id, "agreed"),
        (two.id, "adjudicated"),
    }
    assert found.disputes == ()
    assert found.overlap is not None
    assert found.overlap.value == pytest.approx(0.5)  # the adjudicator's word is no annotator's


@pytest.mark.parametrize("part", ["review", "test"])
def test_gold_of_a_test_row_changes_its_target_and_never_becomes_a_training_row(
    project: tuple[TaskFile, Store], part: str
) -> None:
    book, batch = opened(project, part, rows=2)
    for item in book.items(batch.id):
        for person in ("ann", "bob"):
            say(
                book,
                batch,
                item,
                person,
                words(item).model_copy(update={"answer": "A better answer."}),
            )
    rows = {e.id: e for e in rows_of(project[1], part)[0]}  # type: ignore[arg-type]
    found = gold_examples(annotation_result(book, batch), rows)
    assert len(found) == 2
    for example, where in found:
        assert where == part
        assert example.target == "A better answer."
        assert example.tags["label"] == "billing"
        parent = rows[example.parent or example.id]
        assert example.tags["points"] == parent.input[:6]
        if part == "test":
            assert example.id in rows
        else:
            assert (example.id, example.origin) == (f"{example.parent}#annotated", "annotation")


def test_nothing_to_ask_or_to_draw_says_so(project: tuple[TaskFile, Store]) -> None:
    file, store = project
    with pytest.raises(UserError, match="no rows"):
        open_annotation(Project(file, store), [], AnnotationPlan(author="o", rows=1, part="review"))
    people = file.spec.people.model_copy(update={"span_labels": (), "row_labels": ()})
    bare = TaskFile(
        spec=file.spec.model_copy(update={"people": people}), path=file.path, lines={}, origins={}
    )
    plan = AnnotationPlan(author="o", rows=1, part="review", answers=False)
    with pytest.raises(UserError, match="nothing to ask"):
        open_annotation(Project(bare, store), rows_of(store, "review")[0], plan)


def test_the_suspicious_come_first_and_in_their_order_for_everybody(
    project: tuple[TaskFile, Store],
) -> None:
    file, store = project
    with record(store, "train", inputs={}, parameters={}) as run:
        run.findings += [
            Finding(
                code="D10", status="found", stage="train", why="w", rows=("r0005", "t0001", "r0002")
            ),
            Finding(code="D12", status="found", stage="train", why="w", rows=("r0007",)),
        ]
    assert suspicious(store) == ["r0005", "t0001", "r0002"]
    examples, _ = rows_of(store, "review")
    plan = AnnotationPlan(author="o", rows=4, part="review", first=suspicious(store))
    batch = open_annotation(Project(file, store), examples, plan)
    book = WorkStore(store)
    book.share(batch, ["ann", "bob"])
    for person in ("ann", "bob"):
        queue = [i.example for i in book.next_items(batch.id, person)]
        assert queue[:2] == ["r0005", "r0002"]
        assert len(queue) == 4
    chances = {i.example: i.probability for i in book.items(batch.id)}
    assert chances["r0005"] == 1
    assert min(chances.values()) == pytest.approx(2 / 6)
