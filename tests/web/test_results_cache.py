"""Results of large batches: shown as kept, renewed in the background, never behind for long."""

from __future__ import annotations

import time

import pytest

import tunewell.web.results_cache as results_cache
from tests.web.conftest import World, texts
from tunewell.people import Said


def say(world: World, batch: str, person: str, most: int) -> None:
    work_store = world.work_store
    known = work_store.batch(batch)
    assert known is not None
    account = world.account(person, "expert").id
    for item in work_store.next_items(batch, account, limit=most):
        said = Said(scores={"faithful": 1, "helpful": 4})
        work_store.write(said, item=item, batch=known, account=account, key=item.id)


def test_small_batches_are_always_up_to_date(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results_cache, "QUICK_S", 60.0)  # however busy the machine is
    batch = world.review(["ann", "bob"])
    owner = world.client("owner", "owner")
    for n in (1, 2, 3):
        say(world, batch.id, "ann", 1)
        assert f"{n} of" in texts(owner.client.get(f"/batches/{batch.id}").text)


def test_large_batches_are_shown_as_kept_and_renewed_in_the_background(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results_cache, "QUICK_S", -1.0)  # as if computing took long
    monkeypatch.setattr(results_cache, "REST", 0.0)
    batch = world.review(["ann", "bob"])
    results = world.app.state.context.results
    owner = world.client("owner", "owner")
    say(world, batch.id, "ann", 2)
    first = results.review(batch)
    assert (first.result.verdicts, first.behind) == (2, False)
    assert results.review(batch) == first
    say(world, batch.id, "ann", 3)
    second = results.review(batch)
    assert (second.result.verdicts, second.behind) == (2, True)
    left = {r.account: r.left for r in second.result.raters}
    assert (
        left[world.account("ann", "expert").id]
        == world.work_store.seats(batch.id)[world.account("ann", "expert").id]["open"]
    )
    for _ in range(200):
        if results.review(batch).result.verdicts == 5:
            break
        time.sleep(0.05)
    assert (results.review(batch).result.verdicts, results.review(batch).behind) == (5, False)
    say(world, batch.id, "bob", 1)
    assert "Newer verdicts are being counted" in owner.client.get(f"/batches/{batch.id}").text
    answer = owner.client.get(f"/api/v1/batches/{batch.id}/results").json()
    assert {"upto", "behind", "criteria"} <= set(answer)
