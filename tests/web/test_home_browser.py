"""Home, data and decisions in a real browser: three widths, light and dark, axe; by pages alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.decide.case import alarm, falling, put_look
from tests.web.conftest import World
from tests.web.test_browser import CHROMIUM, PICTURES, RULES, ServedProject, browser, serve
from tunewell.iterate.readings import keep_readings
from tunewell.iterate.versions import newest_version
from tunewell.project import Project
from tunewell.releases import release
from tunewell.task import load_task
from tunewell.testing.factories import sample_project
from tunewell.web import create_app

__all__ = ["browser"]
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine (apt-get install chromium)"
)

PRICES = "costs: {wrong_answer: 2, retraining: 900}\ndecide: {answers_per_day: 150}\n"
LOOKS = {
    "desk": (1280, "light"),
    "desk-dark": (1280, "dark"),
    "tablet": (768, "light"),
    "phone": (360, "light"),
}


@pytest.fixture
def served_desk(tmp_path: Path, browser: Any) -> Iterator[ServedProject]:
    """A desk with two versions, the newest in production, readings of it, and an open alarm."""
    made = sample_project(tmp_path, rows=240, outcome="GO", versions=2)
    path = tmp_path / "tunewell.yaml"
    kept = [line for line in path.read_text().splitlines() if not line.startswith("costs:")]
    path.write_text("\n".join(kept) + "\n" + PRICES, encoding="utf-8")
    newest = newest_version(made.store)
    assert newest is not None
    release(made.store, "production", newest.model.adapter, signed_by="ann", account="x")
    readings = [
        each.model_copy(update={"version": newest.model.adapter, "at": newest.at})
        for each in falling(1)
    ]
    keep_readings(made.store, readings, author="test")
    change = alarm("instrumentation", 0).alarm
    when = {"since": newest.at, "since_low": newest.at, "since_high": newest.at}
    put_look(made.store, change.model_copy(update={**when, "raised": newest.at}))
    project = Project(load_task(tmp_path), made.store)
    world = World(project.file, made.store, create_app(project))
    server, thread, url = serve(world)
    yield ServedProject(world, url, browser)
    for context in browser.contexts:
        context.close()
    server.should_exit = True
    thread.join(10)
    made.store.close()


def test_an_owner_goes_from_the_alarm_to_the_signed_decision(served_desk: ServedProject) -> None:
    from axe_playwright_python.sync_playwright import Axe

    served_desk.world.account("ann", "owner")
    opened = served_desk.open_browser("ann")
    page = opened.visit("/home")
    page.get_by_role("link", name="Decisions", exact=True).click()
    page.get_by_role("link", name="Decide", exact=True).click()
    page.get_by_role("button", name="Decide now").click()
    page.wait_for_selector("#decision")
    assert "not the model" in page.inner_text("main")
    page.get_by_text("It is over").click()
    page.get_by_label("What was done").fill("the clock of the form is right again")
    page.get_by_role("button", name="Settle as ann").click()
    page.wait_for_selector("#decision")
    assert "not the model" not in page.inner_text("section[aria-labelledby=decision]")
    page.get_by_role("button", name="Sign the decision").click()
    page.get_by_text("agrees").wait_for()

    for look, (width, scheme) in LOOKS.items():
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        for name in ("home", "decisions", "data", "data?part=dropped"):
            page.goto(f"{served_desk.url}/{name}")
            _look_at(page, f"{name.split('?')[0]}-{look}", Axe(), look)
        page.locator("tbody th a").first.click()
        page.wait_for_selector("#receipts")
        _look_at(page, f"row-{look}", Axe(), look)
    _print(page, served_desk.url)
    assert page.errors == []


def _print(page: Any, url: str) -> None:
    """On paper: the decision and the versions, nothing to press, black on white, nothing cut."""
    page.set_viewport_size({"width": 760, "height": 1000})
    page.emulate_media(media="print", color_scheme="dark")
    for name, wanted in (("decisions", "#decision"), ("home", "#versions")):
        page.goto(f"{url}/{name}")
        assert page.locator(wanted).is_visible()
        for hidden in ("header nav", "main form", "main button", "main a.button"):
            assert not any(each.is_visible() for each in page.locator(hidden).all()), hidden
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == "rgb(255, 255, 255)"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        assert page.pdf().startswith(b"%PDF")
        if PICTURES:
            page.screenshot(path=f"{PICTURES}/{name}-print.png", full_page=True)


def _look_at(page: Any, name: str, axe: Any, look: str) -> None:
    """No violation, nothing wider than the screen; a picture where they are wanted."""
    rules = RULES.get(look, {})
    found = axe.run(page, options=rules or {}).response["violations"]
    assert not found, [(name, v["id"], [n["html"] for n in v["nodes"]]) for v in found]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)
