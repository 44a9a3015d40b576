"""Neither order, ids, sizes of what surrounds an output, nor response times tell the arm."""

from __future__ import annotations

import math
import re
import statistics
import time

from tests.web.conftest import World
from tunewell.people import Item

PEOPLE = ("ann", "bob", "eve", "joe")
DOUBT = 1e-4
"""A fair draw fails one of these tests so seldom."""


def two_sided(hits: int, total: int) -> float:
    """Exact p-value of ``hits`` of ``total`` fair coins."""
    tail = min(hits, total - hits)
    return min(
        1.0, 2.0 * float(sum(math.comb(total, k) for k in range(tail + 1))) / float(2**total)
    )


def only(items: dict[str, Item], name: str) -> str:
    """The arm of an item that one arm alone gave, else empty."""
    arms = items[name].arms
    return arms[0] if len(arms) == 1 else ""


def test_order_and_ids_tell_nothing(world: World) -> None:
    batch = world.review(PEOPLE, rows=24, raters=4)
    items = {i.id: i for i in world.work_store.items(batch.id)}
    first = pairs = high = named = 0
    for person in PEOPLE:
        queue = [
            i.id
            for i in world.work_store.next_items(
                batch.id, world.account(person, "expert").id, limit=999
            )
        ]
        seen: set[str] = set()
        for name in queue:
            arm = only(items, name)
            if arm and items[name].example not in seen:
                seen.add(items[name].example)
                pairs, first = pairs + 1, first + (arm == "tuned")
    for name in items:
        if only(items, name):
            named, high = (
                named + 1,
                high + ((int(name[0], 16) >= 8) == (only(items, name) == "tuned")),
            )
    assert pairs == 4 * 18
    assert two_sided(first, pairs) > DOUBT
    assert two_sided(high, named) > DOUBT
    orders = {
        tuple(
            i.id
            for i in world.work_store.next_items(batch.id, world.account(p, "expert").id, limit=999)
        )
        for p in PEOPLE
    }
    assert len(orders) == len(PEOPLE)  # nobody can compare notes on "the third one"


def test_what_surrounds_an_output_is_the_same_for_every_arm(world: World) -> None:
    """Pages of two items differ only in their texts, marks and random ids."""
    batch = world.review(["ann"], rows=24, raters=1)
    items = {i.id: i for i in world.work_store.items(batch.id)}
    ann = world.client("ann")
    shapes: dict[str, set[str]] = {}
    while queue := ann.items(batch.id):
        item = items[queue[0]["id"]]
        page = ann.client.get(f"/work/{batch.id}").text
        article = page.split(f'data-item="{item.id}"')[1].split("</article>")[0]
        article = re.sub(r'<div class="text".*?</div>', "TEXT", article, flags=re.DOTALL)
        article = re.sub(r"<details class=\"look\".*?</details>", "", article, flags=re.DOTALL)
        article = re.sub(r'data-begin="[^"]*"', "", article)
        article = re.sub(r"[0-9a-f]{32}", "ID", article)
        arm = only(items, item.id)
        if arm:
            shapes.setdefault(arm, set()).add(re.sub(r"\s+", " ", article.split("<form", 1)[1]))
        assert set(queue[0]) == {"id", "batch", "source", "output", "marks", "per_row"}
        ann.say(queue[0]["id"], queue[0]["id"], scores={"faithful": 1, "helpful": 3})
    assert shapes["tuned"] == shapes["prompted"]
    assert len(shapes["tuned"]) == 1


def test_response_times_tell_nothing(world: World) -> None:
    """Which of a row's two outputs comes back faster is a coin: both are read in the same way."""
    batch = world.review(["ann"], rows=24, raters=1)
    ann = world.client("ann")
    by_row: dict[str, dict[str, str]] = {}
    for item in world.work_store.items(batch.id):
        if len(item.arms) == 1:
            by_row.setdefault(item.example, {})[item.arms[0]] = item.id

    def seconds(name: str) -> float:
        times = []
        for _ in range(7):
            started = time.perf_counter()
            assert ann.client.get(f"/item/{name}/output").status_code == 200
            times.append(time.perf_counter() - started)
        return statistics.median(times)

    rows = [r for r in by_row.values() if len(r) == 2]
    assert len(rows) == 18
    turns = [("tuned", "prompted") if n % 2 else ("prompted", "tuned") for n in range(len(rows))]
    found = [
        {arm: seconds(row[arm]) for arm in turn} for row, turn in zip(rows, turns, strict=True)
    ]
    assert two_sided(sum(f["tuned"] < f["prompted"] for f in found), len(found)) > DOUBT
