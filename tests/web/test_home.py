"""Home, data and decisions: what owners and engineers see of the whole way."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.decide.case import alarm, put_look
from tests.web.conftest import World, texts
from tests.web.test_pages import HOSTILE
from tunewell.iterate.versions import newest_version, trained_versions
from tunewell.lineage import record
from tunewell.people import Accounts
from tunewell.project import Project
from tunewell.releases import release, roll_back
from tunewell.store.rows import receipts_to_table
from tunewell.testing.factories import sample_project
from tunewell.types import Dataset, Example, Message, Receipt, digest
from tunewell.web import create_app
from tunewell.web.kinship import kinship_of


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A desk with three versions, the newest judged GO; texts that attack are planted."""
    folder = tmp_path_factory.mktemp("desk")
    made = sample_project(folder, rows=300, outcome="GO", versions=3, hostile=(HOSTILE,))
    world = World(made.file, made.store, create_app(Project(made.file, made.store)))
    yield world
    made.store.close()


def test_the_way_says_how_far_it_is_and_who_is_waited_for(desk: World) -> None:
    owner = desk.client("ann", "owner").client
    found = owner.get("/home")
    assert found.status_code == 200
    said = texts(found.text)
    for stage in ("Define", "Data", "Train", "Evaluate", "Review", "Release", "In use", "Decide"):
        assert stage in said
    assert "waiting not approved by head of service desk" in said
    assert "approve the definition" in said
    assert "INCONCLUSIVE" in said
    assert HOSTILE not in found.text
    for name, role in (("eve", "expert"), ("gus", "guest")):
        assert desk.client(name, role).client.get("/home").status_code == 403  # type: ignore[arg-type]


def test_versions_stand_on_the_same_metrics_with_intervals(desk: World) -> None:
    page = desk.client("ann", "owner").client.get("/home").text
    table = page[page.index('id="versions"') :]
    rows = re.findall(r"<tr><th scope=\"row\"><code>(\w+)</code>", table)
    assert len(rows) == 3
    assert len(set(rows)) == 3
    assert table.count('class="ci">[') >= 3


def test_rows_are_found_by_words_and_by_what_curation_met(desk: World) -> None:
    owner = desk.client("ann", "owner").client
    everything = texts(owner.get("/data").text)
    assert "300 rows" in everything
    dropped = owner.get("/data", params={"part": "dropped", "code": "D03"})
    count = int(re.search(r"(\d+) rows? match", texts(dropped.text)).group(1))  # type: ignore[union-attr]
    assert 0 < count < 60
    first = re.search(r'/data/row\?id=([^"]+)"', dropped.text)
    assert first is not None
    row = owner.get(f"/data/row?id={first.group(1)}")
    assert row.status_code == 200
    assert "D03" in row.text
    assert "The row was dropped" in row.text
    kept = owner.get("/data", params={"part": "training"})
    one = re.search(r'/data/row\?id=([^"]+)"', kept.text)
    assert one is not None
    assert "user, turn" in owner.get(f"/data/row?id={one.group(1)}").text
    word = texts(owner.get("/data", params={"q": "nowhere-to-be-found"}).text)
    assert "No row matches" in word
    assert owner.get("/data/row?id=nothing").status_code == 404
    assert owner.get("/data", params={"at": 0}).status_code == 422


def test_rows_that_belong_together_stand_side_by_side_with_their_receipts(desk: World) -> None:
    owner = desk.client("ann", "owner").client
    run = desk.store.last_run("curate")
    assert run is not None
    dataset = desk.store.get_value(run.outputs["dataset"], Dataset)
    named = [each for each in desk.store.receipts(dataset) if each.other and each.code == "D03"]
    assert named
    copy = named[0]
    gone = owner.get("/data/row", params={"id": copy.row}).text
    family = texts(gone[gone.index('id="family"') :])
    assert copy.other in family
    assert f"{copy.step} D03 names it" in family
    kept = owner.get("/data/row", params={"id": copy.other}).text
    family = texts(kept[kept.index('id="family"') :])
    assert f"{copy.step} D03 of it names this row" in family
    assert f"Dropped; its text stands at {copy.place}" in family
    assert f"{copy.step}: dropped (D03)" in family
    assert HOSTILE not in gone + kept


