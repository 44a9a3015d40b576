"""The page for the person on duty in a real browser: three widths, light and dark, axe."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
from typing import Any

from tests.web.test_browser import CHROMIUM as CHROMIUM
from tests.web.test_browser import ServedProject, browser, served
from tests.web.test_browser import pytestmark as pytestmark
from tests.web.test_watch_page import alarm_of, watched_of
from tunewell.monitor.episodes import episodes
from tunewell.monitor.found import FeedbackBound, UncheckedChannel
from tunewell.monitor.interactions import quality_bounds
from tunewell.monitor.kept_look import keep_look
from tunewell.report.watch_digest import WeekOfWatching, digest_html

__all__ = ["browser", "served"]

PICTURES = os.environ.get("TUNEWELL_PICTURES", "")
WIDTHS = (360, 768, 1280)


def _look_at(
    page: Any,
    axe: Any,
    name: str,
) -> None:
    """No violation, and nothing wider than the screen; a picture where they are wanted."""
    found = axe.run(page).response["violations"]
    assert not found, [(name, v["id"], [n["html"] for n in v["nodes"]]) for v in found]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)


def test_no_violation_at_any_width_in_light_or_dark(served: ServedProject) -> None:
    from axe_playwright_python.sync_playwright import Axe

    long = alarm_of("traffic: share of plan=a very long value that goes on and on and on")
    bound = FeedbackBound(
        name="thumb", good=quality_bounds(80, 100, 1_000), said=100, of=1_000, days=28
    )
    watched = dataclasses.replace(
        watched_of(alarm_of(), long.model_copy(update={"id": "a2"})),
        bounds=(bound,),
        unchecked=(UncheckedChannel(channel="judge scores", reason="no rating of a judge"),),
    )
    kept = keep_look(served.world.store, watched, records=4_800, now=watched.as_of)
    served.world.account("ann", "owner")
    page = served.open_browser("ann").visit("/watch")
    assert "80 % good" in page.inner_text("section[aria-labelledby=feedback]")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            _look_at(page, Axe(), f"watch-{width}-{scheme}")

    end = kept.as_of.date()
    week = WeekOfWatching(
        project="desk",
        start=end - dt.timedelta(days=70),
        end=end,
        look=kept,
        episodes=episodes(kept.alarms),
    )
    # The digest is a page of its own: its styles are in it.
    page.goto("about:blank")
    page.set_content(digest_html(week))
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        _look_at(page, Axe(), f"digest-{width}")
    assert page.errors == []
