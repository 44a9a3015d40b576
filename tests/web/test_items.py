"""Every item of a batch: found, read whole, assigned in bulk, asked again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.web.conftest import World, texts
from tests.web.test_pages import HOSTILE
from tests.web.world import make_project
from tunewell.people.item_search import ItemQuery, ItemState, find_items, matching_ids
from tunewell.project import Project
from tunewell.web import create_app


def rows_shown(html: str) -> list[str]:
    return re.findall(r'<th scope="row"><a href="/batches/\w+/items/\w+">([^<]+)</a>', html)


def test_search_finds_texts_rows_comments_and_corrections_in_any_case(world: World) -> None:
    owner, bob = world.client("ann", "owner"), world.client("bob")
    batch = world.review(["bob"], rows=12, raters=1)
    first, second, *_ = bob.items(batch.id)
    bob.say(
        first["id"],
        "k1",
        scores={"faithful": 1, "helpful": 4},
        comment="See Ärztekammer, 50% sure_",
    )
    bob.say(
        second["id"], "k2", scores={"faithful": 0, "helpful": 1}, correction="Ring the OPERATOR."
    )
    store = world.store

    def found(words: str) -> set[str]:
        return {line.item.id for line in find_items(store, batch, ItemQuery(words=words)).lines}

    everything = {item.id for item in world.work_store.items(batch.id)}
    assert found("") == everything
    assert found("ärztekammer") == found("ÄRZTEKAMMER") == {first["id"]}
    assert found("operator ring") == {second["id"]}
    assert found("50%") == found("sure_") == {first["id"]}
    assert found("probability") == found("tuned") == set(), "names of fields and arms are no texts"
    assert found("%") == {first["id"]}
    some = world.work_store.items(batch.id)[0]
    assert some.id in found(some.example)
    assert len(rows_shown(owner.client.get(f"/batches/{batch.id}/items?q=operator").text)) == 1
    nothing = owner.client.get(f"/batches/{batch.id}/items?q=xylophone")
    assert "No item matches." in nothing.text


def test_filters_and_orders_say_what_they_mean(world: World) -> None:
    world.client("ann", "owner")
    bob, eve = world.client("bob"), world.client("eve")
    batch = world.review(["bob", "eve"], rows=6, raters=2)
    ids = [item.id for item in world.work_store.items(batch.id)]
    agreed, apart, skipped, taken_back = ids[:4]
    good, bad = {"faithful": 1, "helpful": 4}, {"faithful": 0, "helpful": 4}
    for person, scores in ((bob, good), (eve, good)):
        person.say(agreed, "a", scores=scores, comment="fine")
    bob.say(apart, "b0", scores=bad)
    for person, scores in ((bob, good), (eve, bad)):
        person.say(apart, "b", scores=scores)
    bob.say(skipped, "c", skipped="no idea")
    eve.say(skipped, "c", scores=good)
    bob.say(taken_back, "d", scores=bad, correction="Other.")
    eve.say(taken_back, "d", scores=good)
    bob.say(taken_back, "d2", withdrawn=True)

    def found(state: ItemState) -> set[str]:
        return set(matching_ids(world.store, batch, ItemQuery(state=state)))

    assert found("disagreed") == {apart}
    assert found("skipped") == {skipped}
    assert found("corrected") == set(), "what was withdrawn does not count"
    assert found("commented") == {agreed}
    assert found("done") == {agreed, apart, skipped}
    assert found("open") == set(ids) - found("done")
    assert found("unassigned") == set()
    newest = matching_ids(world.store, batch, ItemQuery(order="newest"))
    assert newest[0] == taken_back
    fewest = matching_ids(world.store, batch, ItemQuery(order="fewest"))
    assert set(fewest[-3:]) == {agreed, apart, skipped}
    for_bob = ItemQuery(person=world.people["bob"].id)
    assert set(matching_ids(world.store, batch, for_bob)) == set(ids)
    tuned = find_items(world.store, batch, ItemQuery(arm="tuned"))
    assert all("tuned" in line.item.arms for line in tuned.lines)
    assert 0 < tuned.count < len(ids)


def test_pages_follow_each_other_without_gaps(world: World) -> None:
    batch = world.review(["bob"], rows=24, raters=1)
    owner = world.client("ann", "owner")
    world.work_store.revise(
        batch,
        [
            item.model_copy(update={"id": f"{n:032x}", "number": 1000 + n})
            for n, item in enumerate(world.work_store.items(batch.id) * 2)
        ],
    )
    everything = {item.id for item in world.work_store.items(batch.id)}
    seen: list[str] = []
    at, more = 1, True
    while more:
        found = find_items(world.store, batch, ItemQuery(page=at))
        seen += [line.item.id for line in found.lines]
        at, more = at + 1, found.has_more
    assert len(seen) == len(everything)
    assert set(seen) == everything
    second = owner.client.get(f"/batches/{batch.id}/items?at=2")
    assert 'rel="prev"' in second.text
    assert find_items(world.store, batch, ItemQuery(page=900)).lines == ()


def test_the_item_page_holds_everything_that_is_known(world: World) -> None:
    owner, bob, eve = world.client("ann", "owner"), world.client("bob"), world.client("eve")
    batch = world.review(["bob", "eve"], rows=4)
    item = world.work_store.items(batch.id)[0]
    bob.say(item.id, "k", scores={"faithful": 0, "helpful": 2}, tags=["rude"], comment="first word")
    bob.say(item.id, "k2", scores={"faithful": 1, "helpful": 5}, correction="Better so.")
    eve.say(item.id, "k", skipped="not my field")
    page = owner.client.get(f"/batches/{batch.id}/items/{item.id}")
    words = texts(page.text)
    for wanted in (
        *item.arms,
        "first word",
        "replaced later",
        "rude",
        "Better so.",
        "not my field",
        "white space at the ends is cut",
        "raw.jsonl:",
        f"tunewell why {item.example}",
        batch.version,
        "Customer number",
        "All turns",
    ):
        assert wanted in words, wanted
    api = owner.client.get(f"/api/v1/batches/{batch.id}/items/{item.id}").json()
    assert [word["counts"] for word in api["said"]] == [False, True, True]
    assert api["receipts"][0]["step"] == "repair"
    listed = owner.client.get(f"/api/v1/batches/{batch.id}/items?words=better&state=corrected")
    assert [line["item"]["id"] for line in listed.json()["lines"]] == [item.id]
    assert owner.client.get(f"/batches/{batch.id}/items/{'0' * 32}").status_code == 404


def test_items_are_for_those_who_may_see_results(world: World) -> None:
    batch = world.review(["ann", "bob"], rows=2)
    item = world.work_store.items(batch.id)[0]
    paths = (
        f"/batches/{batch.id}/items",
        f"/batches/{batch.id}/items/{item.id}",
        f"/api/v1/batches/{batch.id}/items",
        f"/api/v1/batches/{batch.id}/items/{item.id}",
        f"/batches/{batch.id}/corrections",
        f"/batches/{batch.id}/corrections.jsonl",
    )
    bob = world.client("bob")
    world.accounts.set_role(world.people["ann"].id, "owner")
    rating_owner = world.client("ann")
    for path in paths:
        assert bob.client.get(path).status_code == 403, path
        assert rating_owner.client.get(path).status_code == 403, f"{path} unblinds a rater"
    agent = world.client("agent", "agent")
    assert agent.client.get("/definition").status_code == 403


def test_chosen_or_matching_items_are_assigned_evenly_or_to_everybody(world: World) -> None:
    owner = world.client("ann", "owner")
    batch = world.review([], rows=8, raters=1)
    eve, bob = world.account("eve", "expert"), world.account("bob", "expert")
    ids = [item.id for item in world.work_store.items(batch.id)]
    path = f"/batches/{batch.id}/items/assign"
    chosen = owner.post(path, do="everybody", items=ids[:3], people=[eve.id])
    assert chosen.status_code == 303
    assert world.work_store.seats(batch.id) == {eve.id: {"open": 3, "done": 0}}
    owner.post(path, do="evenly", which="all", state="unassigned", people=[bob.id, eve.id])
    seats = world.work_store.seats(batch.id)
    assert seats[eve.id]["open"] + seats[bob.id]["open"] == len(ids)
    assert abs(seats[bob.id]["open"] - (len(ids) - 3) / 2) <= 0.5
    owner.post(path, do="everybody", which="all", people=[bob.id])
    assert world.work_store.seats(batch.id)[bob.id]["open"] == len(ids)

    nobody = owner.post(path, do="evenly", items=ids[:1])
    assert nobody.status_code == 400
    assert "nobody was chosen" in nobody.text
    assert "no item was chosen" in owner.post(path, do="evenly", people=[bob.id]).text
    assert owner.post(path, do="sell", items=ids[:1], people=[bob.id]).status_code == 404
    stranger = owner.post(path, do="everybody", items=["0" * 32], people=[bob.id])
    assert stranger.status_code == 303
    assert world.work_store.seats(batch.id)[bob.id]["open"] == len(ids)

    client = world.client("bob")
    done = client.items(batch.id)[0]["id"]
    client.say(done, "k", scores={"faithful": 1, "helpful": 3})
    owner.post(path, do="unassign", which="all", people=[bob.id])
    left = world.work_store.seats(batch.id)[bob.id]
    assert left == {"open": 0, "done": 1}, "what was answered stays"
    lines = [line.action for line in world.audit.lines(limit=3)]
    assert "items unassigned" in lines


def test_somebody_is_asked_again_and_the_old_word_counts_until_then(world: World) -> None:
    owner, bob = world.client("ann", "owner"), world.client("bob")
    batch = world.review(["bob"], rows=2, raters=1)
    item = bob.items(batch.id)[0]["id"]
    bob.say(item, "k", scores={"faithful": 1, "helpful": 3})
    path = f"/batches/{batch.id}/items/{item}/again"
    assert owner.post(path, account=world.people["bob"].id).status_code == 303
    assert world.work_store.seat(item, world.people["bob"].id) == "open"
    assert len(world.work_store.verdicts(batch.id)) == 1
    bob.say(item, "k2", scores={"faithful": 0, "helpful": 3})
    (standing,) = world.work_store.verdicts(batch.id)
    assert standing.said.scores["faithful"] == 0
    assert len(world.work_store.verdicts(batch.id, all_words=True)) == 2
    assert owner.post(path, account="0" * 32).status_code == 404


def test_a_batch_without_an_adjudicator_gets_one_later_and_is_finished(world: World) -> None:
    owner, bob, eve = world.client("ann", "owner"), world.client("bob"), world.client("eve")
    batch = world.annotation(["bob", "eve"], rows=2)
    for item in world.work_store.items(batch.id):
        for person, label in ((bob, "billing"), (eve, "meter")):
            person.say(item.id, f"{item.id[:8]}", label=label, answer="An answer.")
    page = owner.client.get(f"/batches/{batch.id}").text
    assert "items on which annotators disagree cannot be settled" in page
    path = f"/batches/{batch.id}/adjudicators"
    refused = owner.post(path, people=[world.people["bob"].id])
    assert refused.status_code == 400
    assert "annotates this batch" in refused.text
    guest = world.account("gus", "guest")
    assert owner.post(path, people=[guest.id]).status_code == 400
    judy = world.client("judy")
    assert owner.post(path, people=[world.people["judy"].id]).status_code == 303
    for _ in range(2):
        asked = judy.client.get(f"/decide/{batch.id}").text
        fields = dict(re.findall(r'name="(item|key|chosen)" value="(\w+)"', asked))
        assert judy.post(f"/decide/{batch.id}", **fields).status_code == 303
    changed = world.work_store.batch(batch.id)
    assert changed is not None
    assert "2 settled" in owner.client.get(f"/batches/{batch.id}/gold").text
    assert owner.post(path, people=[]).status_code == 400, "who has decided stays"
    ann = [world.people["judy"].id, world.people["ann"].id]
    assert owner.post(path, people=ann).status_code == 303
    review = world.review(["bob"], rows=2)
    assert owner.post(f"/batches/{review.id}/adjudicators", people=ann).status_code == 400


def test_hostile_texts_are_text_on_the_owners_pages(tmp_path: Path) -> None:
    answers = {f"t{i:04}": HOSTILE for i in range(24)}
    file, store = make_project(tmp_path / "desk", answers=answers)
    world = World(file, store, create_app(Project(file, store)))
    owner, bob = world.client("ann", "owner"), world.client("bob")
    batch = world.review(["bob"], rows=3, raters=1)
    for item in bob.items(batch.id):
        bob.say(
            item["id"],
            item["id"],
            scores={"faithful": 1, "helpful": 1},
            comment=HOSTILE,
            correction=HOSTILE + "!",
        )
    judged = world.work_store.items(batch.id)[0]
    for path in (
        f"/batches/{batch.id}/items",
        f"/batches/{batch.id}/items?q=%3Cscript%3E",
        f"/batches/{batch.id}/items/{judged.id}",
        f"/batches/{batch.id}/corrections",
        "/changes",
        "/audit",
    ):
        html = owner.client.get(path).text
        assert "<script>alert" not in html, path
        assert "<img src=x" not in html, path
        assert "‮" not in html, path
    store.close()


@pytest.mark.parametrize("query", ["state=x", "sort=x", "at=0", "at=99999999", "q=" + "x" * 300])
def test_what_no_page_asks_is_refused(world: World, query: str) -> None:
    batch = world.review(["bob"], rows=2)
    owner = world.client("ann", "owner")
    assert owner.client.get(f"/batches/{batch.id}/items?{query}").status_code in (404, 422)
