"""Import, export, corrections, gold and the plan, on pages."""

from __future__ import annotations

import csv
import io
import json

from tests.web.conftest import World, texts
from tunewell.people.row_changes import gold_registry
from tunewell.types import Dataset
from tunewell.web.exchange import download

FORMATS = ("label-studio", "argilla", "csv")


def annotated(world: World) -> str:
    batch = world.annotation(["bob", "eve"], rows=3)
    for name in ("bob", "eve"):
        person = world.client(name)
        for item in person.items(batch.id):
            span = {"start": 0, "end": 4, "label": "amount"}
            person.say(item["id"], item["id"], label="meter", answer="=1+1", spans=[span])
    return batch.id


def test_what_is_exported_comes_in_again(world: World) -> None:
    owner = world.client("ann", "owner")
    batch = annotated(world)
    page = owner.client.get(f"/batches/{batch}/export").text
    for form in FORMATS:
        assert f"/batches/{batch}/export/{form}" in page
        file = owner.client.get(f"/batches/{batch}/export/{form}")
        assert file.headers["content-disposition"].startswith("attachment; filename=")
        taken = owner.post("/import", form=form, text=file.text, title=f"From {form}")
        assert taken.status_code == 200, texts(taken.text)
        # The later files hold what the first one held: they are a later state of its batch.
        assert ("6 new" if form == FORMATS[0] else "6 known already") in taken.text, form
    twice = owner.post("/import", form="csv", text=file.text)
    assert "0 new, 6 known already" in twice.text
    cells = [cell for row in csv.reader(io.StringIO(file.text)) for cell in row]
    assert not any(cell.startswith("=") for cell in cells)
    assert owner.client.get(f"/batches/{batch}/export/pickle").status_code == 404


def test_a_file_that_cannot_be_read_says_why(world: World) -> None:
    owner = world.client("ann", "owner")
    for text, why in (("not json", "not JSON"), ("[]", "none of the annotated rows")):
        refused = owner.post("/import", form="label-studio", text=text, name="<b>a</b>.json")
        assert refused.status_code == 400
        assert why in refused.text
        assert "<b>a</b>" not in refused.text
    assert owner.post("/import", form="word", text="x").status_code == 404
    large = owner.post("/import", form="csv", text="x" * 5_000_000)
    assert large.status_code == 413
    assert world.client("bob").post("/import", form="csv", text="x").status_code == 403


def test_gold_is_read_saved_and_frozen(world: World) -> None:
    owner = world.client("ann", "owner")
    batch = annotated(world)
    page = texts(owner.client.get(f"/batches/{batch}/gold").text)
    assert "3 settled" in page
    assert "agreed" in page
    saved = owner.client.get(f"/batches/{batch}/gold.jsonl")
    rows = [json.loads(line) for line in saved.text.splitlines()]
    assert len(rows) == 3
    assert {row["part"] for row in rows} == {"review"}
    assert owner.post(f"/batches/{batch}/gold/freeze").status_code == 303
    assert len(gold_registry(world.store).rows) == 3
    assert "Frozen gold is version" in owner.client.get("/changes").text
    item = world.work_store.items(batch)[0]
    assert "frozen gold" in owner.client.get(f"/batches/{batch}/items/{item.id}").text
    review = world.review(["bob"], rows=2)
    assert owner.client.get(f"/batches/{review.id}/gold").status_code == 404


def test_corrections_stand_beside_the_answer_and_in_the_list_of_changes(world: World) -> None:
    owner, bob = world.client("ann", "owner"), world.client("bob")
    batch = world.review(["bob"], rows=2, raters=1)
    item = bob.items(batch.id)[0]["id"]
    bob.say(item, "k", scores={"faithful": 0, "helpful": 1}, correction="Write <i>this</i>.")
    page = owner.client.get(f"/batches/{batch.id}/corrections").text
    assert "Write &lt;i&gt;this&lt;/i&gt;." in page
    saved = owner.client.get(f"/batches/{batch.id}/corrections.jsonl").text
    assert json.loads(saved)["example"]["origin"] == "correction"
    changes = owner.client.get("/changes").text
    assert "Write &lt;i&gt;this" in changes


def test_the_plan_says_what_each_gate_needs_and_when_none_needs_people(world: World) -> None:
    owner = world.client("ann", "owner")
    page = texts(owner.client.get("/plan").text)
    assert "108" in page
    assert "too few for" in page
    assert owner.client.get("/plan?power=1").status_code == 422
    path = world.file.path
    text = path.read_text()
    gates = text[text.index("gates:") : text.index("\npeople:")]
    path.write_text(
        text.replace(gates, "gates: [{metric: must_not, kind: level, at_least: 0.9}]\n")
    )
    assert "No gate needs people." in owner.client.get("/plan").text
    assert "No gate needs people" in owner.client.get("/batches").text


def test_names_of_files_are_harmless() -> None:
    made = download('a"\r\nSet-Cookie: x=1/../b.csv', "", "text/csv")
    assert made.headers["content-disposition"] == (
        'attachment; filename="a-Set-Cookie-x-1-..-b.csv"'
    )


def test_the_world_has_receipts(world: World) -> None:
    run = world.store.last_run("curate")
    assert run is not None
    dataset = world.store.get_value(run.outputs["dataset"], Dataset)
    assert len(world.store.receipts(dataset, row="t0001")) == 2
