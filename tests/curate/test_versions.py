from __future__ import annotations

import json

import pytest

from tests.curate.conftest import Project, pair
from tunewell.curate import curate
from tunewell.curate.erasure import erase, tombstoned
from tunewell.curate.versions import datasets, diff, find_dataset
from tunewell.errors import UserError
from tunewell.lineage import record, why
from tunewell.store import Store
from tunewell.types import Assignment, Dataset, Estimate, ModelVersion, Recipe, Split, Trained

ROWS = [
    pair("Where is the form for the new flat, please?", "It lies on the page of forms.", id="form"),
    pair(
        "Mr Jonas Okoro has moved out of the house in May.",
        "Thank you, we close the contract.",
        id="named",
    ),
    pair(
        "Please write to jonas.okoro@example.org about the deposit.",
        "We have written the mail.",
        id="mailed",
    ),
]


def test_a_difference_names_rows_and_reasons(project: Project, store: Store) -> None:
    curate(project({"a.jsonl": ROWS}), store)
    changed = [
        *ROWS[1:],
        pair(
            "When is the office open in winter?", "From nine to five, except on Sundays.", id="new"
        ),
    ]
    changed[0] = {**changed[0], "completion": "Thanks, the contract ends in May."}
    changed[1] = {**changed[1], "completion": ""}
    curate(project({"a.jsonl": changed}), store)
    found = diff(store, find_dataset(store, "previous"), find_dataset(store, "last"))
    assert found.added == ("new",)
    assert dict(found.removed) == {
        "form": "no longer read",
        "mailed": "broken: the target is not empty",
    }
    assert dict(found.changed) == {"named": ("messages",)}
    assert found.same == 0
    with pytest.raises(UserError, match="no dataset begins with 'zzz'"):
        find_dataset(store, "zzz")


def test_an_erased_person_is_in_no_dataset_to_come(project: Project, store: Store) -> None:
    file = project({"a.jsonl": ROWS})
    before = curate(file, store)
    by_name = erase(store, "Jonas  OKORO", author="dpo")
    assert dict(by_name.rows) == {before.id: ("named",)}
    by_mail = erase(store, "Jonas.Okoro@example.org", author="dpo")
    assert dict(by_mail.rows) == {
        before.id: ("mailed",)
    }  # found by its placeholder: the dataset holds no address
    after = curate(file, store)
    assert [e.id for e in store.examples(after)] == ["form"]
    assert why(store, "named").receipts[-1].step == "erased"
    assert [d.id for d in datasets(store)] == [before.id, after.id]
    kept = json.dumps([e.record for e in store.said("erasure")]).lower()
    assert "okoro" not in kept
    with pytest.raises(UserError, match="too short"):
        erase(store, "Jo", author="dpo")


PEOPLE = [
    pair(
        "Dear Mr Okoro, where is the form?", "Mr Okoro, it lies on the page of forms.", id="short"
    ),
    pair(
        "Hello, my name is Jonas Okoro and my heater is broken.",
        "Dear Mr Okoro, we send somebody.",
        id="both",
    ),
    pair("My name is Ada Lund, when do you open?", "At nine, Mrs Lund.", id="other"),
    pair("What does the green tariff cost a month?", "It costs 24 euros a month.", id="clean"),
]


def test_names_are_masked_alike_and_erased_by_their_placeholder(
    project: Project, store: Store
) -> None:
    file = project({"a.jsonl": PEOPLE}, "rules: {recogniser: context}\n")
    before = curate(file, store)
    rows = {e.id: [m.content for m in e.messages] for e in store.examples(before)}
    assert not any(
        name in text
        for texts in rows.values()
        for text in texts
        for name in ("Okoro", "Lund", "Jonas")
    )
    asked, answered = rows["both"]
    mark = asked.split("my name is ")[1].split(" ")[0]
    assert mark.startswith("[NAME_")
    assert answered == f"Dear Mr {mark}, we send somebody."
    assert rows["clean"] == [
        "What does the green tariff cost a month?",
        "It costs 24 euros a month.",
    ]
    found = erase(store, "Jonas Okoro", author="dpo")
    assert dict(found.rows) == {before.id: ("both",)}  # a family name alone is not this person
    after = curate(file, store)
    assert sorted(e.id for e in store.examples(after)) == ["clean", "other", "short"]


def trained_on(store: Store, dataset: Dataset, *rows: str) -> str:
    """As the train stage records it: a model whose folds hold these rows."""
    parts = tuple(
        Assignment(id=e.id, family=e.id, part="fold-0" if e.id in rows else "test")
        for e in store.examples(dataset)
    )
    split = Split(dataset=dataset.id, folds=2, seed=0, assignments=parts)
    model = ModelVersion(
        id="-".join(rows),
        base="base",
        adapter="",
        recipe=Recipe(),
        dataset=dataset.id,
        split="",
        trained_on=len(rows),
    )
    loss = Estimate.exact(1.0, n=1)
    trained = Trained(
        model=model,
        trace="",
        best_epoch=1,
        held_out_loss=loss,
        train_loss=loss,
        tokens=1,
        tokens_per_s=1,
    )
    inputs = {"examples": dataset.examples, "split": store.put_value(split)}
    with record(store, "train", inputs=inputs, parameters={}) as run:
        run.outputs["trained"] = store.put_value(trained)
    return model.id


def test_erasing_names_the_models_and_marks_the_versions(project: Project, store: Store) -> None:
    dataset = curate(project({"a.jsonl": ROWS}), store)
    trained_on(store, dataset, "form")
    on_the_person = trained_on(store, dataset, "form", "named")
    assert erase(store, "Nobody Known", author="dpo").models == ()
    assert tombstoned(store) == {}
    assert erase(store, "Jonas Okoro", author="dpo").models == (on_the_person,)
    assert tombstoned(store) == {dataset.id: 1}
