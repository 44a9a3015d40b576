"""What a program marks in an output, and verdicts that are signed, in pages and API."""

from __future__ import annotations

import pytest

from tests.web.conftest import World, texts
from tests.web.world import make_project
from tunewell.people import Batch
from tunewell.project import Project
from tunewell.task import load_task
from tunewell.web import create_app


def test_what_should_be_looked_up_is_marked_beside_the_source(world: World) -> None:
    batch = world.review(["ann", "bob"], rows=24)
    ann = world.client("ann")
    page = ann.client.get(f"/work/{batch.id}").text
    assert '<mark class="unsupported">' in page
    assert "is not in the input" in texts(page)
    marked = [i for i in world.work_store.items(batch.id) if i.marks]
    assert marked
    shown = {i["id"]: i["marks"] for i in ann.items(batch.id)}
    assert any(shown.values())


def test_marks_of_hostile_output_are_text(tmp_path_factory: pytest.TempPathFactory) -> None:
    file, store = make_project(
        tmp_path_factory.mktemp("marks"), answers={"t0000": "Pay 77.70 <b>now</b> \u202e 88.80"}
    )
    world = World(file, store, create_app(Project(file, store)))
    batch = world.review(["ann"], rows=24, raters=1)
    ann, found = world.client("ann"), ""
    while items := ann.items(batch.id):
        found += ann.client.get(f"/work/{batch.id}").text
        for item in items:
            ann.say(item["id"], item["id"], scores={"faithful": 0, "helpful": 1})
    first, last = (f'<mark class="unsupported">{n}</mark>' for n in ("77.70", "88.80"))
    assert f"{first} &lt;b&gt;now&lt;/b&gt; \ufffd {last}" in found
    store.close()


def signing(world: World) -> Batch:
    """A review whose first criterion is signed, for ann."""
    path = world.file.root / "tunewell.yaml"
    path.write_text(
        path.read_text().replace("scale: yes/no}", "scale: yes/no, signed: true}"), encoding="utf-8"
    )
    world.file = load_task(world.file.root)
    world.app = create_app(Project(world.file, world.store))
    return world.review(["ann"], rows=4, raters=1)


def test_a_sign_off_by_form_and_by_api(world: World) -> None:
    batch = signing(world)
    ann = world.client("ann")
    page = texts(ann.client.get(f"/work/{batch.id}").text)
    assert "You sign as ann" in page
    first, second = ann.items(batch.id)[:2]
    form = {"item": first["id"], "key": "k1", "score.faithful": "1", "score.helpful": "4"}
    refused = ann.post(f"/work/{batch.id}", **form)
    assert refused.status_code == 400
    assert "mark the place" in refused.text
    refused = ann.post(
        f"/work/{batch.id}", **form, **{"quote.faithful": "words that are not there"}
    )
    assert "does not appear in the source" in refused.text
    quote = "  ".join(first["source"].split()[:4])
    assert ann.post(f"/work/{batch.id}", **form, **{"quote.faithful": quote}).status_code == 303
    evidence = [{"start": 0, "end": 5, "label": "faithful"}]
    body = {
        "key": "k2",
        "item": second["id"],
        "version": batch.version,
        "said": {"scores": {"faithful": 1, "helpful": 2}, "evidence": evidence},
    }
    assert (
        ann.client.post("/api/v1/verdicts", json=body, headers={"x-csrf": ann.csrf}).status_code
        == 200
    )
    owner = world.client("owner", "owner")
    found = owner.client.get(f"/api/v1/batches/{batch.id}/sign-offs").json()
    assert [(s["signer"], s["holds"], len(s["quotes"])) for s in found] == [("ann", True, 1)] * 2
    assert "Sign-offs" in owner.client.get(f"/batches/{batch.id}").text


def test_a_page_of_the_old_guideline_signs_nothing(world: World) -> None:
    batch = signing(world)
    ann = world.client("ann")
    item = ann.items(batch.id)[0]
    evidence = [{"start": 0, "end": 5, "label": "faithful"}]
    body = {
        "key": "k",
        "item": item["id"],
        "version": batch.version,
        "said": {"scores": {"faithful": 1, "helpful": 2}, "evidence": evidence},
    }
    (world.file.root / "guideline.md").write_text("# New\n", encoding="utf-8")
    assert "New" in ann.client.get(f"/work/{batch.id}").text
    answer = ann.client.post("/api/v1/verdicts", json=body, headers={"x-csrf": ann.csrf})
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        400,
        "the guideline has changed since this page was loaded",
    )
    assert world.work_store.verdicts(batch.id) == []
