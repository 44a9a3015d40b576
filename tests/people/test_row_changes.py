"""What people said comes into the next version of the data; their gold never trains."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tunewell.curate import curate
from tunewell.people import Accounts, Batch, Item, Said, WorkStore, new_id
from tunewell.people.row_changes import WrittenAnswer, freeze_gold, gold_registry, words_for
from tunewell.project import Project
from tunewell.split import split
from tunewell.store import Store
from tunewell.task import RubricCriterion, TaskFile, load_task
from tunewell.types import Example, Split

TASK = """\
task: {name: desk, about: Answers of a desk., input: a question, output: an answer}
data: [{path: rows.jsonl}]
split: {folds: 2, test: 0.2, review: 0.2, seed: 3}
people: {rubric: [{name: right, question: "Is it right?"}]}
"""
TOPICS = (
    "meter invoice outage tariff moving refund solar deposit contract password heating gas "
    "water lamp"
).split()


@pytest.fixture
def project(tmp_path: Path) -> tuple[TaskFile, Store]:
    lines = []
    for n in range(60):
        topic = TOPICS[n % len(TOPICS)]
        asked = (
            f"Question {n} on {topic}: what do I do about {topic} number {n * 7919 % 1009} "
            f"in {topic} street?"
        )
        answer = (
            f"Use form {n * 31 % 97} for {topic} and wait {n * 13 % 89} days, "
            f"then write to office {n}."
        )
        turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
        lines.append(json.dumps({"id": f"r{n:02}", "messages": turns}))
    (tmp_path / "rows.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (tmp_path / "tunewell.yaml").write_text(TASK, encoding="utf-8")
    return load_task(tmp_path), Store(tmp_path)


def review(store: Store, example: str, part: str, correction: str) -> None:
    """Somebody corrects one output."""
    import datetime as dt

    work_store = WorkStore(store)
    batch = Batch(
        id=new_id(),
        kind="review",
        title="t",
        created=dt.datetime.now(dt.UTC),
        author="o",
        raters=1,
        rubric=(RubricCriterion(name="right", question="Is it right?"),),
    )
    item = Item(
        id=new_id(),
        batch=batch.id,
        number=0,
        example=example,
        arms=("tuned",),
        part=part,
        source="s",
        output="wrong",
    )
    work_store.open_batch(batch, [item])
    account = Accounts(store).by_name("ann") or Accounts(store).create("ann", role="expert")
    work_store.share(batch, [account.id])
    said = Said(scores={"right": 0}, correction=correction)
    work_store.write(said, item=item, batch=batch, account=account.id, key=new_id())


def made(file: TaskFile, store: Store) -> tuple[dict[str, Example], Split]:
    dataset = curate(Project(file, store))
    return {e.id: e for e in store.examples(dataset)}, split(dataset, Project(file, store))


def test_a_correction_of_the_review_pool_trains_in_the_next_version(
    project: tuple[TaskFile, Store],
) -> None:
    file, store = project
    rows, parts = made(file, store)
    pool, test = parts.ids("review")[0], set(parts.ids("test"))
    review(store, pool, "review", "As it should be.")
    after, again = made(file, store)
    new = after[f"{pool}#corrected"]
    assert (new.target, new.origin, new.parent, new.prompt) == (
        "As it should be.",
        "correction",
        pool,
        rows[pool].prompt,
    )
    assert pool not in after
    assert new.id in again.all_folds
    assert set(again.ids("test")) == test  # what gave the verdict is not dealt anew
    assert made(file, store)[1] == again  # and reused as it is
    receipts = [r for r in store.receipts(curate(Project(file, store))) if r.row in (pool, new.id)]
    assert {(r.row, r.action, r.step) for r in receipts} >= {
        (pool, "dropped", "correction"),
        (new.id, "changed", "correction"),
        (new.id, "kept", "end"),
    }
    review(store, new.id, "review", "Better still.")
    assert made(file, store)[0][f"{new.id}#corrected"].target == "Better still."
    store.close()


def test_a_correction_of_a_test_row_changes_its_gold_only(project: tuple[TaskFile, Store]) -> None:
    file, store = project
    rows, parts = made(file, store)
    name = parts.ids("test")[0]
    review(store, name, "test", "The gold as it should be.")
    after, again = made(file, store)
    assert set(after) == set(rows)
    assert (after[name].target, after[name].origin) == ("The gold as it should be.", "source")
    assert name in again.ids("test")
    assert all(after[i] == rows[i] for i in rows if i != name)
    store.close()


def test_frozen_gold_and_its_family_never_train(project: tuple[TaskFile, Store]) -> None:
    file, store = project
    _, parts = made(file, store)
    name = parts.all_folds[0]
    first = freeze_gold(
        store, [WrittenAnswer(example=name, target="Settled.", by="agreed")], author="o"
    )
    sibling = f"{name}#corrected"
    review(store, parts.ids("review")[0], "review", "Other.")
    after, again = made(file, store)
    assert after[name].target == "Settled."
    assert name in again.ids("test")
    assert name not in again.all_folds
    family = {a.family for a in again.assignments if a.id == name}
    assert not [a for a in again.assignments if a.family in family and a.part.startswith("fold")]
    review(store, name, "review", "A correction of gold trains nothing.")
    assert sibling not in made(file, store)[0]
    second = freeze_gold(
        store, [WrittenAnswer(example="r59", target="Also.", by="adjudicated")], author="o"
    )
    assert set(second.rows) == {name, "r59"}
    assert gold_registry(store) == second
    assert set(gold_registry(store, version=first.version).rows) == {name}
    assert len(words_for(store).gold) == 2
    store.close()


def test_words_on_rows_that_are_gone_change_nothing(project: tuple[TaskFile, Store]) -> None:
    file, store = project
    rows, _ = made(file, store)
    review(store, "no such row", "review", "As it should be.")
    assert made(file, store)[0] == rows
    store.close()
