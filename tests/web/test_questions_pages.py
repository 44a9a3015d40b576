"""Questions, labels and guideline, changed while a batch is open: a new version each time."""

from __future__ import annotations

from typing import Any

from tests.web.conftest import World
from tests.web.test_signing import signing
from tunewell.people import Batch, asked_under
from tunewell.people.questions import Questions

GOOD = {"faithful": 1, "helpful": 4}


def form(batch: Batch, **changes: Any) -> dict[str, Any]:
    """The form of the page as it stands, with changes."""
    fields: dict[str, Any] = {
        "version": batch.version,
        "guideline": batch.guideline,
        "error_tags": "\n".join(batch.error_tags),
        "span_labels": "\n".join(batch.span_labels),
        "row_labels": "\n".join(batch.row_labels),
    }
    for number, criterion in enumerate(batch.rubric):
        fields[f"name.{number}"] = criterion.name
        fields[f"question.{number}"] = criterion.question
        fields[f"scale.{number}"] = criterion.scale
    return fields | changes


def now(world: World, batch: Batch) -> Batch:
    found = world.work_store.batch(batch.id)
    assert found is not None
    return found


def test_a_change_is_a_new_version_and_the_old_words_stay_readable(world: World) -> None:
    owner, bob = world.client("ann", "owner"), world.client("bob")
    batch = world.review(["bob"], rows=4, raters=1)
    first, second, *_ = bob.items(batch.id)
    bob.say(first["id"], "k", scores=GOOD)
    path = f"/batches/{batch.id}/questions"
    assert batch.guideline.splitlines()[0] in owner.client.get(path).text
    changed = form(batch, **{"question.0": "Is it true?", "guideline": "# New\r\n- rule"})
    assert owner.post(path, **changed).status_code == 303
    new = now(world, batch)
    assert new.version != batch.version
    assert new.rubric[0].question == "Is it true?"
    assert (world.file.root / "guideline.md").read_text() == "# New\n- rule"
    for version, words in ((batch.version, batch.guideline), (new.version, "# New\n- rule")):
        asked = asked_under(world.store, version)
        assert asked is not None
        assert asked["guideline"] == words
    (verdict,) = world.work_store.verdicts(batch.id)
    assert verdict.version == batch.version
    assert world.work_store.seats(batch.id)[world.people["bob"].id]["done"] == 1
    assert "Is it true?" in bob.client.get(f"/work/{batch.id}").text

    stale = {
        "key": "s",
        "item": second["id"],
        "seconds": 1,
        "version": batch.version,
        "said": {"scores": GOOD},
    }
    answer = bob.client.post("/api/v1/verdicts", json=stale, headers={"x-csrf": bob.csrf})
    assert answer.status_code == 400
    assert "has changed" in answer.json()["error"]["message"]
    line = world.audit.lines(limit=1)[0]
    assert line.action == "questions changed"
    assert line.record["changed"] == "guideline, rubric"


def test_what_was_answered_before_is_asked_again_where_the_owner_says_so(world: World) -> None:
    owner, bob = world.client("ann", "owner"), world.client("bob")
    batch = world.review(["bob"], rows=2, raters=1)
    bob.say(bob.items(batch.id)[0]["id"], "k", scores=GOOD)
    path = f"/batches/{batch.id}/questions"
    owner.post(path, **form(batch, **{"question.0": "Is it true?", "again": "true"}))
    assert world.work_store.seats(batch.id)[world.people["bob"].id]["done"] == 0
    assert len(world.work_store.verdicts(batch.id)) == 1, "it counts until it is answered anew"


def test_a_question_is_added_and_none_is_taken_from_under_a_verdict(world: World) -> None:
    owner, bob = world.client("ann", "owner"), world.client("bob")
    batch = world.review(["bob"], rows=2, raters=1)
    bob.say(bob.items(batch.id)[0]["id"], "k", scores=GOOD, tags=["rude"])
    path = f"/batches/{batch.id}/questions"
    new = {"name.2": "polite", "question.2": "Is it polite?", "scale.2": "1-5"}
    assert owner.post(path, **form(batch, **new)).status_code == 303
    batch = now(world, batch)
    assert [c.name for c in batch.rubric] == ["faithful", "helpful", "polite"]
    assert owner.client.get(f"/batches/{batch.id}").status_code == 200
    for wrong, why in (
        ({"name.1": ""}, "helpful: people have answered it"),
        ({"scale.0": "1-5"}, "on the scale yes/no"),
        ({"error_tags": "wrong amount"}, "people have been offered it"),
        ({"question.0": "  "}, "ask something"),
        ({"name.2": "faithful"}, "appears twice"),
        ({"version": "old"}, "somebody else has changed"),
        ({"error_tags": "x\nx"}, "appears twice"),
    ):
        refused = owner.post(path, **form(batch, **wrong))
        assert refused.status_code == 400, wrong
        assert why in refused.text.replace("&#39;", "'"), wrong
    assert now(world, batch) == batch


def test_labels_of_an_annotation_grow(world: World) -> None:
    owner, bob = world.client("ann", "owner"), world.client("bob")
    batch = world.annotation(["bob"], rows=2)
    path = f"/batches/{batch.id}/questions"
    owner.post(path, **form(batch, span_labels="amount\ndeadline\nform\nname\n\n"))
    batch = now(world, batch)
    assert batch.span_labels == ("amount", "deadline", "form", "name")
    item = bob.items(batch.id)[0]["id"]
    span = {"start": 0, "end": 4, "label": "name"}
    assert bob.say(item, "k", label="meter", answer="Yes.", spans=[span]).status_code == 200
    emptied = form(batch, span_labels="", row_labels="")
    assert owner.post(path, **emptied).status_code == 400


def test_a_signed_batch_is_always_asked_again(world: World) -> None:
    batch = signing(world)
    owner, ann = world.client("olga", "owner"), world.client("ann")
    item = ann.items(batch.id)[0]
    evidence = [{"start": 0, "end": 5, "label": "faithful"}]
    assert ann.say(item["id"], "k", scores=GOOD, evidence=evidence).status_code == 200
    owner.post(f"/batches/{batch.id}/questions", **form(batch, guideline="Other words."))
    changed = now(world, batch)
    assert changed.guideline == "Other words."
    assert world.work_store.seats(batch.id)[world.people["ann"].id]["done"] == 0
    assert owner.client.get("/batches").status_code == 200
    assert now(world, batch).version == changed.version, "the file says the same"


def test_only_makers_change_questions(world: World) -> None:
    batch = world.review(["bob"], rows=2)
    bob = world.client("bob")
    path = f"/batches/{batch.id}/questions"
    assert bob.client.get(path).status_code == 403
    assert bob.post(path, **form(batch)).status_code == 403
    owner = world.client("ann", "owner")
    assert owner.client.post(path, data=form(batch)).status_code == 403, "without the token"
    assert Questions.of(now(world, batch)) == Questions.of(batch)
