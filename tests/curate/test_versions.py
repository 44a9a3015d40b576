from __future__ import annotations

import json

import pytest

from tests.curate.conftest import Project, pair
from tunewell.curate import curate
from tunewell.curate.versions import datasets, diff, erase, find_dataset
from tunewell.errors import UserError
from tunewell.lineage import why
from tunewell.store import Store

ROWS = [
    pair("Where is the form for the new flat, please?", "It lies on the page of forms.", id="form"),
    pair("Mr Jonas Okoro has moved out of the house in May.", "Thank you, we close the contract.", id="named"),
    pair("Please write to jonas.okoro@example.org about the deposit.", "We have written the mail.", id="mailed"),
]


def test_a_difference_names_rows_and_reasons(project: Project, store: Store) -> None:
    curate(project({"a.jsonl": ROWS}), store)
    changed = [*ROWS[1:], pair("When is the office open in winter?", "From nine to five, except on Sundays.", id="new")]
    changed[0] = {**changed[0], "completion": "Thanks, the contract ends in May."}
    changed[1] = {**changed[1], "completion": ""}
    curate(project({"a.jsonl": changed}), store)
    found = diff(store, find_dataset(store, "previous"), find_dataset(store, "last"))
    assert found.added == ("new",)
    assert dict(found.removed) == {"form": "no longer read", "mailed": "broken: the target is not empty"}
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
    assert dict(by_mail.rows) == {before.id: ("mailed",)}  # found by its placeholder: the dataset holds no address
    after = curate(file, store)
    assert [e.id for e in store.examples(after)] == ["form"]
    assert why(store, "named").receipts[-1].step == "erased"
    assert [d.id for d in datasets(store)] == [before.id, after.id]
    kept = json.dumps([e.record for e in store.said("erasure")]).lower()
    assert "okoro" not in kept
    with pytest.raises(UserError, match="too short"):
        erase(store, "Jo", author="dpo")
