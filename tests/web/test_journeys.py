"""Everybody does their whole job on pages alone: expert, guest, adjudicator, engineer, owner.

At a desk by default; the slow test walks all of it at three widths, in light and dark, with axe on
every page. Pictures of every page: TUNEWELL_PICTURES=FOLDER pytest tests/web/test_journeys.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.web.conftest import World
from tests.web.test_browser import CHROMIUM, PICTURES, ServedProject, browser, saved, serve
from tests.web.test_release_pages import with_model
from tests.web.world import make_project
from tunewell import releases
from tunewell.people import AccountRole, approvals
from tunewell.project import Project
from tunewell.web import create_app

__all__ = ["browser"]
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine (apt-get install chromium)"
)

PASSWORD = "a long pass phrase"
PATIENCE_MS = 60_000
DESK = (1280, 860)
WIDTHS = {"desk": DESK, "tablet": (768, 1024), "phone": (360, 740)}


@dataclass
class Walk:
    """Somebody's way through the app in one look.

    Attributes:
        served: The project that is served.
        size: Of the window.
        scheme: ``light`` or ``dark``.
        name: Of the look, for pictures.
        strict: Whether axe looks at every page.
    """

    served: ServedProject
    size: tuple[int, int] = DESK
    scheme: str = "light"
    name: str = "desk-light"
    strict: bool = False
    seen: list[str] = field(default_factory=list)

    @property
    def world(self) -> World:
        return self.served.world

    def enter(self, who: str, role: AccountRole, path: str = "/") -> Any:
        """A page of somebody who is signed in, or of nobody."""
        if who:
            self.world.account(who, role)
        width, height = self.size
        page = self.served.page(
            who,
            path,
            viewport={"width": width, "height": height},
            color_scheme=self.scheme,
        )
        page.set_default_timeout(PATIENCE_MS)
        return page

    def look(self, page: Any, what: str) -> None:
        """Check a page as it stands now."""
        wide = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wide <= 0, f"{what} scrolls sideways by {wide} px at {self.name}"
        assert page.errors == []
        self.seen.append(what)
        if self.strict:
            from axe_playwright_python.sync_playwright import Axe

            found = Axe().run(page).response["violations"]
            places = [(v["id"], [node["html"][:200] for node in v["nodes"]]) for v in found]
            assert not found, (what, self.name, places)
        if PICTURES:
            page.screenshot(path=Path(PICTURES) / f"{what}-{self.name}.png", full_page=True)


def expert(walk: Walk) -> None:
    """Answers by keys, is told what is missing until it is not, ticks errors by digits, ends."""
    batch = walk.world.review(["Ruth"], rows=1, raters=1)
    marks = walk.world.annotation(["Ruth"], rows=1)
    page = walk.enter("Ruth", "expert")
    walk.look(page, "expert-queue")
    page.get_by_role("link", name=re.compile("Begin|Continue")).first.click()
    page.wait_for_selector(".item:not([hidden])")
    walk.look(page, "expert-review")
    if walk.size[0] == WIDTHS["phone"][0]:
        _item_has_half_of_the_screen(page)
    page.keyboard.press("Enter")
    assert "Not answered" in page.inner_text("[data-problem]")
    page.keyboard.press("n")
    assert "handbook" not in page.inner_text("[data-problem]"), "that one is answered now"
    page.keyboard.press("2")
    assert page.inner_text("[data-problem]") == ""
    page.keyboard.press("t")
    page.keyboard.press("4")
    page.keyboard.press("1")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    saved(page)
    verdict = walk.world.work_store.verdicts(batch.id)[0]
    assert verdict.said.tags == ("rude",)
    assert dict(verdict.said.scores) == {"faithful": 0, "helpful": 2}
    while page.locator(".item:not([hidden])").count():
        page.keyboard.press("y")
        page.keyboard.press("4")
        page.keyboard.press("Enter")
        saved(page)
    page.get_by_text("All done here. Thank you.").wait_for()
    walk.look(page, "expert-done")

    page.goto(walk.served.url + f"/work/{marks.id}")
    page.keyboard.press("l")
    page.keyboard.press("3")
    focused = page.evaluate("document.activeElement.value")
    assert focused == "moving house", "focus follows the choice"
    walk.look(page, "expert-annotate")
    page.keyboard.press("a")
    page.keyboard.type("Send form M-3.")
    page.keyboard.press("Control+Enter")
    saved(page)
    said = walk.world.work_store.verdicts(marks.id)[0].said
    assert said.label == "moving house"
    assert "Send form M-3." in said.answer


def _item_has_half_of_the_screen(page: Any) -> None:
    top, bottom, height = page.evaluate(
        """(() => { const panes = [...document.querySelectorAll('.item:not([hidden]) .pane')];
        return [panes[0].getBoundingClientRect().top,
                panes[panes.length - 1].getBoundingClientRect().bottom, innerHeight]; })()"""
    )
    assert bottom - top >= height / 2
    assert bottom <= height, "the item and its output are on the screen together"


def guest(walk: Walk) -> None:
    """Comes by a link that the owner makes, gives a name, judges what is asked, is done."""
    batch = walk.world.review([], rows=1, raters=1)
    owner = walk.enter("Olga", "owner", f"/batches/{batch.id}")
    owner.get_by_role("button", name="Create guest link").click()
    link = owner.inner_text(".copy")
    walk.look(owner, "owner-guest-link")
    page = walk.enter("", "guest", "/login")
    page.goto(link)
    walk.look(page, "guest-join")
    page.get_by_label("Name").fill("Gus from the field")
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("link", name="Begin").click()
    while page.locator(".item:not([hidden])").count():
        page.get_by_role("radio", name="Yes").check()
        page.get_by_role("radio", name="3").check()
        page.get_by_role("button", name="Save and continue").click()
        saved(page)
    page.get_by_text("All done here. Thank you.").wait_for()
    walk.look(page, "guest-done")
    assert len(walk.world.work_store.verdicts(batch.id)) == len(
        walk.world.work_store.items(batch.id)
    )


def adjudicator(walk: Walk) -> None:
    """Is named after annotators have disagreed, and decides until nothing is left."""
    world = walk.world
    batch = world.annotation(["Ada", "Ben"], rows=2)
    for name, label in (("Ada", "billing"), ("Ben", "meter")):
        person = world.client(name)
        for item in person.items(batch.id):
            person.say(item["id"], item["id"], label=label, answer=f"An answer by {name}.")
    world.account("Judy", "expert")
    owner = walk.enter("Olga", "owner", f"/batches/{batch.id}")
    walk.look(owner, "owner-no-adjudicator")
    names = owner.get_by_role("group", name=re.compile("Adjudicators"))
    names.get_by_role("checkbox", name="Judy").check()
    owner.get_by_role("button", name="Save").click()
    page = walk.enter("Judy", "expert")
    walk.look(page, "adjudicator-queue")
    page.get_by_role("link", name="Decide").click()
    walk.look(page, "adjudicator-decide")
    for _ in range(2):
        page.get_by_role("radio", name="Choose A").check()
        page.get_by_label("Reason").fill("The handbook says so.")
        page.get_by_role("button", name="Decide and continue").click()
    page.get_by_text("Nothing to decide now.").wait_for()
    walk.look(page, "adjudicator-done")
    owner.goto(walk.served.url + f"/batches/{batch.id}/gold")
    assert owner.get_by_text("adjudicated", exact=True).count() == 2
    walk.look(owner, "owner-gold")


def engineer(walk: Walk) -> None:
    """Plans, opens a review, assigns it in bulk, changes the questions, exports and imports."""
    world = walk.world
    world.account("Eve", "expert")
    page = walk.enter("Max", "engineer", "/plan")
    walk.look(page, "engineer-plan")
    page.get_by_role("link", name="Open the review").click()
    form = page.locator("form[action='/batches/review']")
    form.get_by_label("Title").fill("Answers in June")
    form.get_by_label("Rows", exact=True).fill("3")
    form.get_by_role("button", name="Open the review").click()
    page.get_by_role("link", name="All items").click()
    page.get_by_label("Search").fill("meter")
    page.get_by_role("button", name="Find").click()
    walk.look(page, "engineer-items")
    page.goto(page.url.split("?")[0])
    page.get_by_role("radio", name=re.compile("All .* that match")).check()
    page.get_by_role("checkbox", name="Eve").check()
    page.get_by_role("button", name="Split evenly among them").click()
    (batch,) = world.work_store.batches(kind="review")[:1]
    seats = world.work_store.seats(batch.id)[world.people["Eve"].id]
    assert seats["open"] == len(world.work_store.items(batch.id))
    page.locator("tbody th a").first.click()
    walk.look(page, "engineer-item")

    page.goto(walk.served.url + f"/batches/{batch.id}/questions")
    walk.look(page, "engineer-questions")
    page.locator("#guideline").fill("# Only this\n- and that")
    page.get_by_role("button", name="Save as a new version").click()
    changed = world.work_store.batch(batch.id)
    assert changed is not None
    assert changed.guideline == "# Only this\n- and that"
    assert changed.version != batch.version

    marks = world.annotation(["Eve"], rows=2)
    eve = world.client("Eve")
    for item in eve.items(marks.id):
        eve.say(item["id"], item["id"], label="billing", answer="A bill.")
    page.goto(walk.served.url + f"/batches/{marks.id}/export")
    walk.look(page, "engineer-export")
    with page.expect_download() as saved_file:
        page.get_by_role("link", name="Spreadsheet (CSV)").click()
    path = saved_file.value.path()
    page.goto(walk.served.url + "/import")
    page.get_by_label("Made with").select_option("csv")
    page.locator("#file").set_input_files(path)
    page.get_by_text("was read").wait_for()
    page.get_by_role("button", name="Import").click()
    page.get_by_role("heading", name="Imported").wait_for()
    walk.look(page, "engineer-import")
    for place in (
        "/batches",
        "/changes",
        f"/batches/{batch.id}",
        f"/batches/{batch.id}/corrections",
    ):
        page.goto(walk.served.url + place)
        walk.look(page, "engineer-" + (place.split("/")[-1] if len(place) < 40 else "batch"))


def owner(walk: Walk) -> None:
    """Signs in, invites, approves the definition, reads the report, signs, reads the log."""
    world = walk.world
    world.people["Olga"] = world.accounts.create("Olga", role="owner", password=PASSWORD)
    project = with_model(world)
    page = walk.enter("", "owner", "/login")
    walk.look(page, "owner-sign-in")
    page.get_by_label("Name").fill("Olga")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    walk.look(page, "owner-home")
    page.get_by_role("link", name="Team").click()
    page.get_by_role("button", name="Create link").click()
    assert "/join/" in page.inner_text(".copy")
    walk.look(page, "owner-people")

    page.get_by_role("link", name="Decisions").click()
    walk.look(page, "owner-definition")
    page.get_by_role("button", name="I approve this definition").click()
    page.get_by_text("signed", exact=True).wait_for()
    assert approvals(project).missing == ()
    page.get_by_role("link", name="Release", exact=True).click()
    walk.look(page, "owner-release")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Read the report").click()
    opened.value.get_by_text("lumenta-desk").first.wait_for()
    opened.value.close()

    page.get_by_label("Where it serves").fill("pilot")
    page.get_by_role("button", name="Sign the release").click()
    page.get_by_role("alert").get_by_text("not GO").wait_for()
    page.get_by_label("Where it serves").fill("pilot")
    page.locator("#reason").fill("A pilot with ten customers only.")
    page.get_by_label(re.compile("I release it nevertheless")).check()
    page.get_by_role("button", name="Sign the release").click()
    page.get_by_text("A pilot with ten customers only.").wait_for()
    walk.look(page, "owner-released")
    (made,) = releases.history(world.store)
    assert (made.signed_by, made.place) == ("Olga", "pilot")
    page.goto(walk.served.url + "/audit")
    assert "release signed" in page.inner_text("main")
    walk.look(page, "owner-log")


JOURNEYS: dict[str, Callable[[Walk], None]] = {
    "expert": expert,
    "guest": guest,
    "adjudicator": adjudicator,
    "engineer": engineer,
    "owner": owner,
}


@pytest.fixture
def served_desk(tmp_path: Path, browser: Any) -> Iterator[ServedProject]:
    file, store = make_project(tmp_path / "desk")
    world = World(file, store, create_app(Project(file, store)))
    server, thread, url = serve(world)
    yield ServedProject(world, url, browser)
    for context in browser.contexts:
        context.close()
    server.should_exit = True
    thread.join(10)
    store.close()


@pytest.mark.parametrize("who", JOURNEYS)
def test_a_whole_job_on_pages_alone(served_desk: ServedProject, who: str) -> None:
    walk = Walk(served_desk, strict=bool(PICTURES))
    JOURNEYS[who](walk)
    assert len(walk.seen) >= 3


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("who", JOURNEYS)
def test_every_job_at_every_width_in_light_and_dark(
    served_desk: ServedProject, who: str, width: str, scheme: str
) -> None:
    walk = Walk(served_desk, WIDTHS[width], scheme, f"{width}-{scheme}", strict=True)
    JOURNEYS[who](walk)
    assert len(walk.seen) >= 3
