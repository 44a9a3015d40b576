"""The review app in a real browser: keys only, a lost connection, hostile text, axe, blinding."""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from tests.web.conftest import World
from tests.web.test_pages import HOSTILE
from tests.web.world import make_project
from tunewell.people import MarkedSpan, Said
from tunewell.project import Project
from tunewell.web import create_app

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine (apt-get install chromium)"
)
PICTURES = os.environ.get("TUNEWELL_PICTURES", "")
"""Where to lay pictures of the pages; none are made if empty."""


class ServedProject:
    """A served project and a browser."""

    def __init__(self, world: World, url: str, browser: Any) -> None:
        self.world, self.url, self.browser = world, url, browser

    def page(self, name: str, path: str = "/", **context: Any) -> Any:
        """A page of somebody who is signed in; errors of the script fail the test."""
        return self.open_browser(name, **context).visit(path)

    def open_browser(self, name: str, **context: Any) -> BrowserSession:
        # A page that still fades in has colours for a moment that nobody reads.
        still: dict[str, Any] = {
            "viewport": {"width": 1280, "height": 860},
            "reduced_motion": "reduce",
        }
        options = still | context
        found = self.browser.new_context(**options)
        found.set_default_timeout(60_000)
        if name:
            token = self.world.sessions.start(self.world.account(name, "expert"))
            found.add_cookies([{"name": "tunewell", "value": token, "url": self.url}])
        return BrowserSession(found, self.url)


class BrowserSession:
    """One browser context."""

    def __init__(self, context: Any, url: str) -> None:
        self.context, self.url = context, url
        self.errors: list[str] = []

    def visit(self, path: str) -> Any:
        page = self.context.new_page()
        page.on("pageerror", lambda e: self.errors.append(str(e)))
        page.on(
            "console",
            lambda m: self.errors.append(m.text) if "Content Security Policy" in m.text else None,
        )
        page.goto(self.url + path)
        page.errors = self.errors
        return page


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        found = play.chromium.launch(executable_path=CHROMIUM)
        yield found
        found.close()