def test_ties_are_those_of_curation_lineage_and_the_split() -> None:
    told = [
        Receipt(
            row="copy",
            place="a:2",
            step="repeats",
            order=0,
            action="dropped",
            rule="r",
            code="D03",
            other="first",
        ),
        Receipt(row="first", place="a:1", step="end", order=0, action="kept", rule="kept"),
    ]
    found = kinship_of(receipts_to_table(told), ["first", "child"], [None, "first"])
    assert found.of("first") == {
        "child": ["made from this row"],
        "copy": ["repeats D03 of it names this row"],
    }
    assert found.of("copy") == {"first": ["repeats D03 names it"]}
    assert found.of("child") == {"first": ["this row was made from it"]}
    assert found.of("alone") == {}


def test_from_an_alarm_to_the_signed_decision(tmp_path: Path) -> None:
    made = sample_project(tmp_path, rows=240, outcome="GO")
    store = made.store
    newest = newest_version(store)
    assert newest is not None
    release(store, "production", newest.model.adapter, signed_by="ann")
    raised = alarm("instrumentation", 0).alarm
    update = {"since": newest.at, "since_low": newest.at, "since_high": newest.at}
    changed = raised.model_copy(update={**update, "raised": newest.at, "cause_why": HOSTILE})
    put_look(store, changed)
    world = World(made.file, store, create_app(Project(made.file, store)))
    owner = world.client("ann", "owner")
    assert "Decide now" in owner.client.get("/decisions").text
    assert owner.post("/decisions/now").status_code == 303
    page = owner.client.get("/decisions").text
    assert "not the model" in page
    assert HOSTILE not in page
    assert f"alarm:{changed.id}" in page
    id = re.search(r'name="decision" value="(\w+)"', page).group(1)  # type: ignore[union-attr]
    refused = owner.post("/decisions/sign", decision=id, against="true", reason="no")
    assert refused.status_code == 400
    assert "needs a reason" in refused.text
    assert owner.post("/decisions/sign", decision="0" * 16).status_code == 400
    assert owner.post("/decisions/sign", decision=id).status_code == 303
    assert "ann</strong> agrees" in owner.client.get("/decisions").text
    engineer = world.client("kim", "engineer")
    assert engineer.post("/decisions/sign", decision=id, reason="seen").status_code == 303
    expert = world.client("eve", "expert")
    assert expert.client.get("/decisions").status_code == 403
    assert expert.post("/decisions/sign", decision=id).status_code == 403
    assert "Open alarms" in page
    short = owner.post("/decisions/settle", alarm=changed.id, reason="done")
    assert short.status_code == 400
    done = owner.post("/decisions/settle", alarm=changed.id, reason="the clock is right again")
    assert done.status_code == 303
    after = owner.client.get("/decisions").text
    assert "Open alarms" not in after
    assert "Earlier decisions" in after
    assert any(line.action == "decision signed" for line in world.audit.lines())
    store.close()


def test_pages_say_that_a_decision_is_about_what_no_longer_serves(desk: World) -> None:
    owner = desk.client("ann", "owner")
    old, _, new = trained_versions(desk.store)

    release(desk.store, "production", old, signed_by="ann")
    owner.post("/decisions/now")
    page = owner.client.get("/decisions").text
    read = re.search(r'name="decision" value="(\w+)"', page).group(1)  # type: ignore[union-attr]
    assert "does not hold any more" not in page + owner.client.get("/home").text

    release(desk.store, "production", new, signed_by="ann")
    home = texts(owner.client.get("/home").text)
    assert f"It was made while {old[:12]} served" in home
    assert f"{new[:12]} serves in production" in home
    assert "Next: Decide again" in home
    page = owner.client.get("/decisions").text
    assert "does not hold any more" in page
    assert 'name="decision"' not in page, "it is not there to be signed"
    refused = owner.post("/decisions/sign", decision=read, reason="I had read it")
    assert refused.status_code == 400
    assert "does not hold any more" in refused.text

    owner.post("/decisions/now")
    assert "does not hold any more" not in owner.client.get("/home").text
    roll_back(desk.store, "production", signed_by="ann", reason="wrong amounts")
    assert f"made while {new[:12]} served" in texts(owner.client.get("/home").text)


