"""What is taken up, when, and what stays as it was; plans from what other stages know."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunewell.augment import Augmented, CellResult, Wanted, augment
from tunewell.augment.expert_sample import open_sample, spoken_error_rate
from tunewell.augment.results import newest_augmentation, standing
from tunewell.augment.stage import RowsOfSplit, content_of
from tunewell.augmented import (
    joins_families,
    model_named,
    note_plan,
    noted_plan,
    planned_cells,
    rules,
    take_up_rows,
)
from tunewell.errors import UserError
from tunewell.people import WorkStore
from tunewell.people.work import Said
from tunewell.project import Project
from tunewell.store import Store
from tunewell.store.rows import receipts_to_table
from tunewell.task import AugmentCell
from tunewell.testing.made_up import (
    PARTS,
    cells_of_rows,
    made_up_row,
    made_up_rows,
    made_up_task,
    put_made_up,
)
from tunewell.train.studies.added_rows import STAGE, AddedRows
from tunewell.types import Dataset, Estimate, Example, Split, digest


def put_augmentation(
    store: Store, dataset: Dataset, rows: list[Example], *, stage: str = "augment"
) -> Augmented:
    """An augmentation as its stage would leave it."""
    from tunewell.lineage import StageKey

    made = Augmented(
        dataset=dataset.id,
        cells=(CellResult(name="a", wanted=len(rows), asked=len(rows), accepted=len(rows)),),
        accepted=store.put_examples(rows),
        decided=store.put_value([]),
        content=content_of(rows),
    )
    key = StageKey(stage, {"dataset": dataset.examples}, {"n": len(rows)})
    with key.record(store) as writer:
        writer.outputs |= {"augmented": store.put_value(made), "accepted": made.accepted}
    return made


def put_trial(store: Store, made: Augmented, low: float) -> None:
    from tunewell.lineage import StageKey

    gain = Estimate(value=low + 0.1, low=low, high=low + 0.2, n=9, method="made")
    trial = AddedRows(
        rows=made.rows,
        tokens=9,
        again=1,
        again_tokens=9,
        without=gain,
        gain=gain,
        detectable=0.1,
        verdict="pays" if low > 0 else "adds nothing",
        epochs=(1, 1),
    )
    with StageKey(STAGE, {"accepted": made.accepted}, {"low": low}).record(store) as writer:
        writer.outputs["trial"] = store.put_value(trial)


def child(parent: str, number: int, asked: str, said: str) -> Example:
    made = made_up_row(f"{parent}~a-{number}", asked, said, parent=parent)
    return made.model_copy(update={"origin": "augmentation"})


@pytest.fixture
def opened(tmp_path: Path) -> tuple[Store, Dataset, Split, list[Example]]:
    store = Store(tmp_path)
    rows = made_up_rows(30)
    dataset, split = put_made_up(store, rows)
    return store, dataset, split, rows


Opened = tuple[Store, Dataset, Split, list[Example]]


def new_children(count: int) -> list[Example]:
    fresh = made_up_rows(count, seed=99)
    return [child(f"row-{6 * i:04}", i, row.input, row.target) for i, row in enumerate(fresh)]


def test_only_rows_that_pay_are_taken_up(opened: Opened) -> None:
    store, dataset, split, _ = opened
    project = Project(made_up_task(), store)
    assert take_up_rows(project, dataset, split).why == ""
    made = put_augmentation(store, dataset, new_children(4))
    assert "no trial has shown" in take_up_rows(project, dataset, split).why
    put_trial(store, made, -0.05)
    taken = take_up_rows(project, dataset, split)
    assert taken.dataset == dataset
    assert "adds nothing that could be measured" in taken.why
    put_trial(store, made, 0.02)
    taken = take_up_rows(project, dataset, split)
    assert taken.dataset.rows == 34
    assert taken.dataset.parent == dataset.id
    assert taken.why == "4 synthetic rows are trained on"


@pytest.mark.parametrize(("mode", "rows"), [("always", 34), ("never", 30)])
def test_unless_the_definition_says_otherwise(opened: Opened, mode: str, rows: int) -> None:
    store, dataset, split, _ = opened
    put_augmentation(store, dataset, new_children(4))
    file = made_up_task().spec
    section = file.augment.model_copy(update={"take_up": mode})
    spec = file.model_copy(update={"augment": section})
    from tunewell.task import TaskFile

    project = Project(TaskFile(spec=spec, path=Path("tunewell.yaml")), store)
    assert take_up_rows(project, dataset, split).dataset.rows == rows


def test_everything_else_stays_where_it_was(opened: Opened) -> None:
    store, dataset, split, _ = opened
    project = Project(made_up_task(), store)
    made = put_augmentation(store, dataset, new_children(4))
    put_trial(store, made, 0.02)
    taken = take_up_rows(project, dataset, split)
    assert set(split.assignments) <= set(taken.split.assignments)
    place = {a.id: a for a in taken.split.assignments}
    for row in store.examples(made.accepted):
        assert place[row.id].family == place[row.parent].family
        assert place[row.id].part == place[row.parent].part == "fold-0"
    (receipt,) = store.receipts(taken.dataset, row="row-0000~a-0")
    assert (receipt.action, receipt.step, receipt.other) == ("kept", "augment", "row-0000")
    again = take_up_rows(project, dataset, split)
    assert again == taken


def test_a_synthetic_row_can_be_asked_about_and_compared(opened: Opened) -> None:
    from tunewell.curate.versions import datasets, diff
    from tunewell.lineage import StageKey, why

    store, dataset, split, _ = opened
    curated = dataset.model_copy(update={"receipts": store.put_table(receipts_to_table([]))})
    with StageKey("curate", {}, {}).record(store) as run:
        run.outputs["dataset"] = store.put_value(curated)
    put_trial(store, put_augmentation(store, curated, new_children(3)), 0.02)
    taken = take_up_rows(Project(made_up_task(), store), curated, split)
    history = why(store, "row-0000~a-0")
    assert (history.part, history.family) == ("fold-0", "row-0000")
    assert history.receipts[0].other == "row-0000"
    assert [made.id for made in datasets(store)] == [curated.id, taken.dataset.id]
    found = diff(store, curated, taken.dataset)
    assert len(found.added) == 3
    assert not found.removed


def test_a_row_that_would_join_two_families_is_left_out(opened: Opened) -> None:
    store, dataset, split, rows = opened
    joining = child("row-0000", 7, rows[1].input, rows[1].target)
    made = put_augmentation(store, dataset, [*new_children(2), joining])
    put_trial(store, made, 0.02)
    training = RowsOfSplit.of(dataset, split, store).training
    assert joins_families(training, split, [joining]) == {"row-0000~a-7": "row-0001"}
    taken = take_up_rows(Project(made_up_task(), store), dataset, split)
    assert taken.dataset.rows == 32
    (receipt,) = store.receipts(taken.dataset, row="row-0000~a-7")
    assert (receipt.action, receipt.code) == ("dropped", "D11")


def test_rows_of_a_family_with_gold_or_a_test_row_are_no_parents(opened: Opened) -> None:
    from tunewell.people.row_changes import WrittenAnswer, freeze_gold_anew
    from tunewell.types import Assignment

    store, dataset, split, _ = opened
    gold = WrittenAnswer(example="row-0000", target="x", by="review", version="v")
    freeze_gold_anew(store, [gold], author="ann")
    assignments = []
    for each in split.assignments:
        family = "row-0004" if each.id == "row-0001" else each.family
        assignments.append(Assignment(id=each.id, family=family, part=each.part))
    joined = split.model_copy(update={"assignments": tuple(assignments)})
    found = RowsOfSplit.of(dataset, joined, store)
    training = {row.id for row in found.training}
    assert "row-0000" not in training, "its answer is frozen gold"
    assert "row-0001" not in training, "a row of its family is in the test set"
    assert len(found.training) + len(found.evaluation) == 30


def test_experts_give_the_accepted_rows_an_error_rate(opened: Opened) -> None:
    store, dataset, _, _ = opened
    project = Project(made_up_task(), store)
    rows = new_children(5)
    made = put_augmentation(store, dataset, rows)
    assert standing(store, made, training=20).status == "unchecked"
    batch = open_sample(project, rows, author="ann", count=4, raters=1)
    book = WorkStore(store)
    items = book.items(batch.id)
    assert len(items) == 4
    assert {item.probability for item in items} == {0.8}
    assert {item.part for item in items} == {"own"}, "what is said there corrects no row"
    book.share(batch, ["a1"])
    for number, item in enumerate(items):
        said = Said(scores={"faithful": float(number > 0)})
        book.write(said, item=item, batch=batch, account="a1", key=f"k{number}")
    rate = spoken_error_rate(store, made)
    assert rate is not None
    assert (rate.value, rate.n) == (0.25, 4)
    finding = standing(store, made, training=20)
    assert (finding.code, finding.status) == ("D15", "unchecked")
    assert "INCONCLUSIVE" in finding.why


def test_a_plan_is_remembered_for_its_dataset(opened: Opened) -> None:
    store, dataset, _, _ = opened
    project = Project(made_up_task(), store)
    assert noted_plan(project, dataset) == ()
    cells = cells_of_rows(3, 4)
    note_plan(project, dataset, cells, "ann")
    assert noted_plan(project, dataset) == cells
    assert noted_plan(project, dataset.model_copy(update={"id": "e" * 64})) == ()


def test_cells_that_were_changed_after_the_plan_count(opened: Opened) -> None:
    from tunewell.task import TaskFile

    store, dataset, _, _ = opened
    file = made_up_task()
    note_plan(Project(file, store), dataset, cells_of_rows(3), "ann")
    section = file.spec.augment.model_copy(update={"cells": cells_of_rows(9)})
    spec = file.spec.model_copy(update={"augment": section})
    assert noted_plan(Project(TaskFile(spec=spec, path=file.path), store), dataset) == ()


def test_stress_writes_rows_of_the_folds_by_its_own_rules(tmp_path: Path) -> None:
    rows = made_up_rows(30)
    cell = AugmentCell(name="typos", rows=12, kind="edit", by="typos", about="slips")
    with Store(tmp_path) as store:
        dataset, split = put_made_up(store, rows)
        project = Project(made_up_task(), store)
        made = augment(dataset, split, project, Wanted([cell], rules=rules(project)))
        accepted = store.examples(made.accepted)
    assert made.rows == 12
    by_id = {row.id: row for row in rows}
    places = {row.id: i for i, row in enumerate(rows)}
    for row in accepted:
        assert row.input != by_id[row.parent].input
        assert row.target == by_id[row.parent].target
        assert PARTS[places[row.parent] % len(PARTS)].startswith("fold-")


def test_a_source_that_knows_nothing_says_what_to_do(opened: Opened) -> None:
    store, dataset, split, _ = opened
    project = Project(made_up_task(), store)
    with pytest.raises(UserError, match="no stress test"):
        planned_cells(project, dataset, split, ["stress"], rows=5)
    with pytest.raises(UserError, match="no facts file"):
        planned_cells(project, dataset, split, ["facts"], rows=5)
    assert planned_cells(project, dataset, split, ["review", "contradictions"], rows=5) == ()


def test_slice_gaps_become_cells(opened: Opened) -> None:
    store, dataset, split, _ = opened
    more = "slices: [{field: region, target: {south: 0.8, north: 0.15, east: 0.05}}]"
    text = made_up_task().path
    from tunewell.task import parse_task
    from tunewell.testing.made_up import MADE_UP_TASK

    definition = MADE_UP_TASK.replace("slices: [{field: region}]", more)
    project = Project(parse_task(definition, path=text, environment={}), store)
    cells = planned_cells(project, dataset, split, ["gaps"], rows=5)
    (south,) = [cell for cell in cells if "south" in cell.name]
    training = RowsOfSplit.of(dataset, split, store).training
    have = sum(row.tags["region"] == "south" for row in training)
    share = (have + south.rows) / (len(training) + south.rows)
    assert share == pytest.approx(0.8, abs=0.02)
    assert (south.parents, south.set) == ({"region": "south"}, {"region": "south"})
    assert not any("north" in cell.name for cell in cells)


def test_a_model_is_named_with_its_server() -> None:
    assert model_named("smollm2-135m").url == ""
    assert model_named("org/model@http://h:1/v1").model == "org/model"


def test_the_newest_augmentation_is_that_of_the_dataset(opened: Opened) -> None:
    store, dataset, _, _ = opened
    made = put_augmentation(store, dataset, new_children(2))
    assert newest_augmentation(store) == made
    other = dataset.model_copy(update={"id": digest("other")})
    assert newest_augmentation(store, other) is None