def serve(world: World) -> tuple[uvicorn.Server, threading.Thread, str]:
    server = uvicorn.Server(uvicorn.Config(world.app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    end = time.monotonic() + 20
    while not server.started and time.monotonic() < end:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    return server, thread, f"http://127.0.0.1:{port}"


@pytest.fixture
def served(tmp_path: Path, browser: Any) -> Iterator[ServedProject]:
    yield from _served(tmp_path, browser, {})


@pytest.fixture
def served_hostile(tmp_path: Path, browser: Any) -> Iterator[ServedProject]:
    yield from _served(tmp_path, browser, {f"t{i:04}": HOSTILE for i in range(24)})


def _served(folder: Path, browser: Any, answers: dict[str, str]) -> Iterator[ServedProject]:
    file, store = make_project(folder / "desk", answers=answers)
    world = World(file, store, create_app(Project(file, store)))
    server, thread, url = serve(world)
    yield ServedProject(world, url, browser)
    for context in browser.contexts:
        context.close()
    server.should_exit = True
    thread.join(10)
    store.close()


def saved(page: Any) -> None:
    page.locator("[data-state]", has_text="All saved").wait_for()


def test_an_expert_annotates_twenty_rows_by_keys_only(served: ServedProject) -> None:
    batch = served.world.annotation(["bob"], rows=20)
    page = served.page("bob")
    page.keyboard.press("Tab")
    for _ in range(12):  # from the top of the page to the button that begins
        if page.evaluate("document.activeElement.textContent") == "Begin":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector(".item:not([hidden])")
    for n in range(20):
        page.keyboard.press("m")
        for _ in range(3):
            page.keyboard.press("ArrowRight")
        page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press("1")
        page.keyboard.press("l")
        page.keyboard.press("Space")
        page.keyboard.press("a")
        page.keyboard.press("End")
        page.keyboard.type(f" ({n})")
        page.keyboard.press("Control+Enter")
        saved(page)
    page.wait_for_selector("[data-finished]:not([hidden])")
    said = served.world.work_store.verdicts(batch.id)
    assert len(said) == 20
    items = {i.id: i for i in served.world.work_store.items(batch.id)}
    for verdict in said:
        (mark,) = verdict.said.spans
        words = items[verdict.item].source.split()
        assert items[verdict.item].source[mark.start : mark.end] == f"{words[3]} {words[4]}"
        assert verdict.said.label == "billing"
        assert re.search(r" \(\d+\)", verdict.said.answer)
    assert page.errors == []


def test_a_verdict_takes_three_keys_and_back_goes_back(served: ServedProject) -> None:
    batch = served.world.review(["bob"], rows=10, raters=1)
    page = served.page("bob", f"/work/{batch.id}")
    for keys in ("y4", "n1", "y5"):
        for key in keys:
            page.keyboard.press(key)
        page.keyboard.press("Enter")
    saved(page)
    said = served.world.work_store.verdicts(batch.id)
    assert [dict(v.said.scores) for v in said] == [
        {"faithful": 1, "helpful": 4},
        {"faithful": 0, "helpful": 1},
        {"faithful": 1, "helpful": 5},
    ]
    page.keyboard.press("u")
    page.keyboard.press("c")
    page.keyboard.type("on second thoughts")
    page.keyboard.press("Control+Enter")
    saved(page)
    again = served.world.work_store.verdicts(batch.id)
    assert len(again) == 3
    assert again[-1].item == said[-1].item
    assert again[-1].said.comment == "on second thoughts"
    page.keyboard.press("Enter")
    assert "Not answered" in page.inner_text("[data-problem]")
    assert page.errors == []


def test_a_lost_connection_loses_nothing_and_doubles_nothing(served: ServedProject) -> None:
    batch = served.world.review(["bob"], rows=12, raters=1)
    opened = served.open_browser("bob")
    page = opened.visit(f"/work/{batch.id}")
    page.keyboard.press("y")
    page.keyboard.press("3")
    page.keyboard.press("Enter")
    saved(page)
    opened.context.set_offline(True)
    for _ in range(4):
        page.keyboard.press("n")
        page.keyboard.press("2")
        page.keyboard.press("Enter")
    page.keyboard.press("y")
    page.keyboard.press("c")
    page.keyboard.type("half a thought")
    assert "4 stored on this device" in page.inner_text("[data-state]")
    assert len(served.world.work_store.verdicts(batch.id)) == 1
    unfinished = page.evaluate("document.querySelector('.item:not([hidden])').dataset.item")
    page.close()  # the browser is closed, and opened again when the connection is back
    opened.context.set_offline(False)
    page = opened.visit(f"/work/{batch.id}")
    saved(page)
    assert len(served.world.work_store.verdicts(batch.id, all_words=True)) == 5
    kept = page.locator(f"[data-item='{unfinished}']")
    assert kept.locator("textarea[name=comment]").input_value() == "half a thought"
    assert kept.locator("input[name='score.faithful'][value='1']").is_checked()
    assert opened.errors == []


def test_while_the_store_is_away_nothing_is_dropped_and_nothing_shown_as_saved(
    served: ServedProject,
) -> None:
    """Whatever answers in its place: 503, a proxy's page, a 400 that is not the API's own."""
    batch = served.world.review(["bob"], rows=12, raters=1)
    page = served.page("bob", f"/work/{batch.id}")
    answers = [
        {"status": 503, "body": '{"error": {"code": 503, "message": "away", "hint": ""}}'},
        {"status": 400, "body": "<html>Bad request, says a proxy</html>"},
        {"status": 413, "body": "{}"},
        {"status": 404, "body": '{"detail": "Not Found"}'},
        {"status": 200, "body": "<html>Maintenance</html>"},
    ]
    sent = 0

    def away(route: Any) -> None:
        nonlocal sent
        route.fulfill(content_type="text/html", **answers[sent % len(answers)])
        sent += 1

    page.route("**/api/v1/verdicts", away)
    for _ in range(3):
        page.keyboard.press("y")
        page.keyboard.press("3")
        page.keyboard.press("Enter")
    page.locator("[data-state]", has_text="3 not saved yet").wait_for()
    for _ in range(6):
        page.evaluate("window.dispatchEvent(new Event('online'))")
        page.wait_for_timeout(100)
    assert sent >= len(answers)
    assert "3 not saved yet" in page.inner_text("[data-state]")
    assert page.inner_text("[data-problem]") == ""
    assert served.world.work_store.verdicts(batch.id) == []

    page.unroute("**/api/v1/verdicts")
    page.evaluate("window.dispatchEvent(new Event('online'))")
    saved(page)
    assert len(served.world.work_store.verdicts(batch.id)) == 3


def test_what_the_api_itself_refuses_is_open_again(served: ServedProject) -> None:
    batch = served.world.review(["bob"], rows=6, raters=1)
    page = served.page("bob", f"/work/{batch.id}")
    refusal = '{"error": {"code": 400, "message": "the guideline has changed", "hint": ""}}'
    page.route("**/api/v1/verdicts", lambda route: route.fulfill(status=400, body=refusal))
    before = page.inner_text("[data-progress]")
    page.keyboard.press("y")
    page.keyboard.press("3")
    page.keyboard.press("Enter")
    page.locator("[data-problem]", has_text="Not saved: the guideline has changed").wait_for()
    assert page.inner_text("[data-progress]").split()[0] == before.split()[0]
    saved(page)


def test_an_answer_that_got_lost_on_its_way_back_is_not_counted_twice(
    served: ServedProject,
) -> None:
    batch = served.world.review(["bob"], rows=4, raters=1)
    page = served.page("bob", f"/work/{batch.id}")
    state = {"first": True}

    def cut(route: Any) -> None:
        if state.pop("first", False):
            route.fetch()  # the server writes it down …
            route.abort()  # … and the answer never arrives
        else:
            route.continue_()

    page.route("**/api/v1/verdicts", cut)
    page.keyboard.press("y")
    page.keyboard.press("3")
    page.keyboard.press("Enter")
    saved(page)
    assert len(served.world.work_store.verdicts(batch.id, all_words=True)) == 1


def test_hostile_output_is_shown_and_does_nothing(served_hostile: ServedProject) -> None:
    batch = served_hostile.world.review(["bob"], rows=3, raters=1)
    opened = served_hostile.open_browser("bob")
    asked: list[str] = []
    opened.context.on("request", lambda r: asked.append(r.url))
    page = opened.visit(f"/work/{batch.id}")
    page.on("dialog", lambda d: pytest.fail(f"a dialog: {d.message}"))
    for _ in range(3):
        page.wait_for_selector(".item:not([hidden])")
        assert page.locator(".item img, .item b, .item script").count() == 0
        page.keyboard.press("s")
    saved(page)
    assert all(url.startswith(served_hostile.url) for url in asked), asked
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert opened.errors == []


LOOKS = {
    "desk": (1280, 860, 1, "light"),
    "desk-dark": (1280, 860, 1, "dark"),
    "phone": (360, 740, 2, "light"),
    "zoom-200": (640, 430, 2, "light"),
}
RULES: dict[str, dict[str, list[str]] | None] = {
    "desk": {},
    "phone": {},
    "desk-dark": {"runOnly": ["color-contrast"]},
    "zoom-200": None,
}
"""What axe looks at: dark has other colours alone; the zoomed desk is no wider than a phone."""


@pytest.mark.parametrize("look", LOOKS)
def test_no_page_violates_axe_or_scrolls_sideways(served: ServedProject, look: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    world = served.world
    world.account("ann", "owner")
    review, marks = (
        world.review(["ann", "bob"], rows=6),
        world.annotation(["ann", "bob"], rows=4, adjudicators=["judy"]),
    )
    _work_a_little(world, review.id, marks.id)
    width, height, scale, scheme = LOOKS[look]
    options = {
        "viewport": {"width": width, "height": height},
        "device_scale_factor": scale,
        "color_scheme": scheme,
    }
    pages = {
        "ann": [
            "/",
            f"/work/{review.id}",
            f"/work/{marks.id}",
            "/batches",
            f"/batches/{review.id}",
            f"/batches/{marks.id}",
            "/people",
            "/audit",
            "/account",
            "/nowhere",
        ],
        "judy": [f"/decide/{marks.id}"],
        "": ["/login"],
    }
    for name, paths in pages.items():
        opened = served.open_browser(name, **options)
        for path in paths:
            page = opened.visit(path)
            rules = RULES[look]
            found = []
            if rules is not None:
                found = Axe().run(page, options=rules).response["violations"]
            assert not found, [(path, v["id"], [n["html"] for n in v["nodes"]]) for v in found]
            wide = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert wide <= 0, f"{path} scrolls sideways by {wide} px at {width}"
            page.close()
        assert opened.errors == []
        opened.context.close()


def _work_a_little(world: World, review: str, marks: str) -> None:
    batches = {b.id: b for b in world.work_store.batches()}
    for name in ("ann", "bob"):
        account = world.people[name].id
        for item in world.work_store.next_items(review, account, limit=7):
            said = Said(
                scores={"faithful": float("tuned" in item.arms), "helpful": 3}, tags=("rude",)
            )
            world.work_store.write(
                said, item=item, batch=batches[review], account=account, key=item.id, seconds=9
            )
        for item in world.work_store.next_items(marks, account, limit=3):
            span = MarkedSpan(start=0, end=4 if name == "ann" else 6, label="amount")
            said = Said(spans=(span,), label="billing", answer=item.suggestion)
            world.work_store.write(
                said, item=item, batch=batches[marks], account=account, key=item.id, seconds=9
            )


@pytest.mark.skipif(not PICTURES, reason="pictures are made when TUNEWELL_PICTURES names a folder")
def test_pictures(served: ServedProject) -> None:
    """Pictures for the docs: TUNEWELL_PICTURES=docs/pictures pytest tests/web -k pictures."""
    folder = Path(PICTURES)
    world = served.world
    world.account("Ann Weber", "owner")
    review = world.review(["Ruth Okafor", "Tomas Lindqvist"], rows=24)
    marks = world.annotation(
        ["Ruth Okafor", "Tomas Lindqvist"], rows=12, adjudicators=["Judy Marsh"]
    )
    _work_much(world, review.id, marks.id)

    def shot(name: str, who: str, path: str, *keys: str, **options: Any) -> None:
        page = served.page(who, path, **options)
        for key in keys:
            page.keyboard.press(key)
        page.wait_for_timeout(250)
        page.screenshot(path=folder / f"web-{name}.png", full_page=name == "decide")
        assert (folder / f"web-{name}.png").stat().st_size < 200_000
        page.context.close()

    ruth, ann = "Ruth Okafor", "Ann Weber"
    shot("queue", ruth, "/", viewport={"width": 1280, "height": 520})
    shot("review", ruth, f"/work/{review.id}", "y")
    shot("review-dark", ruth, f"/work/{review.id}", "y", color_scheme="dark")
    shot("review-phone", ruth, f"/work/{review.id}", "y", viewport={"width": 360, "height": 740})
    mark = (
        "m",
        *["ArrowRight"] * 4,
        "Shift+ArrowRight",
        "1",
        *["ArrowRight"] * 8,
        "Shift+ArrowRight",
    )
    shot("annotate", ruth, f"/work/{marks.id}", *mark)
    shot("decide", "Judy Marsh", f"/decide/{marks.id}")
    shot("batches", ann, "/batches", viewport={"width": 1280, "height": 1000})
    shot("results", ann, f"/batches/{review.id}", viewport={"width": 1040, "height": 1240})
    shot("people", ann, "/people", viewport={"width": 1280, "height": 800})


def _work_much(world: World, review: str, marks: str) -> None:
    import random

    luck = random.Random(4)
    batches = {b.id: b for b in world.work_store.batches()}
    truth: dict[str, bool] = {}
    for count, name in ((30, "Ruth Okafor"), (36, "Tomas Lindqvist")):
        account = world.people[name].id
        for item in world.work_store.next_items(review, account, limit=count):
            right = truth.setdefault(
                item.id, luck.random() < (0.93 if "tuned" in item.arms else 0.3)
            )
            right = right if luck.random() < 0.95 else not right
            tags = () if right else (luck.choice(["wrong amount", "missing next step"]),)
            scores = {
                "faithful": float(right),
                "helpful": 5.0 - luck.randrange(2) if right else 1.0 + luck.randrange(2),
            }
            world.work_store.write(
                Said(scores=scores, tags=tags),
                item=item,
                batch=batches[review],
                account=account,
                key=item.id,
                seconds=luck.uniform(20, 55),
            )
        for n, item in enumerate(world.work_store.next_items(marks, account, limit=8)):
            at = item.source.find(" EUR")
            spans = (MarkedSpan(start=at - 2, end=at + 4, label="amount"),) if at > 0 else ()
            label = ("billing", "meter")[n % 2 if name.startswith("R") else 0]
            world.work_store.write(
                Said(label=label, spans=spans, answer=item.suggestion),
                item=item,
                batch=batches[marks],
                account=account,
                key=item.id,
                seconds=luck.uniform(20, 55),
            )
