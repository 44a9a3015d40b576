"""Annotations made elsewhere come in once, whole, or with the reason why not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.world import make_project
from tunewell.annotate import (
    AnnotationPlan,
    ImportedAnnotation,
    annotation_result,
    from_argilla,
    import_annotations,
    open_annotation,
    read_annotations,
    rows_of,
    to_argilla,
    to_csv,
    to_label_studio,
)
from tunewell.errors import DataError, UserError
from tunewell.people import Accounts, MarkedSpan, Said, WorkStore
from tunewell.project import Project
from tunewell.store import Store
from tunewell.task import TaskFile


@pytest.fixture
def project(tmp_path: Path) -> Iterator[tuple[TaskFile, Store]]:
    file, store = make_project(tmp_path)
    yield file, store
    store.close()


def exported(file: TaskFile, store: Store, form: str) -> str:
    """Two people's words on four rows, as another tool would hold them."""
    examples, families = rows_of(store, "review")
    book = WorkStore(store)
    plan = AnnotationPlan(author="o", rows=4, part="review")
    batch = open_annotation(Project(file, store), examples, plan, families=families)
    book.share(batch, ["ann", "bob"])
    for n, item in enumerate(book.items(batch.id)):
        for who in ("ann", "bob"):
            label = "billing" if who == "ann" or n else "meter"
            said = Said(
                label=label,
                spans=(MarkedSpan(start=0, end=30 + n, label="form"),),
                answer=f"=Answer {n}",
            )
            book.write(said, item=item, batch=batch, account=who, key=f"{who}{n}")
    items, said_ = book.items(batch.id), book.verdicts(batch.id)
    if form == "csv":
        return to_csv(items, said_, batch)
    return json.dumps(
        to_label_studio(items, said_, batch) if form == "label-studio" else to_argilla(items, said_)
    )


@pytest.mark.parametrize("form", ["label-studio", "argilla", "csv"])
def test_what_one_project_exports_another_imports_once(
    form: str, project: tuple[TaskFile, Store], tmp_path_factory: pytest.TempPathFactory
) -> None:
    file, store = make_project(tmp_path_factory.mktemp("other"))
    text = exported(*project, form)
    rows = {e.id: (e, "review") for e in rows_of(store, "review")[0]}
    sources = {
        i.example: i.source
        for b in WorkStore(project[1]).batches()
        for i in WorkStore(project[1]).items(b.id)
    }
    words = read_annotations(form, text, sources, place="file")
    first = import_annotations(Project(file, store), words, rows, author="o")  # type: ignore[arg-type]
    assert (first.new, first.known, first.unknown, first.refused) == (8, 0, (), ())
    again = import_annotations(Project(file, store), words, rows, author="o")  # type: ignore[arg-type]
    assert (again.batch, again.new, again.known) == (first.batch, 0, 8)
    batch = WorkStore(store).batch(first.batch)
    assert batch is not None
    found = annotation_result(WorkStore(store), batch)
    assert (len(found.settled), len(found.disputes)) == (3, 1)
    assert {s.said.answer for s in found.settled} <= {f"=Answer {n}" for n in range(4)}
    assert all(s.said.spans[0].label == "form" for s in found.settled)
    people = [a for a in Accounts(store).all() if a.shown.startswith("imported: ")]
    assert len(people) == 2
    assert not any(a.active for a in people)
    store.close()


def test_what_does_not_fit_is_refused_by_itself(project: tuple[TaskFile, Store]) -> None:
    file, store = project
    rows = {e.id: (e, "review") for e in rows_of(store, "review")[0]}
    name = next(iter(rows))
    words = [
        ImportedAnnotation(name, "ann", Said(label="billing")),
        ImportedAnnotation(name, "bob", Said(label="no such label")),
        ImportedAnnotation("gone", "ann", Said()),
    ]
    found = import_annotations(Project(file, store), words, rows, author="o")  # type: ignore[arg-type]
    assert (found.new, found.unknown) == (1, ("gone",))
    ((row, who, why),) = found.refused
    assert (row, who) == (name, "bob")
    assert "no such label" in why
    with pytest.raises(UserError, match="none of the annotated rows"):
        import_annotations(Project(file, store), words[2:], rows, author="o")  # type: ignore[arg-type]


def test_argilla_in_both_shapes() -> None:
    spans = [{"start": 0, "end": 3, "label": "x"}]
    by_question = {
        "id": 7,
        "responses": {
            "label": [{"value": "a", "user_id": "u"}, {"value": "b", "user_id": "w"}],
            "spans": [{"value": spans, "user_id": "u"}],
        },
    }
    by_user = {
        "id": "r",
        "metadata": {"example": "e"},
        "responses": [
            {"user_id": "u", "status": "submitted", "values": {"label": {"value": "a"}}},
            {"user_id": "v", "status": "draft", "values": {}},
            {"user_id": "w", "status": "discarded", "values": None},
        ],
    }
    assert from_argilla([by_question, by_user]) == [
        ("7", "u", Said(label="a", spans=(MarkedSpan(start=0, end=3, label="x"),))),
        ("7", "w", Said(label="b")),
        ("e", "u", Said(label="a")),
        ("e", "w", Said(skipped="discarded")),
    ]
    rated = {"id": 1, "responses": {"rating": [{"value": 3, "user_id": "u"}], "label": []}}
    ((_, _, said),) = from_argilla([rated])
    assert said.label == "3"  # the only question with an answer


@pytest.mark.parametrize(
    ("form", "text", "message"),
    [
        ("csv", "row,label\n1,a\n", "columns row and person"),
        ("csv", "row,person,marks\nr,ann,form: twice\n", "2 times, not once"),
        ("argilla", "{", "not JSON"),
        ("label-studio", "{}", "a list of tasks"),
    ],
)
def test_what_cannot_be_read_says_where(form: str, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_annotations(form, text, {"r": "twice and twice"}, place="words.csv")
