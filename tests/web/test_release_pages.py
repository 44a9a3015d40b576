"""Approve, accept and sign in the app, with the account that is signed in."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from tests.web.conftest import World, texts
from tunewell import releases
from tunewell.cli.main import main
from tunewell.iterate import newest_decision
from tunewell.lineage import record
from tunewell.people import approvals
from tunewell.people.approvals import claim_approval
from tunewell.project import Project
from tunewell.run import decide_again

TOMORROW = (dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1)).isoformat()


def with_model(world: World) -> Project:
    """The project as if its evaluation were of a model that was trained here, and decided."""
    project = Project(world.file, world.store)
    last = world.store.last_run("evaluate")
    assert last is not None
    inputs = {**last.inputs, "adapter": "a" * 64}
    with record(world.store, "evaluate", inputs=inputs, parameters={}) as run:
        run.outputs |= last.outputs
    decide_again(project)
    return project


def signed_verdict(world: World) -> str:
    run = world.store.last_run("verdict")
    assert run is not None
    return run.outputs["verdict"]


def test_a_claim_counts_until_somebody_can_sign(world: World) -> None:
    project = Project(world.file, world.store)
    found = claim_approval(project, "owner", login="k")
    assert [one.words for one in found.done] == ["owner: claimed on the command line by k"]
    assert found.missing == ()
    owner = world.client("ann", "owner")
    now = approvals(project)
    assert now.missing == ("owner",)
    assert [one.by for one in now.claims] == ["k"]
    page = owner.client.get("/definition").text
    assert "does not count" in page
    assert "I approve this definition" in page
    assert owner.post("/definition/approve", definition=world.file.definition).status_code == 303
    (done,) = approvals(project).done
    assert (done.signed, done.by, done.account) == (True, "ann", world.people["ann"].id)
    assert "I approve this definition" not in owner.client.get("/definition").text
    assert owner.client.get("/api/v1/approvals").json()["missing"] == []


def test_who_only_calls_himself_owner_signs_nothing(world: World) -> None:
    for role in ("expert", "engineer"):
        person = world.client(f"the {role}", role)
        refused = person.post("/definition/approve", definition=world.file.definition)
        assert refused.status_code == 400
        assert "not among those who have to approve" in refused.text
    guest = world.client("owner", "guest")
    assert guest.post("/definition/approve", definition=world.file.definition).status_code == 403
    stale = world.client("ann", "owner").post("/definition/approve", definition="0" * 64)
    assert stale.status_code == 400
    assert approvals(Project(world.file, world.store)).missing == ("owner",)


def test_the_command_line_says_that_it_records_a_claim(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["approve", str(world.file.root), "--as", "owner"]) == 0
    out = capsys.readouterr().out
    assert "this is a claim, not a signature" in out
    assert "nobody else has to approve" in out
    world.client("ann", "owner")
    assert main(["approve", str(world.file.root), "--as", "owner"]) == 0
    out = capsys.readouterr().out
    assert "still to approve: owner" in out
    assert "not counted" in out


def test_a_signature_changes_the_verdict_at_once(world: World) -> None:
    with_model(world)
    owner = world.client("ann", "owner")
    before = owner.client.get("/release").text
    assert "has not been approved by owner" in before
    owner.post("/definition/approve", definition=world.file.definition)
    after = texts(owner.client.get("/release").text)
    assert "has not been approved" not in after
    assert "owner: ann, signed" in after


def test_a_finding_is_accepted_in_writing_by_an_owner_alone(world: World) -> None:
    with_model(world)
    owner, engineer = world.client("ann", "owner"), world.client("max", "engineer")
    fields = {"code": "E01", "reason": "We pilot this internally only.", "until": TOMORROW}
    assert engineer.post("/release/accept", **fields).status_code == 403
    for wrong in (
        {"reason": "fine"},
        {"until": "2020-01-01"},
        {"until": "soon"},
        {"code": "X99"},
    ):
        assert owner.post("/release/accept", **(fields | wrong)).status_code == 400, wrong
    assert owner.post("/release/accept", **fields).status_code == 303
    page = texts(owner.client.get("/release").text)
    assert f"ann until {TOMORROW}: “We pilot this internally only.”" in page
    assert "claim from the command line" not in page


def test_a_release_is_signed_of_the_verdict_that_was_read(world: World) -> None:
    with_model(world)
    owner, engineer = world.client("ann", "owner"), world.client("max", "engineer")
    read = signed_verdict(world)
    fields = {"verdict": read, "place": "desk", "reason": "The pilot needs it by Monday."}
    assert engineer.post("/release/sign", **fields).status_code == 403
    refused = owner.post("/release/sign", **fields)
    assert refused.status_code == 400
    assert "not GO" in refused.text
    hasty = owner.post("/release/sign", **(fields | {"against": "true", "reason": "go"}))
    assert hasty.status_code == 400
    stale = owner.post("/release/sign", **(fields | {"against": "true", "verdict": "0" * 64}))
    assert "has changed since this page was loaded" in stale.text
    assert releases.history(world.store) == ()

    assert owner.post("/release/sign", **fields, against="true").status_code == 303
    assert newest_decision(world.store, "production") is not None, "decided again at once"
    (made,) = releases.history(world.store)
    assert (made.signed_by, made.account) == ("ann", world.people["ann"].id)
    assert (made.version, made.place, made.outcome) == ("a" * 64, "desk", "INCONCLUSIVE")
    kinds = [evidence.split(":")[0] for evidence in made.evidence]
    assert kinds == ["verdict", "run", "definition", "report"]
    page = texts(owner.client.get("/release").text)
    assert "The pilot needs it by Monday." in page
    assert owner.client.get("/api/v1/releases").json()[0]["signed_by"] == "ann"
    assert world.audit.lines(limit=1)[0].action == "release signed"
    again = owner.post("/release/sign", **fields, against="true")
    assert "already serves" in again.text


def test_a_release_that_nobody_signed_in_for_is_shown_as_a_claim(world: World) -> None:
    owner = world.client("ann", "owner")
    releases.release(world.store, "desk", "b" * 64, signed_by="<b>ann</b>")
    page = owner.client.get("/release").text
    assert '<span class="chip open">claim</span>' in page
    assert "<b>ann</b>" not in page


def test_nothing_is_signed_when_the_definition_has_changed_since(world: World) -> None:
    with_model(world)
    owner = world.client("ann", "owner")
    path = world.file.path
    path.write_text(path.read_text().replace("at_least: 0.8", "at_least: 0.1"))
    page = owner.client.get("/release").text
    assert "it cannot be signed" in page
    fields = {"verdict": signed_verdict(world), "place": "desk", "reason": "Because I say so."}
    assert owner.post("/release/sign", **fields, against="true").status_code == 400
    assert owner.post("/release/decide").status_code == 303
    assert "it cannot be signed" not in owner.client.get("/release").text


def test_the_report_is_shown_and_runs_nothing(world: World) -> None:
    owner = world.client("ann", "owner")
    assert owner.client.get("/report").status_code == 404
    with_model(world)
    report = owner.client.get("/report")
    assert report.status_code == 200
    policy = report.headers["content-security-policy"]
    assert "sandbox" in policy
    assert "script" not in policy.replace("default-src 'none'", "")
    assert "allow-scripts" not in policy
    assert report.headers["x-frame-options"] == "DENY"
    assert world.client("bob").client.get("/report").status_code == 403


def test_empty_rooms_say_what_to_do(world: World) -> None:
    owner = world.client("ann", "owner")
    assert "No verdict yet" in owner.client.get("/release").text
    assert "No batches yet" in owner.client.get("/batches").text
    assert "Only you so far" in owner.client.get("/people").text
    assert "None yet." in owner.client.get("/changes").text
    batch = world.review([], rows=2)
    assert "Nobody is assigned yet" in owner.client.get(f"/batches/{batch.id}").text
    assert (
        "Nothing has been corrected yet."
        in owner.client.get(f"/batches/{batch.id}/corrections").text
    )


def test_a_definition_with_faults_leaves_the_one_before_in_force(world: World) -> None:
    owner = world.client("ann", "owner")
    path = world.file.path
    good = path.read_text()
    path.write_text(good + "\nnonsense: [1\n")
    page = owner.client.get("/definition")
    assert page.status_code == 200
    assert "the version before still holds" in page.text
    path.write_text(good.replace("rude]", "rude, too long]"))
    batch_page = owner.client.get("/definition").text
    assert "the version before still holds" not in batch_page
    owner.post("/batches/review", rows=2, raters=1, title="New words")
    newest = world.work_store.batches()[0]
    assert "too long" in newest.error_tags, "no restart is needed"


def test_the_log_speaks_in_names(world: World) -> None:
    owner, bob = world.client("Ann Weber", "owner"), world.client("bob")
    batch = world.review(["bob"], rows=2, raters=1)
    item = bob.items(batch.id)[0]["id"]
    bob.say(item, "k", scores={"faithful": 1, "helpful": 3})
    owner.post(f"/batches/{batch.id}/release", account=world.people["bob"].id)
    page = owner.client.get("/audit").text
    words = texts(page)
    row = world.work_store.item(item)
    assert row is not None
    assert f"row {row.example}" in words
    assert "Answers of the desk" in words
    assert "Ann Weber" in words
    assert not re.search(r">[0-9a-f]{32}<", page)
