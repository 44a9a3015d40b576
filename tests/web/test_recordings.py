"""Recordings of items: heard by those who may read the item, and by nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.audio.sounds import encoded, murmur
from tests.web.conftest import World
from tests.web.test_browser import CHROMIUM, ServedProject, serve
from tests.web.world import make_project
from tunewell.people import Batch, Item, new_id
from tunewell.project import Project
from tunewell.web import create_app

SOUND = encoded(murmur(1, seconds=4.0))


def heard_batch(
    world: World, *people: str, kind: str = "review", raters: int = 0
) -> tuple[Batch, Item]:
    """A batch of two items that are heard."""
    made = world.review([]) if kind == "review" else world.annotation([])
    digest = world.store.files.put_bytes(SOUND, suffix=".wav")
    many = {"id": new_id(), "raters": raters or max(1, len(people))}
    batch = made.model_copy(update=many)
    items = []
    for item in world.work_store.items(made.id)[:2]:
        own = {"id": new_id(), "batch": batch.id, "audio": (digest,)}
        items.append(item.model_copy(update=own))
    world.work_store.open_batch(batch, items)
    world.work_store.share(batch, [world.account(name, "expert").id for name in people])
    return batch, items[0]


def test_whoever_works_on_an_item_hears_it_whole_or_in_part(world: World) -> None:
    _, item = heard_batch(world, "bob")
    bob = world.client("bob").client
    whole = bob.get(f"/item/{item.id}/audio/0")
    assert whole.status_code == 200
    assert whole.content == SOUND
    assert whole.headers["content-type"] == "audio/wav"
    assert "media-src 'self'" in whole.headers["content-security-policy"]
    part = bob.get(f"/item/{item.id}/audio/0", headers={"range": "bytes=100-199"})
    assert part.status_code == 206
    assert part.content == SOUND[100:200]
    assert part.headers["content-range"] == f"bytes 100-199/{len(SOUND)}"
    beyond = bob.get(f"/item/{item.id}/audio/0", headers={"range": "bytes=99999999-"})
    assert beyond.status_code == 416


def test_nobody_else_hears_it(world: World) -> None:
    _, item = heard_batch(world, "bob")
    path = f"/item/{item.id}/audio/0"
    assert world.client("eve").client.get(path).status_code == 404
    assert world.client("sam", "agent").client.get(path).status_code in (403, 404)
    assert world.client("ann", "owner").client.get(path).status_code == 200
    assert world.client("max", "engineer").client.get(path).status_code == 200
    stranger = world.client("bob")
    stranger.client.cookies.clear()
    assert stranger.client.get(path).status_code in (303, 401)


def test_an_owner_who_still_rates_hears_their_own_items_alone(world: World) -> None:
    owner = world.client("ann", "owner")
    batch, _ = heard_batch(world, "ann", "bob", raters=1)
    ann = world.account("ann", "owner").id
    answered = {}
    for item in world.work_store.items(batch.id):
        is_own = world.work_store.assigned(item.id, ann) is not None
        answered[is_own] = owner.client.get(f"/item/{item.id}/audio/0").status_code
    assert answered == {True: 200, False: 403}


@pytest.mark.parametrize("place", ["1", "-1", "x", "../0", "99999"])
def test_other_places_are_no_recordings(world: World, place: str) -> None:
    _, item = heard_batch(world, "bob")
    assert world.client("bob").client.get(f"/item/{item.id}/audio/{place}").status_code in (
        400,
        404,
        422,
    )


def test_an_erased_recording_is_gone(world: World) -> None:
    _, item = heard_batch(world, "bob")
    world.store.files.remove(item.audio[0])
    assert world.client("bob").client.get(f"/item/{item.id}/audio/0").status_code == 404


@pytest.mark.parametrize("kind", ["review", "annotation"])
def test_pages_of_work_have_a_player_where_there_is_something_to_hear(
    world: World, kind: str
) -> None:
    batch, item = heard_batch(world, "bob", kind=kind)
    html = world.client("bob").client.get(f"/work/{batch.id}").text
    assert html.count("<audio") == 2
    assert f'src="/item/{item.id}/audio/0"' in html
    shown = world.client("ann", "owner").client.get(f"/batches/{batch.id}/items/{item.id}").text
    assert f'src="/item/{item.id}/audio/0"' in shown
    written = world.review(["bob"])
    assert "<audio" not in world.client("bob").client.get(f"/work/{written.id}").text


# --- in a browser ---------------------------------------------------------------------------------


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServedProject]:
    from playwright.sync_api import sync_playwright

    file, store = make_project(tmp_path / "desk")
    world = World(file, store, create_app(Project(file, store)))
    server, thread, url = serve(world)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM)
        yield ServedProject(world, url, browser)
        browser.close()
    server.should_exit = True
    thread.join(10)
    store.close()


def until(page: Any, expression: str) -> None:
    """Wait for something; the pages forbid what the browser's own waiting needs (eval)."""
    for _ in range(100):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"never: {expression}")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_recording_is_played_by_keys(served: ServedProject) -> None:
    batch, _ = heard_batch(served.world, "bob")
    page: Any = served.page("bob", f"/work/{batch.id}")
    now = "document.querySelector('.item:not([hidden]) audio')"
    page.wait_for_selector(".item:not([hidden])")
    page.keyboard.press("p")
    until(page, f"{now}.currentTime > 0.2 && !{now}.paused")
    page.keyboard.press("p")
    until(page, f"{now}.paused")
    page.evaluate(f"{now}.currentTime = 3")
    page.keyboard.press("b")
    assert page.evaluate(f"{now}.currentTime") == pytest.approx(1.0, abs=0.05)
    page.keyboard.press("d")
    assert page.evaluate(f"{now}.playbackRate") == pytest.approx(0.7)
    page.keyboard.press("d")
    assert page.evaluate(f"{now}.playbackRate") == 1
    assert page.locator("[data-fault]:visible").count() == 0
    assert page.errors == []
