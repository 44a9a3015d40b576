from __future__ import annotations

import pytest

from tests.curate.conftest import Project, pair
from tunewell.curate import curate
from tunewell.similar.shown_families import Shown
from tunewell.similar.vectors import available
from tunewell.store import Store
from tunewell.testing.planted import corpus


def shown(store: Store) -> Shown:
    run = store.last_run("curate")
    assert run is not None
    return store.get_value(run.outputs["shown"], Shown)


def test_a_person_can_look_at_families_and_at_the_map(project: Project, store: Store) -> None:
    made = corpus(seed=4, clean=300, each=8, words=40)
    file = project(
        {"a.jsonl": made.rows, "test.jsonl": made.evaluation},
        data="data: [{path: a.jsonl}, {path: test.jsonl, role: test}]\n",
    )
    dataset = curate(file, store)
    seen = shown(store)
    truth = {(p.row, p.other) for p in made.truth if p.code == "D04"}
    near = [kin for kin in seen.families if kin.code == "D04"]
    assert near
    assert all(any({a, b} <= {m.row for m in kin.members} for a, b in truth) for kin in near)
    assert all(not kin.members[0].dropped and kin.members[1].dropped for kin in near)
    notes = [float(kin.members[1].note.split()[-1]) for kin in near]
    assert notes == sorted(notes)
    assert seen.numbers["D04"] >= len(near)
    assert any(kin.code == "D11" and kin.members[0].note == "test row" for kin in seen.families)
    if available():
        assert seen.map is not None
        fates = {row[0]: row[3] for island in seen.map.islands for row in island.rows}
        kept = {e.id for e in store.examples(dataset)}
        assert {row for row, fate in fates.items() if fate in ("kept", "test")} <= kept
        assert not {row for row, fate in fates.items() if fate not in ("kept", "test")} & kept


def test_rows_dropped_for_personal_data_are_not_shown(project: Project, store: Store) -> None:
    things = "roof door cellar wall window floor stair gate lamp sink oven shelf".split() * 3
    rows = [
        pair(f"question {i} about the {w} of my house?", f"It is {w}.", id=f"r{i}")
        for i, w in enumerate(things)
    ]
    rows.append(
        pair("please write to jo.miller@example.org about it", "We wrote to her.", id="private")
    )
    curate(project({"a.jsonl": rows}, "rules: {personal: drop, near_duplicates: report}"), store)
    assert "private" not in shown(store).model_dump_json()


@pytest.mark.skipif(not available(), reason="the part 'vectors' is not installed")
def test_the_same_rows_give_the_same_thing_to_look_at(project: Project, store: Store) -> None:
    made = corpus(seed=6, clean=120, each=3, words=30)
    file = project({"a.jsonl": made.rows})
    curate(file, store)
    first = store.last_run("curate")
    with Store(file.root / "again") as other:
        curate(file, other)
        second = other.last_run("curate")
    assert first is not None
    assert second is not None
    assert first.outputs == second.outputs
