"""A whole comparison in Chromium: six raters, one of them careless, a person for an arm.

And twelve ways in which a rater might learn who wrote an answer.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.web.conftest import World
from tests.web.test_browser import CHROMIUM as CHROMIUM
from tests.web.test_browser import BrowserSession, ServedProject, browser, serve
from tests.web.test_browser import pytestmark as pytestmark
from tests.web.world import make_project
from tunewell.compare import (
    AskedQuestion,
    BlindComparison,
    ComparisonBook,
    ComparisonDesign,
    Inbox,
    sign_and_open,
)
from tunewell.compare.answering import given
from tunewell.people import AccountRole
from tunewell.project import Project
from tunewell.web import create_app

__all__ = ["browser"]

PICTURES = os.environ.get("TUNEWELL_PICTURES", "")
EACH = 8
WIDTHS = (380, 820, 1280)

PROGRAM = (
    "Sure! **Here is what to do** 😀\n\n1. Open the colour settings\n2. Choose number {n}\n\n"
    "See https://bot.example/help.\n\nI hope this helps!"
)
PERSON = "Hi Ann,\n\nopen the settings, then take number {n} and save.\n\nKind regards,\nBob Miller"


class ComparingProject(ServedProject):
    """A served project with a comparison."""

    def person(self, name: str, role: AccountRole = "guest", **context: Any) -> BrowserSession:
        self.world.account(name, role)
        return self.open_browser(name, **context)

    @property
    def book(self) -> ComparisonBook:
        return ComparisonBook(self.world.store)

    def open_comparison(self, *, human: bool = True, each: int = EACH) -> BlindComparison:
        """Six raters, one agent; the program has answered."""
        second = {"name": "human-desk", "kind": "human"}
        if not human:
            second = {"name": "old-bot", "kind": "production"}
        design = ComparisonDesign.model_validate(
            {
                "name": "spring",
                "arms": [{"name": "secret-tuned", "kind": "tuned"}, second],
                "raters": 6,
                "each": each,
                "win_rate": 0.95,
                "icc": 0.0,
                "ties": 0.0,
                "guesses": 2,
            }
        )
        raters = [self.world.account(f"Rater {n}", "guest").id for n in range(6)]
        agents = [self.world.account("gus", "agent").id] if human else []
        asked = [
            AskedQuestion(id=f"{n:032x}", text=f"How do I do number {n}?", row=f"r{n}")
            for n in range(each)
        ]
        answers = {}
        for n, question in enumerate(asked):
            program = given(PROGRAM.format(n=n), design.blinding)
            other = None if human else given(PERSON.format(n=n), design.blinding)
            answers[question.id] = (program, other)
        draft = self.book.draft(
            design, author="olga", raters=raters, agents=agents, questions=asked, answers=answers
        )
        return sign_and_open(self.book, draft, author="olga")


@pytest.fixture
def comparing(tmp_path: Path, browser: Any) -> Iterator[ComparingProject]:
    file, store = make_project(tmp_path / "desk")
    world = World(file, store, create_app(Project(file, store)))
    server, thread, url = serve(world)
    yield ComparingProject(world, url, browser)
    for context in browser.contexts:
        context.close()
    server.should_exit = True
    thread.join(10)
    store.close()


def picture(page: Any, name: str) -> None:
    """Three widths, light and dark, where pictures are wanted."""
    if not PICTURES:
        return
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 860})
            page.screenshot(path=f"{PICTURES}/{name}-{scheme}-{width}.png", full_page=True)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 860})


def accessible(page: Any) -> None:
    """Nothing that axe finds, at three widths, and nothing that scrolls sideways."""
    from axe_playwright_python.sync_playwright import Axe

    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 860})
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{wide} px too wide at {width}"
    page.set_viewport_size({"width": 1280, "height": 860})


def shown_pair(page: Any) -> Any:
    return page.locator("[data-pair]:not([hidden])")


def program_is(page: Any) -> str:
    """Which answer the program wrote: only this test knows."""
    answers = shown_pair(page).locator(".pane.output .text").all_text_contents()
    return "1" if "Choose number" in answers[0] else "2"


def test_a_whole_comparison_with_a_person_for_an_arm(comparing: ComparingProject) -> None:
    comparison = comparing.open_comparison()
    agent = comparing.person("gus", "agent").visit("/inbox")
    accessible(agent)
    picture(agent, "inbox")
    for n in range(EACH - 1):
        section = agent.locator("section.request").first
        asked = section.locator(".text").text_content()
        number = re.search(r"number (\d+)", asked)
        assert number is not None
        section.locator("textarea").fill(PERSON.format(n=number[1]))
        section.locator("button.primary").click()
        agent.get_by_text(f"{EACH - 1 - n} question").first.wait_for()
    # The last answer never comes: its time passes.
    late = ComparisonBook(comparing.world.store, clock=lambda: time.time() + 49 * 3600)
    assert Inbox(late).expire() == 1

    for n in range(6):
        page = comparing.person(f"Rater {n}").visit(f"/compare/{comparison.id}")
        shown_pair(page).wait_for()
        if n == 0:
            accessible(page)
            picture(page, "rate")
        for left in range(EACH - 2, -1, -1):
            # The last rater always takes what stands first.
            page.keyboard.press("1" if n == 5 else program_is(page))
            if left:
                page.locator("[data-progress]", has_text=f"{left} left").wait_for()
        page.wait_for_url("**/guess")
        if n == 0:
            accessible(page)
            picture(page, "guess")
        for _ in range(2):
            page.get_by_role("button", name="I cannot tell").click()
        page.get_by_text("All done here").wait_for()
        assert page.errors == []

    owner = comparing.person("olga", "owner").visit("/comparisons/spring")
    accessible(owner)
    picture(owner, "design")
    owner.goto(comparing.url + "/comparisons/spring/result")
    accessible(owner)
    picture(owner, "result")
    words = owner.locator("main").text_content()
    assert "INCONCLUSIVE" in words
    assert "too few are left" in words
    assert "always the first shown" in words
    assert "6 expired" in words
    assert f"{EACH - 1} of {EACH} in time, 1 expired" in words
    owner.goto(comparing.url + "/comparisons/new")
    accessible(owner)
    picture(owner, "new")
    owner.goto(comparing.url + "/compare")
    accessible(owner)
    picture(owner, "list")
    assert owner.errors == []


def test_a_lost_connection_loses_no_rating(comparing: ComparingProject) -> None:
    comparison = comparing.open_comparison(human=False)
    session = comparing.person("Rater 0")
    page = session.visit(f"/compare/{comparison.id}")
    page.keyboard.press("1")
    page.locator("[data-state]", has_text="All saved").wait_for()
    session.context.set_offline(True)
    page.keyboard.press("c")
    page.keyboard.type("half a thought")
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    page.keyboard.press("3")
    page.locator("[data-state]", has_text="2 stored on this device").wait_for()
    page.keyboard.press("c")
    page.keyboard.type("a draft")
    session.context.set_offline(False)
    page.locator("[data-state]", has_text="All saved").wait_for()
    page.reload()
    shown_pair(page).wait_for()
    assert shown_pair(page).locator("textarea").input_value() == "a draft"
    rated = comparing.book.rated(comparison)
    assert [said.said.preferred for said in rated if said.said] == ["first", "second", "tie"]
    assert [said.said.comment for said in rated if said.said] == ["", "half a thought", ""]
    assert page.errors == []


def test_twelve_ways_to_learn_who_wrote_an_answer_are_shut(comparing: ComparingProject) -> None:
    comparison = comparing.open_comparison(human=False)
    session = comparing.person("Rater 0")
    page = session.visit(f"/compare/{comparison.id}")
    shown_pair(page).wait_for()
    secrets = ("secret-tuned", "old-bot", "tuned", "production", "Bob Miller", "spring")

    # 1 page source, 2 address, 3 signatures, 4 markdown, 5 emoji, 6 language variant
    source = page.content()
    for word in (*secrets, "**", "😀", "colour", "Kind regards", "Sure!", "https://bot"):
        assert word not in source, word
    assert not any(word in page.url for word in secrets)

    # 7 order in the API: which answer is first is drawn for each pair
    answer = session.context.request.get(
        f"{comparing.url}/api/v1/my-comparisons/{comparison.id}/pairs"
    )
    pairs = answer.json()
    assert set(pairs[0]) == {"id", "question", "first", "second"}
    firsts = ["Choose number" in pair["first"] for pair in pairs]
    assert 0 < sum(firsts) < len(pairs)
    order = sorted(pairs, key=lambda pair: str(pair["id"]))
    assert [p["id"] for p in order] != [p["id"] for p in pairs]

    # 8 cache headers: the same for every pair, and nothing kept
    headers = answer.headers
    assert headers["cache-control"] == "no-store"
    assert not {"etag", "last-modified", "age", "server-timing", "x-arm"} & set(headers)
    assert not any(word in json.dumps(headers) for word in secrets)

    # 9 length: both answers have the same room
    panes = shown_pair(page).locator(".pane.output").all()
    boxes = [pane.bounding_box() for pane in panes]
    assert boxes[0]["height"] == boxes[1]["height"]
    assert boxes[0]["width"] == pytest.approx(boxes[1]["width"], abs=1)

    # 10 focus order: one element in each answer, in the order shown, whatever wrote it
    stops = (
        shown_pair(page)
        .locator(".pane.output [tabindex]")
        .evaluate_all(
            "nodes => nodes.map(node => [node.className, node.getAttribute('aria-label')])"
        )
    )
    assert stops == [["text", "Answer A"], ["text", "Answer B"]]

    # 11 time: both answers are there before the pair is, so no request waits for an arm
    for pair in pairs:
        stored = comparing.book.own_pair(pair["id"], comparing.world.account("Rater 0", "guest").id)
        assert stored is not None
        assert all(answer is not None for answer in stored.answers)
    assert page.evaluate("performance.getEntriesByType('resource').length") <= 4

    # 12 error texts: what fails is not shown, and refusals name no arm
    wrong = session.context.request.get(f"{comparing.url}/comparisons/spring/result")
    assert wrong.status == 403
    missing = session.context.request.get(f"{comparing.url}/compare/{'0' * 32}")
    for text in (wrong.text(), missing.text()):
        assert not any(word in text for word in secrets[:5]), text
