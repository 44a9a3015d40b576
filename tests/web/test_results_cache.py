"""Results of large batches: shown as kept, read again behind, never more than one reading behind for long."""

from __future__ import annotations

import time

import pytest

import tunewell.web.results_cache as reading
from tests.web.conftest import World, texts
from tunewell.people import Said


def say(world: World, batch: str, person: str, most: int) -> None:
    book = world.book
    known = book.batch(batch)
    assert known is not None
    account = world.account(person, "expert").id
    for item in book.next_items(batch, account, limit=most):
        said = Said(scores={"faithful": 1, "helpful": 4})
        book.write(said, item=item, batch=known, account=account, key=item.id)


def test_small_batches_are_always_read_to_the_end(world: World) -> None:
    batch = world.review(["ann", "bob"])
    owner = world.client("owner", "owner")
    for n in (1, 2, 3):
        say(world, batch.id, "ann", 1)
        assert f"{n} of" in texts(owner.client.get(f"/batches/{batch.id}").text)


def test_large_batches_are_shown_as_kept_and_read_again_behind(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "QUICK_S", -1.0)  # as if every reading took long
    monkeypatch.setattr(reading, "REST", 0.0)
    batch = world.review(["ann", "bob"])
    reader = world.app.state.room.reader
    owner = world.client("owner", "owner")
    say(world, batch.id, "ann", 2)
    first = reader.review(batch)
    assert (first.result.verdicts, first.behind) == (2, False)
    assert reader.review(batch) == first
    say(world, batch.id, "ann", 3)
    second = reader.review(batch)
    assert (second.result.verdicts, second.behind) == (2, True)
    left = {r.account: r.left for r in second.result.raters}
    assert (
        left[world.account("ann", "expert").id]
        == world.book.seats(batch.id)[world.account("ann", "expert").id]["open"]
    )
    for _ in range(200):
        if reader.review(batch).result.verdicts == 5:
            break
        time.sleep(0.05)
    assert (reader.review(batch).result.verdicts, reader.review(batch).behind) == (5, False)
    say(world, batch.id, "bob", 1)
    assert "Newer verdicts are being read" in owner.client.get(f"/batches/{batch.id}").text
    answer = owner.client.get(f"/api/v1/batches/{batch.id}/results").json()
    assert {"upto", "behind", "criteria"} <= set(answer)
