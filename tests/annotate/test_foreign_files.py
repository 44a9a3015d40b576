"""Annotations of other tools: nothing that people said is lost, nothing that is broken spreads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.web.world import make_project
from tunewell.annotate import (
    AnnotationResult,
    Imported,
    annotation_result,
    from_argilla,
    from_csv,
    from_doccano,
    from_label_studio,
    from_prodigy,
    import_annotations,
    read_annotations,
    rows_of,
)
from tunewell.errors import DataError
from tunewell.people import Accounts, MarkedSpan, Said, WorkStore
from tunewell.project import Project
from tunewell.store import Store
from tunewell.task import TaskFile

Task = dict[str, Any]
TEXT = "Pay 92.10 EUR 🙂 within 14 days, or pay later."
SOURCES = {"r": TEXT}


def result(kind: str, control: str, **value: Any) -> Task:
    return {"type": kind, "from_name": control, "to_name": "text", "value": value}


def task(*results: Task, who: Any = "ann", row: str = "r", **changes: Any) -> Task:
    annotation = {"completed_by": who, "result": list(results), **changes}
    return {"id": 1, "data": {"example": row, "text": TEXT}, "annotations": [annotation]}


def choice(*labels: str, control: str = "topic") -> Task:
    return result("choices", control, choices=list(labels))


def only(tasks: list[Task]) -> Said:
    ((_, _, said),) = from_label_studio(tasks, SOURCES)
    return said


# --- Label Studio: controls, spans, people --------------------------------------------------------


def test_several_choices_and_controls_are_kept() -> None:
    said = only(
        [
            task(
                choice("billing", "meter"),
                choice("angry", control="tone"),
                result("rating", "stars", rating=4),
                result("taxonomy", "tree", taxonomy=[["a", "b"], ["c"]]),
                result("textarea", "answer", text=["one", "two"]),
                result("textarea", "note", text=["seen"]),
            )
        ]
    )
    assert said.label == ""
    assert said.answer == "one\ntwo"
    assert said.choices == {
        "topic": ("billing", "meter"),
        "tone": ("angry",),
        "stars": ("4",),
        "tree": ("a > b", "c"),
        "note": ("seen",),
    }


@pytest.mark.parametrize(
    ("start", "end", "quote", "place"),
    [
        (4, 13, "92.10 EUR", (4, 13)),
        (16, 22, "within", (16, 22)),  # code points
        (17, 23, "within", (16, 22)),  # UTF-16 units, after an emoji
        (0, 6, "within", (16, 22)),  # neither, but it stands there once
        (0, 3, "Pay", (0, 3)),
        (14, 16, "🙂", (14, 15)),
    ],
)
def test_spans_are_held_against_what_they_quote(
    start: int, end: int, quote: str, place: tuple[int, int]
) -> None:
    said = only([task(result("labels", "l", start=start, end=end, text=quote, labels=["x"]))])
    assert said.spans == (MarkedSpan(start=place[0], end=place[1], label="x"),)


@pytest.mark.parametrize(
    ("start", "end", "quote", "why"),
    [
        (0, 4, "none", "occurs nowhere"),
        (20, 22, "ay", "occurs 4 times"),
        (16, 22, "", "cannot be told"),
        (0, 400, "", "outside the text"),
        (5, 5, "", "ends after it starts"),
    ],
)
def test_spans_that_cannot_be_placed_reject_their_annotation(
    start: int, end: int, quote: str, why: str
) -> None:
    source = {"r": TEXT.replace("or", "ay or ay ay", 1).replace("Pay", "P", 1).replace("pay", "p")}
    bad = task(result("labels", "l", start=start, end=end, text=quote, labels=["x"]))
    with pytest.raises(DataError, match=why):
        from_label_studio([bad], source)


def test_one_bad_record_rejects_itself() -> None:
    tasks = [
        task(choice("a")),
        {"id": 2},
        task(result("relation", "r")),
        "no task",
        task(choice("b"), who="bob"),
        {"id": 3, "data": {}, "annotations": 7},
    ]
    found = from_label_studio(tasks, SOURCES)  # type: ignore[arg-type]
    assert [a.said.label for a in found] == ["a", "b"]
    assert [r.place for r in found.rejects] == ["task 1", "task 2", "task 3", "task 5"]


def test_who_it_was_is_read_in_every_shape() -> None:
    people = ["ann", 7, {"id": 3, "email": "c@x"}, {"id": 4}, None]
    found = from_label_studio([task(choice("a"), who=who) for who in people], SOURCES)
    assert [a.annotator for a in found] == ["ann", "7", "c@x", "4", ""]


def test_a_span_with_two_labels_is_two_marks_and_rows_are_found_by_their_text() -> None:
    both = result("labels", "l", start=0, end=3, text="Pay", labels=["x", "y"])
    made = task(both)
    made["data"] = {"text": TEXT}
    ((row, _, said),) = from_label_studio([made], SOURCES)
    assert row == "r"
    assert [s.label for s in said.spans] == ["x", "y"]


# --- Argilla, Prodigy, doccano, CSV ---------------------------------------------------------------


def test_argilla_questions_of_every_kind() -> None:
    values = {
        "topic": {"value": ["a", "b"]},
        "stars": {"value": 4},
        "order": {"value": [{"value": "y", "rank": 2}, {"value": "x", "rank": 1}]},
        "why": {"value": "Because it says so in the second line."},
        "marks": {"value": [{"start": 4, "end": 9, "label": "sum"}]},
    }
    response = {"user_id": None, "status": "submitted", "values": values}
    record = {"id": "r", "fields": {"text": TEXT}, "responses": [response, 3]}
    ((_, who, said),) = from_argilla([{**record, "responses": [response]}], SOURCES)
    assert who == ""
    assert said.choices == {"topic": ("a", "b"), "stars": ("4",), "order": ("x", "y")}
    assert said.answer.startswith("Because")
    assert said.spans == (MarkedSpan(start=4, end=9, label="sum"),)
    found = from_argilla([record, {**record, "responses": [response]}], SOURCES)
    assert (len(found), len(found.rejects)) == (1, 1)


def test_prodigy_files() -> None:
    base = {"text": TEXT, "_annotator_id": "ann", "answer": "accept"}
    options = [{"id": "B", "text": "billing"}, {"id": "M", "text": "meter"}]
    records: list[dict[str, object]] = [
        {**base, "options": options, "accept": ["B"]},
        {**base, "options": options, "accept": ["B", "M"], "_annotator_id": "bob"},
        {**base, "spans": [{"start": 16, "end": 22, "label": "time"}]},
        {**base, "label": "billing", "answer": "reject"},
        {**base, "answer": "ignore"},
        {**base, "spans": [{"start": 16, "end": 99, "label": "time"}]},
    ]
    found = from_prodigy(records, SOURCES)
    assert {a.row for a in found} == {"r"}
    assert found[0].said.label == "billing"
    assert found[1].said.choices == {"label": ("billing", "meter")}
    assert found[2].said.spans == (MarkedSpan(start=16, end=22, label="time"),)
    assert [a.said.skipped for a in found[3:]] == ["reject: billing", "ignore"]
    assert [r.place for r in found.rejects] == ["record 5"]


def test_doccano_files() -> None:
    records = [
        {"id": 1, "text": TEXT, "label": ["billing"]},
        {"id": 1, "text": TEXT, "label": ["billing", "meter"], "Comments": ["sure"]},
        {"id": 1, "text": TEXT, "label": [[16, 22, "time"]]},
        {"id": 1, "text": TEXT, "entities": [{"start_offset": 0, "end_offset": 3, "label": "v"}]},
        {"id": 1, "text": TEXT, "entities": [], "relations": [{"id": 1}]},
    ]
    text = "\n".join(map(json.dumps, records)) + "\n{broken\n"
    found = read_annotations("doccano", text, SOURCES, place="/x/ann.jsonl")
    assert {(a.row, a.annotator) for a in found} == {("r", "ann")}
    assert found[0].said.label == "billing"
    assert (found[1].said.choices, found[1].said.comment) == (
        {"label": ("billing", "meter")},
        "sure",
    )
    assert [s.label for a in found[2:] for s in a.said.spans] == ["time", "v"]
    assert len(found.rejects) == 2
    assert from_doccano(records[:1], SOURCES)[0].annotator == ""


def test_csv_with_cells_of_any_size_and_further_columns() -> None:
    long = "word " * 30_000
    lines = [
        "row,person,label,tone,answer",
        'r,ann,a | b,"x",',
        f'r,bob,a,,"{long}"',
        "r,c,a,b,c,d",
    ]
    text = "\n".join(lines)
    found = from_csv(text, SOURCES)
    assert found[0].said.choices == {"label": ("a", "b"), "tone": ("x",)}
    assert len(found[1].said.answer) == 150_000
    assert [r.why for r in found.rejects] == ["more cells than the header has columns"]


# --- into the project -----------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path) -> Iterator[tuple[TaskFile, Store]]:
    file, store = make_project(tmp_path)
    yield file, store
    store.close()


class World:
    """A project that takes in files of labels."""

    def __init__(self, project: tuple[TaskFile, Store]) -> None:
        self.file, self.store = project
        self.rows = {e.id: (e, "review") for e in rows_of(self.store, "review")[0]}
        self.names = sorted(self.rows)

    def take(self, words: list[tuple[int, str, Any]]) -> Imported:
        """Import (row, annotator, label) as a Label Studio file."""
        tasks = []
        for row, who, label in words:
            said = [choice(label)] if label else []
            tasks.append(task(*said, who=who, row=self.names[row], was_cancelled=not label))
        read = read_annotations("label-studio", json.dumps(tasks), {}, place="file")
        return import_annotations(Project(self.file, self.store), read, self.rows, author="o")  # type: ignore[arg-type]

    def state(self, imported: Imported) -> AnnotationResult:
        book = WorkStore(self.store)
        batch = book.batch(imported.batch)
        assert batch is not None
        return annotation_result(book, batch)


def counts(found: Imported) -> tuple[int, int, int, int]:
    return found.new, found.known, found.changed, found.withdrawn


def test_rows_are_settled_by_the_people_that_each_one_has(
    project: tuple[TaskFile, Store],
) -> None:
    world = World(project)
    words = [(n, who, "billing") for n in (0, 1) for who in ("ann", "bob")]
    words += [(2, "ann", "billing"), (2, "bob", "meter"), (2, "cat", "meter")]
    words += [(n, "ann", "meter") for n in (3, 4)]
    found = world.state(world.take(words))
    how = {s.item.example: s.how for s in found.settled}
    assert [how.get(name) for name in world.names[:5]] == [
        "agreed",
        "agreed",
        None,
        "one person",
        "one person",
    ]
    assert (len(found.disputes), found.waiting) == (1, 0)


def test_a_file_that_grew_is_imported_as_changes(project: tuple[TaskFile, Store]) -> None:
    world = World(project)
    words = [(n, who, "billing") for n in range(4) for who in ("ann", "bob")]
    first = world.take(words)
    assert counts(first) == (8, 0, 0, 0)
    assert counts(world.take(words)) == (0, 8, 0, 0)

    words[0] = (0, "ann", "meter")  # a correction replaces
    words.remove((1, "bob", "billing"))  # a withdrawal withdraws
    words.append((4, "cat", "meter"))  # and the file has grown
    later = world.take(words)
    assert later.batch == first.batch
    assert counts(later) == (1, 6, 1, 1)
    found = world.state(later)
    assert {s.item.example: s.how for s in found.settled} == {
        world.names[1]: "one person",
        world.names[2]: "agreed",
        world.names[3]: "agreed",
        world.names[4]: "one person",
    }
    assert [d.item.example for d in found.disputes] == [world.names[0]]
    assert counts(world.take(words)) == (0, 8, 0, 0)

    part = [word for word in words if word[0] < 2]  # rows left out stay as they are
    assert counts(world.take([*part, (5, "ann", "meter")]))[3] == 0
    assert counts(world.take([(1, "ann", ""), *words[3:]]))[2] == 1  # one that was cancelled


def test_another_file_is_another_batch(project: tuple[TaskFile, Store]) -> None:
    world = World(project)
    first = world.take([(0, "ann", "billing"), (1, "ann", "billing")])
    other = world.take([(0, "zoe", "billing"), (1, "zoe", "meter")])
    assert first.batch != other.batch


def test_annotators_without_a_name_are_kept_apart(project: tuple[TaskFile, Store]) -> None:
    world = World(project)
    found = world.take([(0, "", "billing"), (0, "", "meter"), (1, "", "billing")])
    assert counts(found) == (3, 0, 0, 0)
    assert len(world.state(found).disputes) == 1
    names = {a.shown for a in Accounts(world.store).all() if a.shown.startswith("imported")}
    assert names == {"imported: unnamed 1", "imported: unnamed 2"}


def test_long_names_that_begin_alike_are_two_people(project: tuple[TaskFile, Store]) -> None:
    world = World(project)
    names = ["x" * 120 + end for end in "ab"]
    found = world.take([(0, names[0], "billing"), (0, names[1], "meter")])
    assert counts(found)[0] == 2
    assert len(world.state(found).disputes) == 1


def test_the_same_person_twice_on_a_row_counts_once_and_is_told(
    project: tuple[TaskFile, Store],
) -> None:
    world = World(project)
    found = world.take([(0, "ann", "billing"), (0, "ann", "meter")])
    assert counts(found) == (1, 0, 0, 0)
    assert "later annotation" in found.refused[0][2]
    assert world.state(found).settled[0].said.label == "meter"


def test_several_labels_settle_and_agree_as_a_set(project: tuple[TaskFile, Store]) -> None:
    world = World(project)
    tasks = []
    for row in range(3):
        for who, labels in (("ann", ("billing", "meter")), ("bob", ("meter", "billing"))):
            tasks.append(task(choice(*labels), who=who, row=world.names[row]))
    tasks.append(task(choice("billing", "no such"), who="ann", row=world.names[3]))
    read = read_annotations("label-studio", json.dumps(tasks), {}, place="f")
    found = import_annotations(Project(world.file, world.store), read, world.rows, author="o")  # type: ignore[arg-type]
    assert len(world.state(found).settled) == 3
    assert next(why for _, _, why in found.refused).startswith("label: one of")