def test_a_project_in_which_nothing_has_run(tmp_path: Path) -> None:
    made = sample_project(tmp_path, stages=())
    world = World(made.file, made.store, create_app(Project(made.file, made.store)))
    owner = world.client("ann", "owner").client
    for path, said in (
        ("/home", "No version has been judged yet"),
        ("/data", "No data yet"),
        ("/decisions", "No decision yet"),
    ):
        found = owner.get(path)
        assert found.status_code == 200
        assert said in texts(found.text)
    made.store.close()


PAGES: list[tuple[str, dict[str, Any]]] = [
    ("/home", {}),
    ("/home", {"versions": 9}),
    ("/data", {"q": "cellar 96"}),
    ("/data", {"code": "D04", "at": 3}),
    ("/data/row", {"id": "row-054321"}),
    ("/data/row", {"id": "row-054300"}),
    ("/decisions", {}),
]


def large(world: World, rows: int) -> None:
    """A dataset of so many rows."""
    store = world.store
    examples = []
    receipts = []
    for i in range(rows):
        asked = Message(role="user", content=f"Where is meter {i} of the house at the river?")
        said = Message(role="assistant", content=f"It stands in cellar {i % 97}.")
        examples.append(Example(id=f"row-{i:06}", messages=(asked, said)))
        code = "D04" if i % 50 == 0 else ""
        other = f"row-{i + 1:06}" if i % 50 == 0 else ""
        receipts.append(
            Receipt(
                row=f"row-{i:06}",
                place=f"a:{i}",
                step="end",
                order=0,
                action="kept",
                rule="r",
                code=code,
                other=other,
            )
        )
    dataset = Dataset(
        id=digest(rows),
        rows=rows,
        examples=store.put_examples(examples),
        receipts=store.put_table(receipts_to_table(receipts), sort=["row", "order"]),
        read=rows,
    )
    with record(store, "curate", inputs={}, parameters={"large": rows}) as run:
        run.outputs["dataset"] = store.put_value(dataset)
        run.outputs["examples"] = dataset.examples
        run.outputs["receipts"] = dataset.receipts


def many_versions(world: World, count: int) -> None:
    """So many evaluations more, as after so many turns of the loop."""
    last = world.store.last_run("evaluate")
    assert last is not None
    for number in range(count):
        inputs = {**last.inputs, "adapter": digest(number)}
        with record(world.store, "evaluate", inputs=inputs, parameters={}) as run:
            run.outputs |= last.outputs
            run.findings.extend(last.findings)


@pytest.mark.slow
def test_pages_answer_at_100_000_rows_and_200_versions(tmp_path: Path) -> None:
    """Processor time of the 95th percentile, after the first request has built the index."""
    made = sample_project(tmp_path, rows=240, outcome="GO")
    world = World(made.file, made.store, create_app(Project(made.file, made.store)))
    large(world, 100_000)
    many_versions(world, 200)
    owner = world.client("ann", "owner").client
    spent: dict[str, list[float]] = {}
    for path, asked in PAGES:
        assert owner.get(path, params=asked).status_code == 200
        for _ in range(20):
            begun = time.process_time()
            owner.get(path, params=asked)
            spent.setdefault(f"{path} {asked}", []).append(time.process_time() - begun)
    slowest = {name: sorted(times)[18] for name, times in spent.items()}
    assert max(slowest.values()) < 0.5, slowest
    assert Accounts(world.store).all()
    made.store.close()
