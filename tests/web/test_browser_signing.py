"""Signing in a real browser, by keys only: the place in the source is marked, its page is clean."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.web.conftest import World
from tests.web.test_browser import CHROMIUM, ServedProject, browser, saved, serve
from tests.web.test_signing import signing
from tests.web.world import make_project
from tunewell.project import Project
from tunewell.web import create_app

__all__ = ["browser"]
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine (apt-get install chromium)"
)


@pytest.fixture
def served_signed(tmp_path: Path, browser: Any) -> Iterator[tuple[ServedProject, str]]:
    file, store = make_project(tmp_path / "desk")
    world = World(file, store, create_app(Project(file, store)))
    batch = signing(world)
    server, thread, url = serve(world)
    yield ServedProject(world, url, browser), batch.id
    for context in browser.contexts:
        context.close()
    server.should_exit = True
    thread.join(10)
    store.close()


def test_a_sign_off_by_keys_only_names_its_place(served_signed: tuple[ServedProject, str]) -> None:
    from axe_playwright_python.sync_playwright import Axe

    served, batch = served_signed
    page = served.page("ann", f"/work/{batch}")
    page.keyboard.press("y")
    page.keyboard.press("4")
    page.keyboard.press("Enter")
    assert "Mark the evidence for this" in page.inner_text("[data-problem]")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("1")
    assert not Axe().run(page).response["violations"]
    page.keyboard.press("Control+Enter")
    saved(page)
    (verdict,) = served.world.work_store.verdicts(batch)
    item = served.world.work_store.item(verdict.item)
    assert item is not None
    (place,) = verdict.said.evidence
    assert place.label == "faithful"
    assert item.source[place.start : place.end] == " ".join(item.source.split()[1:4])
    page.keyboard.press("n")  # a no needs no place
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    saved(page)
    assert len(served.world.work_store.verdicts(batch)) == 2
    assert page.errors == []
